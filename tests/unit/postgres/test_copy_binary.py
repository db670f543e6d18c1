"""Trades as binary rows; `tests/integration/test_sink.py` reads them back from a server."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.postgres.copy_binary import agg_trade_row, encode, numeric, trade_row
from tests.support import records

FIELDS = {9: "ttqnn?qqq", 11: "ttqqqnn?qqq"}


def read_numeric(field: bytes) -> str:
    """Return the text of a numeric's binary form, as the server would print it."""
    count, weight, sign, decimals = struct.unpack(">hhhh", field[:8])
    groups = struct.unpack(f">{count}h", field[8:])
    assert sign == 0
    assert all(0 <= group < 10_000 for group in groups)
    digits = "".join(f"{group:04d}" for group in groups)
    whole, fraction = digits[: 4 * (weight + 1)], digits[4 * (weight + 1) :]
    assert set(fraction[decimals:]) <= {"0"}
    return f"{whole.lstrip('0') or '0'}.{fraction[:decimals].ljust(decimals, '0')}".rstrip("." * (not decimals))


def fields(row: bytes) -> list[object]:
    """Return the values of a row."""
    (count,) = struct.unpack(">h", row[:2])
    values: list[object] = []
    place = 2
    for kind in FIELDS[count]:
        (length,) = struct.unpack(">i", row[place : place + 4])
        field = row[place + 4 : place + 4 + max(length, 0)]
        place += 4 + max(length, 0)
        if length < 0:
            values.append(None)
        elif kind == "t":
            values.append(field.decode())
        else:
            values.append(read_numeric(field) if kind == "n" else struct.unpack(f">{kind}", field)[0])
    assert place == len(row)
    return values


Digits = st.text("0123456789", max_size=22)


@given(whole=Digits, fraction=Digits, point=st.booleans())
def test_every_decimal_text_keeps_its_value_and_its_decimals(whole: str, fraction: str, point: bool) -> None:  # noqa: FBT001  # hypothesis passes by name
    text = f"{whole}.{fraction}" if fraction or point else whole
    if not whole and not fraction:
        return
    field = numeric(text)
    assert struct.unpack(">i", field[:4])[0] == len(field) - 4
    read = read_numeric(field[4:])
    assert read == (whole.lstrip("0") or "0") + f".{fraction}" * bool(fraction)


@pytest.mark.parametrize(
    "text", ["", ".", "1.2.3", "-1", "+1", "1e5", "NaN", "1_000", "\N{FULLWIDTH DIGIT ONE}", " 1", "1\n"]
)
def test_what_is_no_decimal_text_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="expected decimal text"):
        numeric(text)


def test_a_trade_is_a_row_with_its_columns_in_order() -> None:
    trade = records.trade(7, price="0.00000001", quantity="92233720368.54775807")
    epoch = 946_684_800_000_000
    assert fields(trade_row(trade)) == [
        "spot",
        "BTCUSDT",
        7,
        "0.00000001",
        "92233720368.54775807",
        trade.buyer_is_maker,
        trade.trade_time // 1000 - epoch,
        (trade.event_time or 0) // 1000 - epoch,
        trade.receive_time // 1000 - epoch,
    ]


def test_a_trade_from_rest_has_no_event_time() -> None:
    assert fields(trade_row(records.trade(7, event_time=None)))[7] is None
    assert fields(agg_trade_row(records.agg_trade(7, event_time=None)))[9] is None


def test_an_aggregate_has_three_ids() -> None:
    agg = records.agg_trade(7, first_trade_id=20, last_trade_id=22)
    assert fields(agg_trade_row(agg))[2:5] == [7, 20, 22]


def test_times_are_cut_to_microseconds_also_before_the_epoch() -> None:
    row = fields(trade_row(records.trade(7, trade_time=-1, event_time=-1001, receive_time=1999)))
    assert row[6:] == [-946_684_800_000_001, -946_684_800_000_002, -946_684_800_000_000 + 1]


@pytest.mark.parametrize("field", ["trade_time", "receive_time"])
def test_a_time_no_calendar_has_is_a_value_error(field: str) -> None:
    with pytest.raises(ValueError, match="between the years 1 and 9999"):
        encode(trade_row, [records.trade(7, **{field: 10**21})])


def test_an_id_of_more_than_64_bits_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        encode(trade_row, [records.trade(2**63)])


def test_rows_stand_between_copys_header_and_its_end() -> None:
    rows = [trade_row(records.trade(number)) for number in (7, 8)]
    assert encode(trade_row, [records.trade(7), records.trade(8)]) == (
        b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"".join(rows) + b"\xff\xff"
    )
