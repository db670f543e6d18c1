"""Quiet is not silent: each rule, second by second."""

from collections.abc import Callable, Iterable, Mapping

import pytest

from orderflow_recorder.core.liveness import Effect, Probe, SocketLiveness, Stalled, StreamsSilent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream

FIRST_FRAME_S = 10.0
STALL_S = 30.0


def stream(name: str, symbol: str = "BTCUSDT") -> Stream:
    return Stream(Market.USDM, symbol, name)


DEPTH, TRADE, MARK, FORCE = (stream(name) for name in ("depth@100ms", "trade", "markPrice", "forceOrder"))
ETH_DEPTH, ETH_TRADE = stream("depth@100ms", "ETHUSDT"), stream("trade", "ETHUSDT")


def trades(_: Stream) -> bool | None:
    return True


def is_halted(_: Stream) -> bool | None:
    return False


def unknown(_: Stream) -> bool | None:
    return None


def nothing(_: Stream, __: float) -> int | None:
    return None


def still(_: Stream, __: float) -> int | None:
    return 5


def moving(_: Stream, now: float) -> int | None:
    return int(now)


class Socket:
    """Ticks once a second and answers each probe at once."""

    def __init__(self, *streams: Stream, venue: Callable[[Stream, float], int | None] = still) -> None:
        """Open at second 0."""
        self.machine = SocketLiveness(streams, first_frame_s=FIRST_FRAME_S, stall_s=STALL_S, now=0.0)
        self.venue = venue
        self.now = 0

    def run(
        self,
        until: int,
        speaking: Iterable[Stream] = (),
        is_trading: Callable[[Stream], bool | None] = trades,
    ) -> Mapping[int, list[Effect]]:
        """Return the effects by second, up to ``until``."""
        seen: dict[int, list[Effect]] = {}
        while self.now < until:
            self.now += 1
            now = float(self.now)
            for each in speaking:
                self.machine.on_frames({each.wire}, now)
            effects = self.machine.on_tick(now, is_trading)
            if effects:
                seen[self.now] = effects
            for effect in effects:
                if isinstance(effect, Probe):
                    assert self.machine.on_probe(effect.stream.wire, self.venue(effect.stream, now), now) == []
        return seen


def without_probes(seen: Mapping[int, list[Effect]]) -> dict[int, list[Effect]]:
    kept: dict[int, list[Effect]] = {}
    for second, effects in seen.items():
        for effect in effects:
            if not isinstance(effect, Probe):
                kept.setdefault(second, []).append(effect)
    return kept


def test_streams_that_all_speak_are_fine() -> None:
    assert Socket(DEPTH, TRADE).run(500, [DEPTH, TRADE]) == {}


def test_a_socket_on_which_nothing_ever_speaks_has_the_wrong_route() -> None:
    seen = Socket(DEPTH, TRADE).run(109)
    assert without_probes(seen) == {10: [StreamsSilent((DEPTH, TRADE), 10.0)]}


def test_a_silence_that_goes_on_is_reported_again_but_seldom() -> None:
    seen = without_probes(Socket(DEPTH).run(250))
    assert list(seen) == [10, 110, 210]


def test_a_quiet_stream_is_no_error_where_its_kind_speaks_and_it_trades() -> None:
    for is_trading in (trades, unknown):
        assert Socket(DEPTH, ETH_DEPTH).run(500, [DEPTH], is_trading) == {}


def test_a_stream_whose_kind_speaks_but_whose_symbol_does_not_trade_is_silent() -> None:
    seen = Socket(DEPTH, ETH_DEPTH).run(60, [DEPTH], is_halted)
    assert seen == {10: [StreamsSilent((ETH_DEPTH,), 10.0)]}


def test_a_kind_that_does_not_speak_is_silent_if_the_venue_moved_on() -> None:
    seen = Socket(DEPTH, TRADE, ETH_TRADE, venue=moving).run(60, [DEPTH])
    assert seen == {10: [Probe(TRADE)], 20: [Probe(TRADE)], 22: [StreamsSilent((TRADE, ETH_TRADE), 22.0)]}


def test_a_kind_that_does_not_speak_is_quiet_if_the_venue_did_not_move() -> None:
    seen = Socket(DEPTH, TRADE).run(60, [DEPTH])
    assert seen == {second: [Probe(TRADE)] for second in (10, 20, 30, 40, 50, 60)}


def test_one_quiet_symbol_does_not_hide_that_its_whole_kind_is_missing() -> None:
    def only_eth_moves(asked: Stream, now: float) -> int | None:
        return int(now) if asked == ETH_TRADE else 5

    seen = Socket(DEPTH, TRADE, ETH_TRADE, venue=only_eth_moves).run(60, [DEPTH])
    assert without_probes(seen) == {42: [StreamsSilent((TRADE, ETH_TRADE), 42.0)]}


def test_a_kind_that_cannot_be_asked_for_is_silent_after_four_deadlines() -> None:
    seen = Socket(DEPTH, MARK, venue=nothing).run(60, [DEPTH])
    assert without_probes(seen) == {40: [StreamsSilent((MARK,), 40.0)]}


def test_a_kind_that_speaks_late_ends_the_inquiry() -> None:
    socket = Socket(DEPTH, TRADE, venue=moving)
    socket.run(20, [DEPTH])
    assert socket.run(100, [DEPTH, TRADE]) == {}


def test_a_kind_missed_long_after_its_deadline_leaves_the_venue_time_to_answer() -> None:
    socket = Socket(DEPTH, TRADE)
    socket.run(99)
    assert socket.run(150, [DEPTH]) == {second: [Probe(TRADE)] for second in (100, 110, 120, 130, 140, 150)}


def test_two_missing_kinds_are_both_asked_for_one_at_a_time() -> None:
    venue_asked: list[Stream] = []

    def recording(asked: Stream, now: float) -> int | None:
        venue_asked.append(asked)
        return int(now)

    seen = Socket(DEPTH, TRADE, MARK, venue=recording).run(30, [DEPTH])
    assert all(len(effects) == 1 for effects in seen.values())
    assert set(venue_asked) == {TRADE, MARK}
    silent = [effect.streams for effects in seen.values() for effect in effects if isinstance(effect, StreamsSilent)]
    assert sorted(silent) == sorted([(TRADE,), (MARK,)])


def test_while_an_answer_is_on_its_way_nothing_more_is_asked() -> None:
    machine = SocketLiveness([DEPTH, TRADE, MARK], first_frame_s=FIRST_FRAME_S, stall_s=STALL_S, now=0.0)
    machine.on_frames({DEPTH.wire}, 1.0)
    assert machine.on_tick(10.0, trades) == [Probe(TRADE)]
    assert machine.on_tick(11.0, trades) == []
    machine.on_probe(TRADE.wire, 1, 12.0)
    assert machine.on_tick(13.0, trades) == [Probe(MARK)]


def test_force_orders_are_never_judged() -> None:
    assert Socket(DEPTH, FORCE).run(500, [DEPTH]) == {}
    assert Socket(FORCE, venue=moving).run(500) == {}


def test_a_socket_fallen_silent_is_stalled_if_the_venue_moved_on() -> None:
    socket = Socket(TRADE, DEPTH, venue=moving)
    socket.run(50, [TRADE, DEPTH])
    assert socket.run(112) == {80: [Probe(DEPTH)], 110: [Probe(DEPTH)], 112: [Stalled(62.0)]}


def test_a_socket_fallen_silent_is_quiet_if_the_venue_did_not_move() -> None:
    socket = Socket(DEPTH)
    socket.run(50, [DEPTH])
    assert socket.run(200) == {second: [Probe(DEPTH)] for second in (80, 110, 140, 170, 200)}
    socket.venue = moving
    assert [second for second, each in socket.run(240).items() if isinstance(each[0], Stalled)] == [232]


def test_a_socket_fallen_silent_is_stalled_after_four_times_the_limit_if_nobody_can_be_asked() -> None:
    socket = Socket(DEPTH, venue=nothing)
    socket.run(50, [DEPTH])
    assert without_probes(socket.run(200)) == {170: [Stalled(120.0)]}


def test_a_frame_ends_the_suspicion() -> None:
    socket = Socket(DEPTH, venue=moving)
    socket.run(50, [DEPTH])
    socket.run(109)
    socket.machine.on_frames({DEPTH.wire}, 109.5)
    assert socket.run(139) == {}


def test_an_answer_asked_for_in_an_earlier_silence_does_not_count() -> None:
    socket = Socket(DEPTH, venue=moving)
    socket.run(50, [DEPTH])
    assert socket.machine.on_tick(80.0, trades) == [Probe(DEPTH)]
    socket.machine.on_frames({DEPTH.wire}, 80.5)
    socket.machine.on_tick(110.5, trades)
    socket.machine.on_probe(DEPTH.wire, 1, 110.6)
    socket.machine.on_tick(111.0, trades)
    assert socket.machine.on_tick(140.0, trades) == []


def test_a_new_silence_is_judged_anew_even_where_no_tick_saw_the_frame_between() -> None:
    socket = Socket(DEPTH)
    socket.run(50, [DEPTH])
    assert socket.machine.on_tick(80.0, trades) == [Probe(DEPTH)]
    socket.machine.on_probe(DEPTH.wire, 1, 80.1)
    socket.machine.on_frames({DEPTH.wire}, 80.5)
    assert socket.machine.on_tick(111.0, trades) == [Probe(DEPTH)]
    socket.machine.on_probe(DEPTH.wire, 2, 111.1)
    assert socket.machine.on_tick(115.0, trades) == []


@pytest.mark.parametrize(
    ("venue", "stalled_at"), [(moving, [22]), (nothing, [40]), (still, [])], ids=["moved", "unusable", "quiet"]
)
def test_a_socket_that_never_spoke_is_given_up_only_with_proof(
    venue: Callable[[Stream, float], int | None], stalled_at: list[int]
) -> None:
    seen = Socket(DEPTH, venue=venue).run(41)
    assert seen[10][0] == StreamsSilent((DEPTH,), 10.0)
    assert [second for second, each in seen.items() if any(isinstance(effect, Stalled) for effect in each)] == (
        stalled_at
    )


def test_depth_is_asked_for_before_trades_and_those_before_the_rest_and_trading_symbols_first() -> None:
    def only_eth_trades(asked: Stream) -> bool | None:
        return asked.symbol == "ETHUSDT"

    expected = [([MARK, TRADE, ETH_TRADE, DEPTH, ETH_DEPTH], ETH_DEPTH), ([MARK, TRADE], TRADE), ([FORCE, MARK], MARK)]
    for streams, asked in expected:
        socket = Socket(*streams)
        socket.run(1, streams)
        assert Probe(asked) in socket.run(31, (), only_eth_trades)[31]


def test_streams_added_later_have_a_deadline_of_their_own() -> None:
    socket = Socket(DEPTH)
    socket.run(100, [DEPTH])
    socket.machine.add([ETH_DEPTH], 100.0)
    assert socket.run(109, [DEPTH], is_halted) == {}
    assert socket.run(110, [DEPTH], is_halted) == {110: [StreamsSilent((ETH_DEPTH,), 10.0)]}


def test_streams_removed_are_not_missed() -> None:
    socket = Socket(DEPTH, TRADE, venue=moving)
    socket.run(15, [DEPTH])
    socket.machine.remove([TRADE])
    assert socket.run(100, [DEPTH]) == {}
    socket.machine.remove([DEPTH])
    assert socket.run(500) == {}


def test_removing_the_stream_that_was_asked_for_moves_the_question_to_another() -> None:
    socket = Socket(DEPTH, TRADE, ETH_TRADE)
    assert socket.run(10, [DEPTH]) == {10: [Probe(TRADE)]}
    socket.machine.remove([TRADE])
    assert socket.run(11, [DEPTH]) == {11: [Probe(ETH_TRADE)]}


def test_frames_of_unasked_streams_prove_that_the_socket_is_alive_but_not_that_ours_speak() -> None:
    socket = Socket(DEPTH)
    kline = stream("markPrice@1s", "XRPUSDT")
    assert socket.run(60, [kline]) == {10: [StreamsSilent((DEPTH,), 10.0)]}
