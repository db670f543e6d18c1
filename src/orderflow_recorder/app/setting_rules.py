"""What settings may say: lists, URLs, streams, contradictions, and the words of the errors."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import ValidationError

from orderflow_recorder.app.durations import too_short
from orderflow_recorder.core.window import RecordingWindow
from orderflow_recorder.domain.errors import UnknownStreamError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind, stream_kind

LISTS: Final = (
    "symbols_spot",
    "symbols_futures",
    "spot_streams_trades",
    "spot_streams_depth",
    "spot_streams_extra",
    "futures_streams_trades",
    "futures_streams_depth",
    "futures_streams_extra",
)
"""Settings whose empty value means "none"; every other empty value means the default."""

_KINDS: Final = {
    "trades": (StreamKind.TRADE, StreamKind.AGG_TRADE),
    "depth": (StreamKind.DEPTH, StreamKind.PARTIAL_DEPTH),
    "extra": (StreamKind.BOOK_TICKER, StreamKind.MARK_PRICE, StreamKind.FORCE_ORDER),
}
_LATER: Final = ("ARCHIVE_URL",)
"""Public names of settings that this version does not read."""
_SHORTEST_KEY: Final = 16
SECRET: Final = ("DB_URL", "JOURNAL_URL", "API_KEY", "ARCHIVE_URL")
_SIMILAR: Final = 0.8
_EXPECTED: Final = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "literal_error": "one of {expected}",
    "string_pattern_mismatch": "text that matches {pattern}",
}


def split_list(value: object) -> tuple[str, ...]:
    """Return the items of a comma list or JSON list, without blanks and duplicates."""
    if isinstance(value, str):
        text = value.strip()
        value = _json_list(text) if text.startswith("[") else text.split(",")
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        msg = "expected a comma list or a JSON list of texts"
        raise ValueError(msg)
    return tuple(dict.fromkeys(item.strip() for item in value if item.strip()))


def _json_list(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        msg = 'expected a comma list such as a,b or a JSON list such as ["a","b"]'
        raise ValueError(msg) from None


def split_keys(value: object) -> tuple[str, ...]:
    """Return keys that cannot be guessed; the error quotes none of them."""
    keys = split_list(value)
    if not all(len(key) >= _SHORTEST_KEY and key.isascii() and key.isprintable() and " " not in key for key in keys):
        msg = f"expected keys of at least {_SHORTEST_KEY} ASCII characters without blanks, got another one"
        raise ValueError(msg)
    return keys


def split_symbols(value: object) -> tuple[str, ...]:
    """Return symbols in upper case; ``*`` stands alone.

    The venue lists symbols with underscores, leading digits and Chinese letters, so only what no symbol
    can contain is refused.
    """
    symbols = tuple(dict.fromkeys(item.upper() for item in split_list(value)))
    wrong = [symbol for symbol in symbols if symbol != "*" and not re.fullmatch(r"\w{2,40}", symbol)]
    if wrong:
        msg = f"expected symbols of letters, digits and _ such as BTCUSDT, got {wrong[0]!r}"
        raise ValueError(msg)
    if "*" in symbols and len(symbols) > 1:
        msg = "expected either * for all symbols or a list of symbols, got both"
        raise ValueError(msg)
    return symbols


def check_streams(setting: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return ``names`` if each is a stream that belongs in ``setting``.

    Raises:
        ValueError: An unknown stream, or one that belongs in another setting.
    """
    market = Market.SPOT if setting.startswith("spot") else Market.USDM
    prefix, _, group = setting.rpartition("_")
    for name in names:
        try:
            kind = stream_kind(market, name)
        except UnknownStreamError as error:
            raise ValueError(str(error)) from None
        home = next(key for key, kinds in _KINDS.items() if kind in kinds)
        if home != group:
            msg = f"stream {name!r} belongs in {prefix.upper()}_{home.upper()}"
            raise ValueError(msg)
    return tuple(names)


def check_url(url: str, schemes: Sequence[str]) -> str:
    """Return ``url`` without a trailing slash if it has a host and one of ``schemes``.

    Raises:
        ValueError: It has not.
    """
    expected = f"expected {schemes[0]}://host[:port]"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        msg = f"{expected}, got a URL with a fault: {error}"
        raise ValueError(msg) from None
    if parts.scheme not in schemes:
        msg = f"{expected}, got a URL that begins with {url.split(':', 1)[0][:20]!r}"
        raise ValueError(msg)
    if not parts.hostname:
        msg = f"{expected}, got a URL without a host"
        raise ValueError(msg)
    return url.rstrip("/")


def contradictions(values: Mapping[str, Any]) -> list[str]:
    """Return one line per pair of settings that cannot both hold.

    Args:
        values: Validated settings by field name.
    """
    found = [*_markets(values), *_loader_shards(values), *_window(values), *too_short(values)]
    for small, large in (
        ("ws_reconnect_backoff_s", "ws_reconnect_backoff_max_s"),
        ("loader_backoff_s", "loader_backoff_max_s"),
    ):
        if values[small] > values[large]:
            found.append(
                f"{small.upper()}: expected at most {large.upper()} ({values[large]:g}), got {values[small]:g}"
            )
    if values["journal_fsync_seconds"] * 1000 < values["journal_flush_ms"]:
        found.append(
            f"JOURNAL_FSYNC_SECONDS: expected at least JOURNAL_FLUSH_MS ({values['journal_flush_ms']} ms), "
            f"got {values['journal_fsync_seconds']:g} s"
        )
    if values["journal_url"] and values["collector_shards"] > 1:
        found.append(
            f"COLLECTOR_SHARDS: expected 1 with JOURNAL_URL, got {values['collector_shards']}: "
            "give several collectors an INSTANCE_ID and symbols of their own"
        )
    return found


def _markets(values: Mapping[str, Any]) -> Iterable[str]:
    if not values["symbols_spot"] and not values["symbols_futures"]:
        yield "SYMBOLS_SPOT, SYMBOLS_FUTURES: expected symbols in at least one of them, got none: nothing to record"
    for market, prefix in ((Market.SPOT, "spot"), (Market.USDM, "futures")):
        names = [f"{prefix}_streams_{group}" for group in _KINDS]
        if values[f"symbols_{prefix}"] and not any(values[name] for name in names):
            yield f"SYMBOLS_{prefix.upper()}: expected a stream in {prefix.upper()}_STREAMS_*, got none to record"
        depth = values[f"{prefix}_streams_depth"]
        diffs = [name for name in depth if stream_kind(market, name) is StreamKind.DEPTH]
        if len(diffs) > 1:
            yield (
                f"{prefix.upper()}_STREAMS_DEPTH: expected one speed of the depth stream, "
                f"got {', '.join(diffs)}: they carry the same update ids"
            )


def _loader_shards(values: Mapping[str, Any]) -> Iterable[str]:
    wrong = [number for number in values["loader_shard_numbers"] if not 1 <= number <= values["loader_shards"]]
    if wrong:
        yield (
            f"LOADER_SHARD_NUMBERS: expected numbers from 1 to LOADER_SHARDS ({values['loader_shards']}), "
            f"got {wrong[0]}"
        )


def _window(values: Mapping[str, Any]) -> Iterable[str]:
    start, end = values["window_start_hhmm"], values["window_end_hhmm"]
    usable = bool(start and end)
    for name, value, other in (("START", start, end), ("END", end, start)):
        if value and not re.fullmatch(r"([01]\d|2[0-3]):?[0-5]\d", value):
            usable = False
            yield f"WINDOW_{name}_HHMM: expected a time of day such as 0930, got {value!r}"
        if other and not value:
            yield f"WINDOW_{name}_HHMM: expected a time of day because the other end of the window is set, got none"
    if usable:
        yield from _window_length(start, end, values["window_end_day_offset"])
    if values["window_tz"]:
        try:
            ZoneInfo(values["window_tz"])
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"WINDOW_TZ: expected a time zone such as Europe/Berlin, got {values['window_tz']!r}"


def _window_length(start: str, end: str, end_day_offset: int) -> Iterable[str]:
    first, last = _time_of_day(start), _time_of_day(end)
    if first == last and not end_day_offset:
        yield f"WINDOW_END_HHMM: expected another time than WINDOW_START_HHMM ({start}), got the same: an empty window"
    elif last < first and not end_day_offset:
        yield f"WINDOW_END_DAY_OFFSET: expected 1 because the window ends ({end}) before it starts ({start}), got 0"
    elif first < last and end_day_offset:
        yield f"WINDOW_END_DAY_OFFSET: expected 0 because {start} to {end} of the next day is over a day, got 1"


def recording_window(start: str, end: str, end_day_offset: int, zone: str) -> RecordingWindow | None:
    """Return when to record; none for always.

    Args:
        start: ``HHMM`` or ``HH:MM``; empty for always.
        end: Same.
        end_day_offset: 1 if the window ends on the day after.
        zone: IANA name; empty is UTC.
    """
    if not start or _time_of_day(start) == _time_of_day(end):
        return None
    return RecordingWindow(
        _time_of_day(start), _time_of_day(end), end_day_offset=end_day_offset, zone=ZoneInfo(zone or "UTC")
    )


def _time_of_day(text: str) -> time:
    return time(int(text[:2]), int(text[-2:]))


def explain(error: ValidationError, given: Mapping[str, object]) -> list[str]:
    """Return one line per fault: the setting, what was expected, what came.

    Args:
        error: What the settings model raised.
        given: What the user wrote, by upper-case name.
    """
    lines: list[str] = []
    for fault in error.errors(include_url=False):
        name = str(fault["loc"][0]).upper() if fault["loc"] else ""
        context = fault.get("ctx", {})
        if fault["type"] == "value_error":
            text = str(context["error"])
        else:
            text = "expected " + _EXPECTED.get(fault["type"], fault["msg"]).format(**context)
        if name and ", got " not in text and name not in SECRET:
            text += f", got {given.get(name)!r}"
        lines.append(f"{name}: {text}" if name else text)
    return lines


def names_in(env_file: Path) -> dict[str, str]:
    """Return the names and values of ``env_file``; empty if there is no such file."""
    if not env_file.is_file():
        return {}
    try:
        values = dotenv_values(env_file)
    except UnicodeDecodeError:  # reported by the settings model, which reads the same file
        return {}
    return {name.upper(): value or "" for name, value in values.items()}


def misspelt(written: Iterable[str], known: Sequence[str]) -> list[str]:
    """Return one line per name of ``written`` that is close to a known one."""
    lines = []
    for name in written:
        close = difflib.get_close_matches(name, known, n=1, cutoff=_SIMILAR)
        if close and name not in known and name not in _LATER:
            lines.append(f".env: {name} is not a setting and is ignored; did you mean {close[0]}?")
    return lines


def as_text(value: object) -> str:
    """Return a setting's value as it is written in an environment variable."""
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
