"""Reasons in words."""

import socket
import ssl

import pytest

from orderflow_recorder.binance.faults import describe_error, describe_status


def test_a_known_status_has_a_hint_and_others_stand_alone() -> None:
    assert "location" in describe_status(451)
    assert describe_status(502) == "HTTP 502"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConnectionRefusedError(111, "refused"), "connection refused"),
        (ConnectionResetError(), "with or without TLS"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (ssl.SSLError(1, "wrong version number"), "wrong version number"),
        (TimeoutError("timed out"), "TimeoutError: timed out"),
        (EOFError(), "EOFError"),
        (OSError("a\nb"), "OSError: a\N{REPLACEMENT CHARACTER}b"),
    ],
)
def test_errors_are_told_in_words(error: Exception, told: str) -> None:
    assert told in describe_error(error)


def test_the_cause_that_a_client_wrapped_is_found() -> None:
    outer = ValueError("all connection attempts failed")
    outer.__cause__ = OSError("wrapped")
    outer.__cause__.__context__ = ConnectionRefusedError()
    assert "connection refused" in describe_error(outer)
    outer.__cause__.__context__ = None
    assert describe_error(outer) == "ValueError: all connection attempts failed; OSError: wrapped"
