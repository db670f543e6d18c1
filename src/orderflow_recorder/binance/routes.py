"""Which route carries a stream, and the URL that asks for it.

Spot has one route. USD-M has two sockets since 2026-04-23: a stream asked for on the wrong one is
accepted, acknowledged, and silent forever, so the table below is the only place that decides.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream, StreamKind

MAX_URL_CHARACTERS: Final = 4_000
"""Longer URLs have been refused (8,004 characters, 2019); half of that is safe."""

_USDM_ROUTES: Final = {
    StreamKind.DEPTH: "/public",
    StreamKind.PARTIAL_DEPTH: "/public",
    StreamKind.BOOK_TICKER: "/public",
    # On no official page; frames were measured on /public, none on /market.
    StreamKind.TRADE: "/public",
    StreamKind.AGG_TRADE: "/market",
    StreamKind.MARK_PRICE: "/market",
    StreamKind.FORCE_ORDER: "/market",
}


def route_of(stream: Stream) -> str:
    """Return the route that carries ``stream``: ``''`` on spot, ``/public`` or ``/market``.

    Raises:
        UnknownStreamError: The market publishes no such stream.
    """
    kind = stream.kind
    return "" if stream.market is Market.SPOT else _USDM_ROUTES[kind]


def stream_url(market: Market, base_url: str, route: str, names: Sequence[str]) -> tuple[str, list[str]]:
    """Build the combined-stream URL for as many names as fit.

    Args:
        market: Spot URLs also ask for microsecond times.
        base_url: E.g. ``wss://stream.binance.com:9443``; a trailing slash does not matter.
        route: From `route_of`.
        names: Wire names, lower-case symbol included.

    Returns:
        The URL of at most `MAX_URL_CHARACTERS`, and the names that must be subscribed to by frame.
    """
    head = f"{base_url.strip().rstrip('/')}{route}/stream"
    options = ["timeUnit=MICROSECOND"] if market is Market.SPOT else []
    # "?", "streams=", "&" and the options are counted whether or not they are needed.
    room = MAX_URL_CHARACTERS - len(head) - len("?streams=&") - len("".join(options))
    asked: list[str] = []
    for name in names:
        encoded = quote(name, safe="@")
        room -= len(encoded) + 1
        if room < 0:
            break
        asked.append(encoded)
    if asked:
        options.insert(0, "streams=" + "/".join(asked))
    query = "&".join(options)
    return (f"{head}?{query}" if query else head), list(names[len(asked) :])
