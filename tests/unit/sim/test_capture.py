"""Recordings as a source."""

import gzip
import json
from pathlib import Path

import pytest

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.sim.capture import CaptureSource
from tests.support.captures import NAMES, capture
from tests.unit.sim.tools import SPOT, USDM

ODD_FRAME = b'{ "stream":"btcusdt@trade" , "data":{"e":"trade","p":"1.50","q":"2","t":1,"x":1.0e2}}'


def journal_line(time: int, frame: bytes, market: str = "spot") -> bytes:
    return b'{"t":%d,"k":"ws","market":"%s","c":3,"d":%s}\n' % (time, market.encode(), frame)


def test_frames_are_played_byte_for_byte(tmp_path: Path) -> None:
    file = tmp_path / "odd.jsonl"
    file.write_bytes(journal_line(100, ODD_FRAME))
    frames = list(CaptureSource([file]).frames(1, lambda _market, _stream: True))
    assert [frame.combined for frame in frames] == [ODD_FRAME]


@pytest.mark.parametrize("name", NAMES)
def test_every_captured_frame_is_a_slice_of_its_line(name: str) -> None:
    frames = CaptureSource([capture(name)]).frames(1, lambda _market, _stream: True)
    with gzip.open(capture(name)) as text:
        lines = [line for line in text if b'"k":"ws"' in line[:60]]
    for line, frame in zip(lines, frames, strict=True):
        assert line.endswith(b'"d":' + frame.combined + b"}\n")


def test_recordings_start_together_and_merge_by_time(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    first.write_bytes(journal_line(1000, ODD_FRAME) + journal_line(1005, ODD_FRAME))
    second.write_bytes(gzip.compress(journal_line(77, ODD_FRAME, "usdm") + journal_line(80, ODD_FRAME, "usdm")))
    source = CaptureSource([first, str(second)])
    played = [(frame.at, frame.market) for frame in source.frames(1, lambda _market, _stream: True)]
    assert played == [(0, SPOT), (0, USDM), (3, USDM), (5, SPOT)]
    assert source.markets() == {SPOT, USDM}


def test_a_journal_directory_is_one_recording_and_other_lines_are_passed_over(tmp_path: Path) -> None:
    header = b'{"t":1,"k":"header","version":1,"instance":"main","run":"x","segment":1}\n'
    event = b'{"t":5,"k":"event","event":"connected","market":"spot","symbol":null,"c":3,"epoch":null,"d":{}}\n'
    ack = journal_line(9, b'{"result":null,"id":1}')
    (tmp_path / "00000001.jsonl").write_bytes(header + event + ack + journal_line(10, ODD_FRAME))
    (tmp_path / "00000002.jsonl").write_bytes(
        header + b"not a line\n" + journal_line(25, ODD_FRAME) + b'{"t":30,"k":"w'
    )
    frames = list(CaptureSource([tmp_path]).frames(1, lambda _market, _stream: True))
    assert [frame.at for frame in frames] == [1, 16]


def test_price_steps_are_inferred(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    body = json.dumps({"lastUpdateId": 5, "bids": [["61737.63000000", "0.00010000"]], "asks": []}).encode()
    rest = b'{"t":1,"k":"rest","market":"spot","symbol":"ETHUSDT","path":"/api/v3/depth","d":%s}\n' % body
    file.write_bytes(rest + journal_line(100, ODD_FRAME))
    source = CaptureSource([file])
    assert [(each.symbol, each.tick_size, each.step_size) for each in source.instruments(SPOT)] == [
        ("BTCUSDT", "0.1", "1"),
        ("ETHUSDT", "0.01", "0.0001"),
    ]
    assert [known.body for known in source.snapshots()] == [body]


def test_delisting_quiets_a_recorded_symbol_but_new_ones_cannot_be_made(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(journal_line(100, ODD_FRAME))
    source = CaptureSource([file])
    source.delist_symbol(SPOT, "BTCUSDT")
    assert not source.is_trading(SPOT, "BTCUSDT")
    assert not source.instruments(SPOT)[0].trading
    source.list_symbol(SPOT, "BTCUSDT")
    assert source.is_trading(SPOT, "BTCUSDT")
    with pytest.raises(SettingsError, match="NEWUSDT"):
        source.list_symbol(SPOT, "NEWUSDT")


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no recording at"), (b"hello\n", "found none"), (b"\x1f\x8bxx", "read")]
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "a.jsonl.gz"
    if content is not None:
        file.write_bytes(content if message == "read" else gzip.compress(content))
    with pytest.raises(SettingsError, match=message):
        CaptureSource([file])


def test_nothing_to_play_is_refused() -> None:
    with pytest.raises(SettingsError, match="no recording to play"):
        CaptureSource([])
