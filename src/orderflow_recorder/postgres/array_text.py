"""Lists as the text of a query's array parameter: psycopg makes arrays element by element, the server parses JSON."""

from collections.abc import Sequence

import msgspec


def array_text(values: Sequence[str | int | None]) -> str:
    """Return the text of a one-dimensional array of texts, times or integers; it still needs a cast.

    Args:
        values: Its elements.
    """
    encoded = msgspec.json.encode(values)
    if b"\\" not in encoded:  # then both quote alike
        return "{" + encoded[1:-1].decode() + "}"
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: str | int | None) -> str:
    if not isinstance(value, str):
        return "NULL" if value is None else str(value)
    return '"' + value.replace("\\", r"\\").replace('"', r"\"") + '"'
