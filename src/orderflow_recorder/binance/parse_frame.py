"""Combined-stream frames to domain records, one at a time."""

from collections.abc import Sequence

from orderflow_recorder.binance.inspect import DECODE_ERRORS, ENVELOPE_DECODER, inspect
from orderflow_recorder.binance.names import resolve
from orderflow_recorder.binance.payloads import READINGS
from orderflow_recorder.binance.text import printable
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import MarketRecord
from orderflow_recorder.ports.feed import BadNote


def parse_frame(market: Market, frame: bytes, receive_time: int) -> Sequence[MarketRecord]:
    """Return what a frame says.

    Args:
        market: Where it was received.
        frame: As received.
        receive_time: Our socket read, ns.

    Returns:
        One record; none for control frames, streams nobody records, and COIN-M rows.

    Raises:
        FrameError: It is not what the venue documents; stream, expectation and payload are named.
    """
    try:
        envelope = ENVELOPE_DECODER.decode(frame)
    except DECODE_ERRORS as error:
        message = f"expected a JSON frame: {printable(str(error))}; received {printable(frame)}"
        raise FrameError(message) from error
    stream = envelope.stream
    if stream is None or not envelope.data:
        note = inspect(market, frame)
        if isinstance(note, BadNote):
            raise FrameError(note.reason, stream=stream)
        return ()
    try:
        source = resolve(market, stream)
        if source is None:
            return ()
        reading = READINGS[market, source.kind]
        record = reading.build(source, reading.decode(envelope.data), receive_time)
    except (FrameError, *DECODE_ERRORS) as error:
        message = f"{printable(stream)}: {printable(str(error))}; received {printable(bytes(envelope.data))}"
        raise FrameError(message, stream=printable(stream)) from error
    return () if record is None else (record,)
