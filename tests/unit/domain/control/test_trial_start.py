"""A car that its maker reports unplugged for as long as our stop lasts gets one start, and nobody is stranded."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from driveway.domain.axle_sync.differences import wanted_session
from driveway.domain.control.reconcile import step
from driveway.domain.control.trial_start import may_be_held_unplugged
from driveway.domain.twin import NamedVehicle, Twin
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import START, axle_profile, new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import Rig

HOUR = timedelta(hours=1)
EDGE = START + 330 * MINUTE
CARS = pytest.mark.parametrize("provider", ["enode", "smartcar", "tesla"])


def seemingly_unplugged(provider: str = "enode") -> Rig:
    """A car that was plugged in at 16:30, stopped, and reported unplugged since; its session was closed.

    Axle's schedule lets it charge from 22:00 on, when no schedule that a car keeps itself does.
    """
    rig = Rig(twin=new_twin(provider))
    rig.car.seems_unplugged_while_held = True
    rig.schedule((330, 0.0), (600, 7.4))
    rig.plug_in()
    rig.run(30 * MINUTE)
    assert rig.twin.presence.session is None
    return rig


def starts(rig: Rig) -> list[str]:
    return [command.reason for _, command in rig.sent if command.action == "start"]


def attention(rig: Rig) -> list[str]:
    return [entry.reason for entry in rig.entries_of("NeedsAttention")]


@CARS
def test_a_car_that_seems_unplugged_while_stopped_is_started_at_the_next_start_edge(provider: str) -> None:
    rig = seemingly_unplugged(provider)
    session = rig.twin.presence.last_session
    assert session is not None
    rig.run(EDGE + 2 * MINUTE - rig.now)
    assert rig.car.charging
    assert [at for at, command in rig.sent if command.action == "start"] == [EDGE]
    reopened = rig.twin.presence.session
    assert reopened is not None
    assert reopened.id == session.id
    assert rig.command.state == "confirmed"
    assert attention(rig) == []


def test_axle_gets_the_plug_out_and_then_the_plug_in_of_the_same_session() -> None:
    rig = Rig()
    rig.car.seems_unplugged_while_held = True
    rig.schedule((330, 0.0), (600, 7.4))
    rig.plug_in()
    rig.run(2 * MINUTE)
    before = wanted_session(rig.twin, rig.now)
    rig.run(30 * MINUTE)
    assert before is not None
    assert wanted_session(rig.twin, rig.now) is None
    rig.run(EDGE + 2 * MINUTE - rig.now)
    again = wanted_session(rig.twin, rig.now)
    assert again is not None
    assert again.id == before.id


@CARS
def test_a_car_that_was_really_unplugged_is_tried_once_and_nothing_fails(provider: str) -> None:
    rig = Rig(twin=new_twin(provider))
    rig.plug_in()
    rig.run(5 * MINUTE)
    rig.plug_out()
    rig.run(20 * HOUR)
    assert starts(rig) == [Reason.TRIAL_START]
    assert rig.command.state == "superseded"
    assert rig.entries_of("CommandSuperseded")[-1].reason == Reason.PLUG_OUT_CONFIRMED_BY_PROVIDER
    assert (rig.entries_of("CommandFailed"), attention(rig)) == ([], [])
    assert (rig.twin.control.failures, rig.twin.control.breaker_until) == (0, None)


def test_a_start_of_a_car_whose_plug_out_was_lost_is_not_sent_twice_and_fails_nothing() -> None:
    rig = Rig()
    rig.schedule((330, 0.0), (600, 7.4))
    rig.plug_in()
    rig.run(5 * MINUTE)
    rig.silent = True
    rig.car.plugged = rig.car.held = False
    rig.run(EDGE + HOUR - rig.now)
    assert starts(rig) == [Reason.AXLE_SCHEDULE]
    assert rig.twin.presence.session is None
    assert rig.entries_of("PluggedOut")[-1].reason == Reason.PLUG_OUT_CONFIRMED_BY_PROVIDER
    assert (rig.entries_of("CommandFailed"), attention(rig), rig.twin.control.failures) == ([], [], 0)


@CARS
@pytest.mark.parametrize("how", ["unenrolled", "leaving", "snoozed"])
def test_a_car_that_seems_unplugged_while_stopped_is_released_when_control_ends(provider: str, how: str) -> None:
    rig = seemingly_unplugged(provider)
    match how:
        case "unenrolled":
            rig.link(enrolled=False)
        case "leaving":
            rig.link(leaving=True)
        case _:
            rig.link(snoozed_min=48 * 60)
    rig.run(MINUTE)
    assert rig.car.charging
    assert starts(rig) == [Reason.RELEASED]


def test_a_trial_start_that_the_car_does_not_follow_is_not_repeated_and_fails_nothing() -> None:
    rig = seemingly_unplugged()
    rig.fault = "ignored"
    rig.run(EDGE + 2 * HOUR - rig.now)
    assert starts(rig) == [Reason.TRIAL_START]
    assert (rig.command.state, rig.command.ended_at) == ("superseded", EDGE + 5 * MINUTE)
    assert (rig.entries_of("CommandFailed"), attention(rig), rig.twin.control.failures) == ([], [], 0)


@pytest.mark.parametrize("fault", ["retryable", "answer_lost", "event_lost", "out", "needs_user"])
def test_a_trial_start_that_does_not_reach_the_car_is_sent_until_it_does(fault: str) -> None:
    rig = seemingly_unplugged()
    rig.run(EDGE - MINUTE - rig.now)
    rig.fault = fault
    rig.run(20 * MINUTE)
    rig.fault = None
    rig.run(2 * HOUR)
    assert rig.car.charging


def test_hours_in_which_the_provider_does_not_answer_do_not_count_towards_the_twelve() -> None:
    rig = seemingly_unplugged()
    rig.run(EDGE - MINUTE - rig.now)
    rig.fault = "retryable"
    rig.run(8 * HOUR)
    rig.fault = None
    rig.run(1.5 * HOUR)
    assert rig.now > rig.twin.control.last_stop_at + 12 * HOUR  # type: ignore[operator]  # we stopped it
    assert rig.car.charging


def test_a_sleeping_car_is_not_woken_for_a_trial_start() -> None:
    rig = seemingly_unplugged("tesla")
    rig.fault = "sleepy"
    rig.run(EDGE + 2 * HOUR - rig.now)
    assert starts(rig) == [Reason.TRIAL_START]
    assert sum(rig.promised.wakes.values()) == 0
    assert rig.twin.control.failures == 0


@pytest.mark.parametrize("sign", ["moving", "away", "charging", "another car", "twelve hours"])
def test_a_car_that_our_stop_does_not_hold_any_more_is_not_tried(sign: str) -> None:
    rig = seemingly_unplugged()
    assert may_be_held_unplugged(rig.twin, rig.now)
    match sign:
        case "moving":
            rig.observe(moving=True)
        case "away":
            rig.car.at_home = False
            rig.observe(plugged_in=False)
        case "charging":
            presence = replace(rig.twin.presence, charged_at=rig.now)
            rig.change(lambda twin: replace(twin, presence=presence))
        case "another car":
            named = NamedVehicle("another", rig.now, since=rig.now)
            rig.change(lambda twin: replace(twin, presence=replace(twin.presence, vehicle=named)))
        case _:
            rig.run(12 * HOUR)
    assert not may_be_held_unplugged(rig.twin, rig.now)
    night = replace(rig.twin, presence=replace(rig.twin.presence, held_plug_out=None))
    assert step(night, EDGE, rig.rules) is night or step(night, EDGE, rig.rules).control == (night.control)


def test_a_trial_start_without_effect_is_cancelled_after_five_minutes_and_once() -> None:
    rig = seemingly_unplugged()
    rig.fault = "ignored"
    rig.run(EDGE + MINUTE - rig.now)
    rig.change(with_ref("action-1"))
    rig.run(5 * MINUTE)
    rig.run(HOUR)
    assert [(request.kind, request.provider_ref) for _, request in rig.requests if request.kind == "cancel"] == [
        ("cancel", "action-1")
    ]
    assert rig.requests[-1][0] <= EDGE + 6 * MINUTE


def test_a_trial_start_is_cancelled_at_the_first_sign_of_a_move() -> None:
    rig = seemingly_unplugged()
    rig.fault = "ignored"
    rig.run(EDGE + MINUTE - rig.now)
    rig.change(with_ref("action-1"))
    rig.observe(moving=True)
    rig.run(10 * timedelta(seconds=1))
    assert rig.command.state == "superseded"
    assert [request.kind for _, request in rig.requests][-1] == "cancel"


def with_ref(ref: str) -> Callable[[Twin], Twin]:
    """The provider's name for the command under way."""

    def rule(twin: Twin) -> Twin:
        command = twin.control.command
        assert command is not None
        return replace(twin, control=replace(twin.control, command=replace(command, provider_ref=ref)))

    return rule


def test_a_car_that_is_reported_rarely_reopens_its_session_although_the_trial_seemed_without_effect() -> None:
    rig = seemingly_unplugged()
    last = rig.twin.presence.last_session
    rig.silent = True
    rig.run(EDGE + 20 * MINUTE - rig.now)
    assert rig.entries_of("CommandSuperseded")[-1].reason == Reason.TRIAL_START_ENDED
    assert rig.twin.presence.session is None
    rig.be_silent(False)
    rig.run(2 * MINUTE)
    assert rig.twin.presence.session is not None
    assert last is not None
    assert rig.twin.presence.session.id == last.id


def test_a_session_that_is_reopened_again_and_again_has_no_more_stops_than_any_other() -> None:
    rig = Rig()
    rig.car.seems_unplugged_while_held = True
    rig.schedule(*[(40, 0.0), (40, 7.4)] * 12)
    rig.plug_in()
    rig.run(12 * HOUR)
    assert len({command.id for _, command in rig.sent if command.action == "stop"}) == rig.rules.max_pairs
    assert rig.car.charging


def test_no_trial_contradicts_the_schedule_of_the_session_that_may_go_on() -> None:
    rig = Rig()
    rig.car.seems_unplugged_while_held = True
    rig.plug_in()
    session = rig.twin.presence.session
    assert session is not None
    of_session = axle_profile(rig.now, (500, 0.0), (600, 7.4))
    of_session = replace(of_session, profile=replace(of_session.profile, purpose="TxProfile"), session_id=session.id)
    rig.change(lambda twin: replace(twin, profiles=(of_session,)))
    rig.run(500 * MINUTE + HOUR)
    assert [at for at, command in rig.sent if command.action == "start"] == [START + 500 * MINUTE]
    assert rig.car.charging
