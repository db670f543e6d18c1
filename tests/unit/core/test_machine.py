"""Transition tables."""

from enum import StrEnum

import pytest

from orderflow_recorder.core.machine import Table
from orderflow_recorder.domain.errors import TransitionError


class Light(StrEnum):
    """States."""

    RED = "red"
    GREEN = "green"


class Signal(StrEnum):
    """Signals."""

    GO = "go"


TABLE = Table("light", {(Light.RED, Signal.GO): Light.GREEN})


def test_a_listed_move_gives_the_next_state() -> None:
    assert TABLE.next(Light.RED, Signal.GO) is Light.GREEN


def test_an_unlisted_move_is_an_error_that_names_machine_state_and_signal() -> None:
    with pytest.raises(TransitionError, match="light: no transition from green on go"):
        TABLE.next(Light.GREEN, Signal.GO)
