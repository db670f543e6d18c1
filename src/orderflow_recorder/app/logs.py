"""Where log lines go: standard error, and files that change every day.

Every other module just uses ``loguru.logger``; a process calls `configure` once. No line carries a
password: whatever has the form ``scheme://user:password@`` is blanked on its way out.
"""

import json
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loguru import logger

if TYPE_CHECKING:
    from loguru import Record

_PASSWORD: Final = re.compile(r"(?P<user>\w[\w+.-]*://[^\s:/@]*):[^\s@/]+@")
_KEEP_FILES: Final = "30 days"


def redact(text: str) -> str:
    """Return ``text`` with the password of every URL in it blanked."""
    return _PASSWORD.sub(r"\g<user>:***@", text)


def configure(
    *,
    process: str,
    level: str,
    log_format: str,
    directory: Path | None,
    instance: str,
    secrets: Sequence[str] = (),
    write: Callable[[str], None] | None = None,
) -> None:
    """Send log lines of this process to where the settings say.

    Args:
        process: Name that each line carries.
        level: Least severe level to write.
        log_format: ``text`` or ``json``.
        directory: Also write files there, one a day and process, kept for 30 days; none for no files.
        instance: Part of the files' names.
        secrets: Texts that are blanked wherever they turn up.
        write: Takes the lines instead of standard error, e.g. above a status line.
    """
    logger.remove()
    logger.configure(extra={"process": process})
    tracebacks = level in {"TRACE", "DEBUG"}
    template = _json_line if log_format == "json" else _text_line
    colour = write is None and log_format == "text" and sys.stderr.isatty()

    def line(record: "Record") -> str:
        text = template(record, tracebacks=tracebacks)
        for secret in secrets:
            text = text.replace(secret, "***")
        record["extra"]["line"] = text
        return "<level>{extra[line]}</level>\n"

    logger.add(write or sys.stderr, level=level, format=line, colorize=colour)
    if directory is not None:
        logger.add(
            directory / f"{instance}-{process}-{{time:YYYY-MM-DD}}.log",
            level=level,
            format=line,
            colorize=False,
            rotation="00:00",
            retention=_KEEP_FILES,
            encoding="utf-8",
        )


def _fields(record: "Record") -> dict[str, object]:
    """Return what was bound to the line, e.g. market and connection."""
    return {name: value for name, value in record["extra"].items() if name not in {"process", "component", "line"}}


def _trace(record: "Record") -> str:
    exception = record["exception"]
    if exception is None or exception.type is None:
        return ""
    return "".join(traceback.format_exception(exception.type, exception.value, exception.traceback))


def _text_line(record: "Record", *, tracebacks: bool) -> str:
    fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
    process = record["extra"]["process"]
    text = (
        f"{record['time']:YYYY-MM-DD HH:mm:ss.SSS} {record['level'].name:<7} {process:<9} {record['message']}{fields}"
    )
    trace = _trace(record)
    if trace:
        text += "\n" + trace if tracebacks else f" ({trace.strip().splitlines()[-1]})"
    return redact(text.rstrip())


def _json_line(record: "Record", *, tracebacks: bool) -> str:
    line: dict[str, object] = {
        "time": record["time"].isoformat(),
        "level": record["level"].name,
        "process": record["extra"]["process"],
        "message": record["message"],
    }
    line |= {name: value for name, value in _fields(record).items() if name not in line}
    trace = _trace(record)
    if trace:
        line["exception"] = trace if tracebacks else trace.strip().splitlines()[-1]
    return redact(json.dumps(line, default=str, ensure_ascii=False))
