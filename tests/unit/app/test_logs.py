"""Where log lines go, and what never gets there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from orderflow_recorder.app.logs import configure, redact


@pytest.fixture(autouse=True)
def _leave_no_handlers() -> Iterator[None]:
    yield
    logger.remove()


def lines_of(level: str = "INFO", log_format: str = "text", directory: Path | None = None) -> list[str]:
    """Configure logs and return the list that the lines go to."""
    lines: list[str] = []
    configure(
        process="collector",
        level=level,
        log_format=log_format,
        directory=directory,
        instance="main",
        write=lines.append,
    )
    return lines


def fail() -> None:
    msg = "cannot connect to postgresql://me:hunter2@host/db"
    raise RuntimeError(msg)


def test_a_text_line_has_time_level_process_message_and_fields() -> None:
    lines = lines_of()
    logger.bind(market="spot").info("connected to {}", "x")
    assert len(lines) == 1
    assert lines[0].rstrip("\n").split(" ", 2)[2].split() == [
        "INFO",
        "collector",
        "connected",
        "to",
        "x",
        "market=spot",
    ]


def test_a_line_below_the_level_is_not_written() -> None:
    lines = lines_of(level="WARNING")
    logger.info("quiet")
    assert lines == []


def test_a_json_line_is_one_object() -> None:
    lines = lines_of(log_format="json")
    logger.bind(market="spot", streams=3).warning("say {}", "<b>{}</b> ü")
    line = json.loads(lines[0])
    assert line.pop("time").startswith("2")
    assert line == {
        "level": "WARNING",
        "process": "collector",
        "message": "say <b>{}</b> ü",
        "market": "spot",
        "streams": 3,
    }


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_no_line_holds_a_password(log_format: str, level: str) -> None:
    lines = lines_of(level=level, log_format=log_format)
    logger.bind(url="postgresql://me:hunter2@host/db").info("postgresql://me:hunter2@host/db")
    try:
        fail()
    except RuntimeError:
        logger.exception("failed")
    assert len(lines) == 2
    assert "hunter2" not in "".join(lines)
    assert "postgresql://me:***@host/db" in lines[0]


@pytest.mark.parametrize(("level", "shown"), [("INFO", False), ("DEBUG", True)])
def test_a_traceback_is_for_those_who_asked_for_details(level: str, shown: bool) -> None:  # noqa: FBT001  # a parameter of the test
    lines = lines_of(level=level)
    try:
        fail()
    except RuntimeError:
        logger.exception("failed")
    assert ("Traceback" in lines[0]) is shown
    assert "RuntimeError: cannot connect" in lines[0]


def test_every_process_writes_a_file_of_its_own_a_day(tmp_path: Path) -> None:
    lines = lines_of(directory=tmp_path)
    logger.info("hello")
    logger.remove()
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("main-collector-2")
    assert file.suffix == ".log"
    assert file.read_text() == lines[0]


def test_redact_leaves_other_text_alone() -> None:
    text = "wss://stream.binance.com:9443 at 12:30 by me@example.com"
    assert redact(text) == text
    assert redact("a postgresql+psycopg://u:p:q@h/d b") == "a postgresql+psycopg://u:***@h/d b"


def test_secrets_are_in_no_line() -> None:
    lines: list[str] = []
    for log_format in ("text", "json"):
        configure(
            process="serve",
            level="DEBUG",
            log_format=log_format,
            directory=None,
            instance="main",
            secrets=("hunter2",),
            write=lines.append,
        )
        logger.bind(field="hunter2").info("message with {}", "hunter2")
        try:
            fail()
        except RuntimeError:
            logger.exception("failed")
    assert len(lines) == 4
    assert not any("hunter2" in line for line in lines)
