"""Frames as the simulator plays them, and the few fields of theirs that the truth needs."""

import re
from typing import Final

import msgspec

from orderflow_recorder.domain.market import Market

_DEPTH_DIFF: Final = re.compile(r"depth(@\d+ms)?")
_MICROSECONDS_FROM: Final = 10**14
"""Milliseconds have 13 digits until the year 2286, microseconds 16."""


class PlayedFrame(msgspec.Struct, frozen=True, gc=False):
    """One frame to send.

    Attributes:
        at: When, ns after the start of playback at speed 1.
        market: Whose frame it is.
        stream: Wire stream name, e.g. ``btcusdt@depth@100ms``.
        combined: The frame of a combined socket, ``{"stream":…,"data":…}``.
    """

    at: int
    market: Market
    stream: str
    combined: bytes


class KnownSnapshot(msgspec.Struct, frozen=True):
    """A full book that a source knows: the body of a REST depth answer."""

    market: Market
    symbol: str
    body: bytes


class Wrapper(msgspec.Struct):
    """The combined wrapper; ``data`` is the payload byte for byte."""

    stream: str
    data: msgspec.Raw


class DepthPayload(msgspec.Struct, gc=False):
    """The part of ``depthUpdate`` that moves a book."""

    first: int = msgspec.field(name="U")
    final: int = msgspec.field(name="u")
    bids: list[tuple[str, str]] = msgspec.field(name="b")
    asks: list[tuple[str, str]] = msgspec.field(name="a")
    event_time: int = msgspec.field(name="E")
    previous: int | None = msgspec.field(name="pu", default=None)
    transaction_time: int | None = msgspec.field(name="T", default=None)


class SnapshotPayload(msgspec.Struct):
    """The body of a REST depth answer."""

    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    event_time: int | None = msgspec.field(name="E", default=None)
    transaction_time: int | None = msgspec.field(name="T", default=None)


class TradePayload(msgspec.Struct, gc=False):
    """The part of ``trade`` that REST repeats."""

    trade_id: int = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    time: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")
    event_time: int = msgspec.field(name="E")


class AggTradePayload(msgspec.Struct, gc=False):
    """The part of ``aggTrade`` that REST repeats."""

    agg_trade_id: int = msgspec.field(name="a")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    first_trade_id: int = msgspec.field(name="f")
    last_trade_id: int = msgspec.field(name="l")
    time: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")
    event_time: int = msgspec.field(name="E")
    quantity_without_rpi: str | None = msgspec.field(name="nq", default=None)


wrapper_decoder: Final = msgspec.json.Decoder(Wrapper)
depth_decoder: Final = msgspec.json.Decoder(DepthPayload)
snapshot_decoder: Final = msgspec.json.Decoder(SnapshotPayload)
trade_decoder: Final = msgspec.json.Decoder(TradePayload)
agg_trade_decoder: Final = msgspec.json.Decoder(AggTradePayload)


def payload_of(combined: bytes) -> bytes:
    """Return the payload of a combined frame byte for byte, as a raw ``/ws`` socket sends it."""
    return bytes(wrapper_decoder.decode(combined).data)


def split_stream(stream: str) -> tuple[str, str]:
    """Return symbol in upper case and stream name, e.g. ``("BTCUSDT", "depth@100ms")``."""
    symbol, _, name = stream.partition("@")
    return symbol.upper(), name


def is_depth_diff(name: str) -> bool:
    """Say whether stream ``name`` (without symbol) carries book differences."""
    return _DEPTH_DIFF.fullmatch(name) is not None


def to_microseconds(time: int) -> int:
    """Return a venue time, in ms or µs by its size, in µs."""
    return time if time >= _MICROSECONDS_FROM else time * 1000
