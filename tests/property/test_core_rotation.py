"""Rotation under a caller that does what it is told, and a venue that does what it likes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_recorder.core.rotation import OVERLAP_S, Effect, OpenReplacement, RetireOld, Rotation, RotationState

PROVE_S = 60.0
STREAMS = ("a", "b", "c")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["wait", "wait", "answer", "answer", "fail", "frame", "frame", "shutdown", "old_closed"]),
        st.integers(0, 90),
    ),
    max_size=80,
)


class Caller:
    """Two sockets, and what is known of them."""

    def __init__(self) -> None:
        """Start with the old socket open."""
        self.now = 0.0
        self.machine = Rotation(300.0, random=lambda: 0.5, now=0.0, prove_s=PROVE_S)
        self.opening = False
        self.opened_at: float | None = None
        self.unproven: set[str] = set()
        self.old_open = True
        self.retired = 0

    def step(self, name: str, number: int) -> None:
        """Do one thing, if it can happen now."""
        match name:
            case "wait":
                self.now += number
                self.carry_out(self.machine.on_tick(self.now))
            case "answer" if self.opening:
                self.opening, self.opened_at, self.unproven = False, self.now, set(STREAMS[: number % 4])
                self.carry_out(self.machine.on_opened(self.now, self.unproven))
            case "fail" if self.opening or self.opened_at is not None:
                self.opening, self.opened_at = False, None
                self.carry_out(self.machine.on_open_failed(self.now))
            case "frame" if self.opened_at is not None:
                wire = STREAMS[number % 3]
                self.unproven.discard(wire)
                self.carry_out(self.machine.on_new_frames({wire}, self.now))
            case "shutdown":
                self.carry_out(self.machine.on_server_shutdown(self.now))
            case "old_closed" if self.old_open:
                self.old_open = False
                self.carry_out(self.machine.on_old_closed(self.now))
            case _:
                pass

    def carry_out(self, effects: list[Effect]) -> None:
        """Hold the machine to its word."""
        for effect in effects:
            match effect:
                case OpenReplacement():
                    assert not self.opening, "a second replacement"
                    assert self.opened_at is None, "a replacement for a socket that has one"
                    assert self.old_open
                    self.opening = True
                case RetireOld(overlap_s=overlap_s):
                    assert self.opened_at is not None, "retired without a replacement"
                    assert overlap_s == self.now - self.opened_at
                    if self.old_open:
                        assert overlap_s >= OVERLAP_S
                        assert not self.unproven or overlap_s >= PROVE_S, "retired before it was proven"
                    self.retired += 1
                    self.old_open = False


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_no_order_of_things_leads_to_a_second_or_an_unproven_replacement(steps: list[tuple[str, int]]) -> None:
    caller = Caller()
    for name, number in steps:
        caller.step(name, number)
        assert caller.retired <= 1
        assert (caller.machine.state is RotationState.RETIRED) == (not caller.old_open)


@given(STEPS)
def test_a_venue_that_answers_in_the_end_gets_its_socket_replaced(steps: list[tuple[str, int]]) -> None:
    caller = Caller()
    for name, number in steps:
        if name != "old_closed":
            caller.step(name, number)
    for _ in range(20):
        caller.step("wait", 90)
        caller.step("answer", 3)
    assert caller.retired == 1
