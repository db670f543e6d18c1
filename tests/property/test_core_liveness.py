"""Liveness under any order of frames, ticks, answers and changes of streams."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_recorder.core.liveness import Effect, Probe, SocketLiveness, Stalled, StreamsSilent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream, StreamKind

FIRST_FRAME_S = 10.0
STALL_S = 30.0
STREAMS = [
    Stream(Market.USDM, symbol, name)
    for symbol in ("AUSDT", "BUSDT")
    for name in ("depth@100ms", "trade", "aggTrade", "markPrice", "forceOrder")
]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["tick", "tick", "tick", "frame", "answer", "answer", "add", "remove"]),
        st.integers(0, len(STREAMS) - 1),
        st.integers(0, 40),
    ),
    max_size=150,
)


class Caller:
    """Feeds the machine and checks each effect against plain bookkeeping."""

    def __init__(self, trading: bool | None) -> None:  # noqa: FBT001  # three-valued: the venue's answer
        """Start without streams."""
        self.now = 0.0
        self.trading = trading
        self.machine = SocketLiveness([], first_frame_s=FIRST_FRAME_S, stall_s=STALL_S, now=0.0)
        self.added: dict[Stream, float] = {}
        self.silent: set[Stream] = set()
        self.reported: dict[Stream, float] = {}
        self.last_frame = 0.0
        self.asked: list[Stream] = []

    def step(self, name: str, stream: Stream, number: int) -> None:
        """Do one thing."""
        match name:
            case "tick":
                self.now += number / 4
                self.check(self.machine.on_tick(self.now, lambda _: self.trading))
            case "frame":
                self.last_frame = self.now
                self.silent.discard(stream)
                self.machine.on_frames({stream.wire}, self.now)
            case "answer" if self.asked:
                latest_id = None if number < 10 else number // 10
                self.check(self.machine.on_probe(self.asked.pop().wire, latest_id, self.now))
            case "add":
                self.added[stream] = self.now
                self.silent.add(stream)
                self.reported.pop(stream, None)
                self.machine.add([stream], self.now)
            case "remove":
                self.added.pop(stream, None)
                self.silent.discard(stream)
                self.machine.remove([stream])
            case _:
                pass

    def check(self, effects: list[Effect]) -> None:
        """Hold the machine to its word."""
        assert sum(isinstance(effect, Probe) for effect in effects) <= 1
        for effect in effects:
            match effect:
                case Probe(stream=stream):
                    assert stream in self.added
                    assert stream.kind is not StreamKind.FORCE_ORDER
                    self.asked.append(stream)
                case Stalled(silent_s=silent_s):
                    assert silent_s >= 2 * FIRST_FRAME_S
                    assert self.now - self.last_frame >= silent_s
                case StreamsSilent(streams=streams, waited_s=waited_s):
                    assert streams
                    assert waited_s == self.now - min(self.added[stream] for stream in streams)
                    for stream in streams:
                        self.check_silent(stream)

    def check_silent(self, stream: Stream) -> None:
        """A stream is reported with reason, and seldom."""
        assert stream in self.silent, "reported though it spoke"
        assert stream.kind is not StreamKind.FORCE_ORDER
        assert self.now - self.added[stream] >= FIRST_FRAME_S
        if self.trading is not False:
            speaking = {each.kind for each in self.added if each not in self.silent}
            assert stream.kind not in speaking, "its kind speaks, so it is only quiet"
        assert self.now - self.reported.get(stream, -1e9) >= 10 * FIRST_FRAME_S
        self.reported[stream] = self.now


@settings(max_examples=400, deadline=None)
@given(STEPS, st.sampled_from([True, False, None]))
def test_whatever_happens_only_silence_with_a_reason_is_reported(
    steps: list[tuple[str, int, int]],
    trading: bool | None,  # noqa: FBT001  # three-valued: the venue's answer
) -> None:
    caller = Caller(trading)
    for name, index, number in steps:
        caller.step(name, STREAMS[index], number)


@settings(deadline=None)
@given(STEPS)
def test_a_dumb_socket_of_a_venue_that_goes_on_is_always_given_up(steps: list[tuple[str, int, int]]) -> None:
    caller = Caller(trading=True)
    for name, index, number in steps:
        caller.step(name, STREAMS[index], number)
    caller.machine.add([STREAMS[0]], caller.now)
    for second in range(1, 200):
        now = caller.now + second
        for effect in caller.machine.on_tick(now, lambda _: True):
            if isinstance(effect, Probe):
                caller.machine.on_probe(effect.stream.wire, 1000 + second, now)
            if isinstance(effect, Stalled):
                return
    raise AssertionError("silent for ever")


@settings(deadline=None, max_examples=50)
@given(STEPS)
def test_the_same_steps_give_the_same_effects(steps: list[tuple[str, int, int]]) -> None:
    def run() -> list[list[Effect]]:
        machine = SocketLiveness(STREAMS, first_frame_s=FIRST_FRAME_S, stall_s=STALL_S, now=0.0)
        now, effects = 0.0, []
        for name, index, number in steps:
            if name == "frame":
                machine.on_frames({STREAMS[index].wire}, now)
            else:
                now += number / 4
                effects.append(machine.on_tick(now, lambda _: None))
        return effects

    assert run() == run()
