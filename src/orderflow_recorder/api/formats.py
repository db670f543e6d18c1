"""Rows as JSON, CSV or an Arrow stream, as the Accept header asks.

In JSON and CSV a price is text with the digits that the venue sent, a time ISO 8601 in UTC with microseconds; in
Arrow they are ``decimal128(38, 18)`` and ``timestamp[us, UTC]``. Rows are put into words piece by piece, after the
database was let go: a slow reader holds nothing but its page.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from orderflow_recorder.research.decimals import Numbers

_ROWS_AT_ONCE: Final = 4096
_LONGEST_QUOTE: Final = 100
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"


class Format(StrEnum):
    """What rows can come as; the first one if all are as good."""

    JSON = "application/json"
    CSV = "text/csv"
    ARROW = "application/vnd.apache.arrow.stream"

    @property
    def numbers(self) -> Numbers:
        """Return how prices and quantities are to come from the database."""
        return "exact" if self is Format.ARROW else "text"


def choose(accept: str, offered: Sequence[Format] = tuple(Format)) -> Format:
    """Return what an Accept header likes best; empty: anything.

    Raises:
        HTTPException: 406, nothing of what is offered will do.
    """
    ranges = dict(_ranges(accept)) if accept.strip() else {"*/*": 1.0}
    liked = {one: _quality(one, ranges) for one in offered}
    best = max(offered, key=lambda one: liked[one])
    if not liked[best]:
        detail = f"Accept: expected {' or '.join(offered)}, received {accept[:_LONGEST_QUOTE]!r}"
        raise HTTPException(HTTPStatus.NOT_ACCEPTABLE, detail)
    return best


def _wanted(request: Request) -> Format:
    return choose(request.headers.get("accept", ""))


def _json_alone(request: Request) -> Format:
    return choose(request.headers.get("accept", ""), (Format.JSON,))


Wanted: TypeAlias = Annotated[Format, Depends(_wanted)]
"""A parameter of a path: what its answer is to be."""

JsonAlone: TypeAlias = Annotated[Format, Depends(_json_alone)]
"""The same of a path that answers in JSON only."""


def rows_response(table: pa.Table, wanted: Format, *, after: str | None = None, following: str = "") -> Response:
    """Return rows as a response.

    Args:
        table: The rows, numbers as `Format.numbers` says.
        wanted: What they are to be.
        after: Cursor of the next page; none if this is the last one.
        following: Address of the next page, for formats that have no place for a cursor.
    """
    headers = {"Vary": "Accept"}
    if after is not None:
        headers["Link"] = f'<{following}>; rel="next"'
    match wanted:
        case Format.JSON:
            pieces: Iterator[bytes] = _json(table, after)
        case Format.CSV:
            pieces = _csv(table)
        case Format.ARROW:
            pieces = _arrow(table)
    return StreamingResponse(pieces, headers=headers, media_type=wanted)


def object_response(found: object) -> Response:
    """Return one object as JSON."""
    return Response(msgspec.json.encode(found), media_type=Format.JSON, headers={"Vary": "Accept"})


def _json(table: pa.Table, after: str | None) -> Generator[bytes, None, None]:
    yield b'{"rows":['
    begun = False
    for batch in _in_words(table).to_batches(max_chunksize=_ROWS_AT_ONCE):
        if batch.num_rows:
            yield (b"," if begun else b"") + pl.DataFrame(batch).write_json().encode()[1:-1]
            begun = True
    yield b'],"next":' + msgspec.json.encode(after) + b"}"


def _csv(table: pa.Table) -> Generator[bytes, None, None]:
    yield (",".join(table.column_names) + "\n").encode()
    for batch in _in_words(table).to_batches(max_chunksize=_ROWS_AT_ONCE):
        # Arrow's own puts every text into quotation marks, and prices are texts.
        yield pl.DataFrame(batch).write_csv(include_header=False).encode()


def _arrow(table: pa.Table) -> Generator[bytes, None, None]:
    sink = _Sink()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=_ROWS_AT_ONCE):
            writer.write_batch(batch)
            yield sink.take()
    yield sink.take()


class _Sink:
    """A file that hands on what is written to it."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: Any) -> int:  # noqa: ANN401  # whatever buffer pyarrow has
        self._pieces.append(bytes(data))
        return len(self._pieces[-1])

    def flush(self) -> None:
        """Do nothing: all of it is here."""

    def close(self) -> None:
        """Do nothing, for the same reason."""

    def take(self) -> bytes:
        """Return what was written since the last time."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def _in_words(table: pa.Table) -> pa.Table:
    """Return a table with times as text."""
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            # Without its zone, which is UTC: the name of the zone is nothing that has to be looked up.
            words = pc.strftime(table.column(place).cast(pa.timestamp("us")), format=_TIME)
            table = table.set_column(place, field.name, words)
    return table


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Yield each media range and how much it is liked; what cannot be read is left out."""
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    quality = min(max(float(value), 0.0), 1.0)
                except ValueError:
                    quality = 0.0
        if "/" in name:
            yield name, quality


def _quality(one: Format, ranges: Mapping[str, float]) -> float:
    """Return how much a format is liked: by the most particular range that has it."""
    for name in (one.value, f"{one.partition('/')[0]}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return 0.0
