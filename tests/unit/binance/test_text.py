"""Foreign text and JSON lines."""

import pytest

from orderflow_recorder.binance.text import MAX_NESTING, line_fault, printable


def test_control_characters_are_replaced_and_long_text_is_cut() -> None:
    assert printable("a\x00b\nc") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"
    assert printable("x" * 10, limit=4) == "xxxx…"
    assert printable(b"\xff ok") == "\N{REPLACEMENT CHARACTER} ok"
    assert printable("币安") == "币安"


@pytest.mark.parametrize("document", [b"{}", '{"s":"币"}'.encode(), b'{"a":"[[[[[["}', b"[" * 64 + b"]" * 64])
def test_ordinary_documents_may_go_into_a_line(document: bytes) -> None:
    assert line_fault(document) is None


def test_many_levels_side_by_side_are_not_deep() -> None:
    assert line_fault(b'{"b":[' + b",".join([b'["1","2"]'] * 5_000) + b"]}") is None


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (b'{"a":\n1}', "line break"),
        (b'{"a":\r1}', "line break"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "UTF-8"),
        (b"[" * 200 + b"]" * 200, "brackets"),
        (b'{"a":' * 200 + b"1" + b"}" * 200, "brackets"),
    ],
)
def test_faults_are_named(document: bytes, fault: str) -> None:
    assert fault in str(line_fault(document))


def test_brackets_in_strings_neither_hide_nor_fake_nesting() -> None:
    hidden = b'["]",' * 200 + b"1" + b',"["]' * 200
    assert "brackets" in str(line_fault(hidden))
    escaped = rb'["\\","[","\"]",' * 200 + b"1" + b"]" * 200
    assert "brackets" in str(line_fault(escaped))
    flat = b"[" + b",".join([rb'"\"[[[[\\"'] * 200) + b"]"
    assert line_fault(flat) is None
    assert MAX_NESTING == 64
