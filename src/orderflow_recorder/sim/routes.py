"""Which path is which socket, and which socket carries which stream.

Spot has no routes: ``/ws/<s1>/<s2>`` is raw, ``/stream?streams=<s1>/<s2>`` combined. USDⓈ-M has
``/public`` (books, raw trades), ``/market`` (the rest) and ``/private`` before either. The legacy
un-routed futures paths are spot here, because both markets share one port.
"""

import re
from typing import Final
from urllib.parse import parse_qs, unquote

import msgspec

from orderflow_recorder.domain.market import Market

_ROUTES: Final = ("/public", "/market", "/private")
_PUBLIC_NAME: Final = re.compile(r"trade|bookTicker|depth(5|10|20)?(@(0|100|250|500)ms)?|rpiDepth@500ms")


class Endpoint(msgspec.Struct, frozen=True):
    """What a socket's URL asks for.

    Attributes:
        market: Decided by the path.
        route: ``''`` on spot; ``/public``, ``/market`` or ``/private`` on futures.
        combined: Frames wear the ``stream``/``data`` wrapper.
        streams: Wire names in the URL.
        microseconds: ``timeUnit=MICROSECOND`` was asked for.
    """

    market: Market
    route: str
    combined: bool
    streams: tuple[str, ...]
    microseconds: bool = False


def parse_endpoint(target: str) -> Endpoint | None:
    """Return what request target ``target`` (path and query) asks for; none if it is no socket path."""
    path, _, query_text = target.partition("?")
    route = next((route for route in _ROUTES if path.startswith(route + "/")), "")
    rest = path.removeprefix(route)
    query = parse_qs(query_text)
    if rest == "/stream":
        streams = [name for value in query.get("streams", []) for name in value.split("/")]
    elif rest == "/ws" or rest.startswith("/ws/"):
        streams = [unquote(name) for name in rest.removeprefix("/ws").split("/")]
    else:
        return None
    return Endpoint(
        market=Market.USDM if route else Market.SPOT,
        route=route,
        combined=rest == "/stream",
        streams=tuple(dict.fromkeys(name for name in streams if name)),
        microseconds=not route and query.get("timeUnit", [""])[-1].upper() == "MICROSECOND",
    )


def carries(market: Market, route: str, stream: str) -> bool:
    """Say whether a socket on ``route`` delivers ``stream``; elsewhere it stays silent."""
    if market is Market.SPOT:
        return True
    name = stream.lstrip("!") if stream.startswith("!") else stream.partition("@")[2]
    return route == ("/public" if _PUBLIC_NAME.fullmatch(name) else "/market")
