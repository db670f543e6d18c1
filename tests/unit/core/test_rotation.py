"""The planned replacement of a socket."""

import pytest

from orderflow_recorder.core.rotation import OpenReplacement, RetireOld, Rotation, RotationState
from orderflow_recorder.domain.errors import TransitionError


def state(machine: Rotation) -> RotationState:
    """Return the state anew: a plain attribute would stay narrowed by an earlier assertion."""
    return machine.state


def rotation(random: float = 0.0) -> Rotation:
    return Rotation(1000.0, random=lambda: random, now=0.0)


def proving(*streams: str) -> Rotation:
    machine = rotation()
    machine.on_tick(1000.0)
    machine.on_opened(1001.0, streams)
    assert state(machine) is RotationState.PROVING
    return machine


def test_a_socket_is_replaced_when_its_time_comes_and_asked_for_once() -> None:
    machine = rotation()
    assert machine.on_tick(999.0) == []
    assert machine.on_tick(1000.0) == [OpenReplacement()]
    assert machine.on_tick(1001.0) == []


def test_jitter_shortens_the_lifetime_by_up_to_a_tenth() -> None:
    machine = rotation(random=1.0)
    assert machine.on_tick(899.0) == []
    assert machine.on_tick(900.0) == [OpenReplacement()]


def test_the_old_socket_retires_after_every_stream_spoke_on_the_new_one_and_a_short_overlap() -> None:
    machine = proving("a", "b")
    machine.on_new_frames({"a"}, 1002.0)
    machine.on_new_frames({"x"}, 1003.0)
    assert machine.on_tick(1004.0) == []
    machine.on_new_frames({"b"}, 1005.0)
    assert state(machine) is RotationState.DRAINING
    assert machine.on_tick(1006.0) == []
    machine.on_new_frames({"a"}, 1006.5)
    assert machine.on_tick(1007.0) == [RetireOld(6.0)]
    assert state(machine) is RotationState.RETIRED
    assert machine.on_tick(2000.0) == []


def test_a_stream_gone_quiet_delays_the_proof_for_a_minute_only() -> None:
    machine = proving("a", "b")
    machine.on_new_frames({"a"}, 1002.0)
    machine.on_tick(1060.0)
    assert state(machine) is RotationState.PROVING
    machine.on_tick(1061.0)
    assert machine.on_tick(1063.0) == [RetireOld(62.0)]


def test_where_nothing_spoke_on_the_old_socket_the_first_frame_is_the_proof() -> None:
    machine = proving()
    machine.on_tick(1002.0)
    assert state(machine) is RotationState.PROVING
    machine.on_new_frames({"a"}, 1003.0)
    assert state(machine) is RotationState.DRAINING


def test_a_failed_replacement_leaves_the_old_socket_serving_and_is_tried_again_ever_later() -> None:
    machine = rotation()
    now, waits = 1000.0, []
    for _ in range(3):
        assert machine.on_tick(now) == [OpenReplacement()]
        machine.on_open_failed(now)
        assert state(machine) is RotationState.SERVING
        failed_at = now
        while machine.on_tick(now) == []:
            now += 0.5
        waits.append(now - failed_at)
        machine.on_open_failed(now)
        now += 1000.0
    assert waits == sorted(waits)
    assert waits[0] == 2.5


@pytest.mark.parametrize("proven", [False, True])
def test_a_replacement_that_breaks_leaves_the_old_socket_serving(*, proven: bool) -> None:
    machine = proving("a")
    if proven:
        machine.on_new_frames({"a"}, 1002.0)
    machine.on_open_failed(1002.5)
    assert state(machine) is RotationState.SERVING
    assert machine.on_tick(1010.0) == [OpenReplacement()]


def test_a_server_shutdown_replaces_the_socket_at_once() -> None:
    machine = rotation()
    assert machine.on_server_shutdown(5.0) == [OpenReplacement()]
    assert machine.on_server_shutdown(6.0) == []
    machine.on_opened(7.0, ["a"])
    assert machine.on_server_shutdown(8.0) == []


def test_an_old_socket_that_closes_early_hands_over_to_an_open_replacement() -> None:
    machine = proving("a")
    assert machine.on_old_closed(1004.0) == [RetireOld(3.0)]
    assert machine.on_old_closed(1005.0) == []


def test_an_old_socket_that_closes_without_an_open_replacement_is_only_retired() -> None:
    serving, opening = rotation(), rotation()
    opening.on_tick(1000.0)
    assert serving.on_old_closed(1.0) == []
    assert opening.on_old_closed(1001.0) == []
    assert opening.on_opened(1002.0, ["a"]) == []
    assert state(opening) is RotationState.RETIRED


def test_a_replacement_nobody_asked_for_is_an_error() -> None:
    with pytest.raises(TransitionError, match="rotation: no transition from serving on opened"):
        rotation().on_opened(1.0, [])
