"""Transition tables: the moves of a state machine as data."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, TypeVar

from orderflow_recorder.domain.errors import TransitionError

StateT = TypeVar("StateT", bound=StrEnum)
SignalT = TypeVar("SignalT", bound=StrEnum)


class Table(Generic[StateT, SignalT]):
    """Every move a machine may make; whatever is not listed is an error."""

    def __init__(self, name: str, transitions: Mapping[tuple[StateT, SignalT], StateT]) -> None:
        """Keep the moves.

        Args:
            name: The machine's name, for the error.
            transitions: Next state by (state, signal).
        """
        self.name = name
        self.transitions = MappingProxyType(dict(transitions))

    def next(self, state: StateT, signal: SignalT) -> StateT:
        """Return the state that follows ``state`` on ``signal``.

        Raises:
            TransitionError: The table does not list this move.
        """
        try:
            return self.transitions[state, signal]
        except KeyError:
            raise TransitionError(self.name, state, signal) from None
