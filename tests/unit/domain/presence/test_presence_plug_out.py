"""How a plug-out is held, cancelled and confirmed, and when a session is really over."""

from typing import Any

import pytest

from driveway.domain.presence.observe import presence_due
from driveway.domain.presence.rules import EffectKind, PresenceRules
from driveway.domain.twin import Observed
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.presence_car import HOUR, OPENED, RULES, T0, Car, at, plugged_at_home


def test_a_plug_out_counts_after_two_minutes_as_of_its_report() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False)
    assert car.effects == [(EffectKind.PLUG_OUT_HELD, Reason.PLUG_OUT_HELD)]
    assert presence_due(car.presence) == at(HOUR + 120)
    assert car.waits_until(HOUR + 119).in_session
    assert car.waits_until(HOUR + 120).effects == [(EffectKind.PLUGGED_OUT, Reason.PLUG_OUT_DEBOUNCED)]
    assert car.closed_at == at(HOUR)
    assert car.presence.plugged_in == Observed(False, at(HOUR))
    assert presence_due(car.presence) is None


def test_a_held_plug_out_leaves_the_car_plugged_in_meanwhile() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False)
    assert car.presence.plugged_in == Observed(True, T0)


def test_repeating_a_plug_out_does_not_put_it_off() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 100, plugged_in=False)
    assert presence_due(car.presence) == at(HOUR + 120)
    assert car.waits_until(HOUR + 120).closed_at == at(HOUR)


@pytest.mark.parametrize(("after_stop_s", "held_s"), [(-60, 1200), (0, 1200), (900, 1200), (901, 120), (-61, 120)])
def test_a_plug_out_is_held_longer_after_our_own_stop(after_stop_s: int, held_s: int) -> None:
    car = plugged_at_home()
    car.own_stop_at = at(HOUR)
    car.says(HOUR + after_stop_s, plugged_in=False)
    assert presence_due(car.presence) == at(HOUR + after_stop_s + held_s)


def test_the_debounce_is_a_setting() -> None:
    car = plugged_at_home(PresenceRules(debounce_s=30)).says(HOUR, plugged_in=False)
    assert presence_due(car.presence) == at(HOUR + 30)


@pytest.mark.parametrize("sign", [{"plugged_in": True}, {"power_kw": 7.0}, {"power_kw": -3.0}, {"charging": True}])
def test_a_new_plug_or_power_cancels_a_held_plug_out(sign: dict[str, Any]) -> None:
    car = plugged_at_home()
    session = car.presence.session
    car.says(HOUR, plugged_in=False).says(HOUR + 60, **sign)
    assert EffectKind.PLUG_OUT_CANCELLED in [kind for kind, _ in car.effects]
    assert car.waits_until(2 * HOUR).presence.session == session


@pytest.mark.parametrize(
    "sign", [{"power_kw": 0.05}, {"charging": False}, {"at_home": True}, {"power_kw": float("nan")}]
)
def test_nothing_else_cancels_it(sign: dict[str, Any]) -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 60, **sign)
    assert not car.waits_until(HOUR + 120).in_session


def test_power_of_the_same_moment_does_not_cancel_a_plug_out() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False, power_kw=7.0).says(HOUR + 4, power_kw=7.0)
    assert presence_due(car.presence) == at(HOUR + 120)


@pytest.mark.parametrize(
    ("sign", "reason"),
    [
        ({"moving": True}, Reason.PLUG_OUT_CONFIRMED_BY_MOVEMENT),
        ({"at_home": False}, Reason.PLUG_OUT_CONFIRMED_AWAY),
    ],
)
def test_movement_or_being_away_confirms_a_held_plug_out(sign: dict[str, Any], reason: Reason) -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 30, **sign)
    assert car.effects == [(EffectKind.PLUGGED_OUT, reason)]
    assert car.closed_at == at(HOUR)


@pytest.mark.parametrize("sign", [{"moving": True}, {"at_home": False}])
def test_observations_from_before_the_plug_out_do_not_confirm_it(sign: dict[str, Any]) -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR - 30, now=HOUR + 5, **sign)
    assert car.in_session


def test_a_plug_out_and_away_in_one_report_ends_the_session_at_once() -> None:
    assert not plugged_at_home().says(HOUR, plugged_in=False, at_home=False).in_session


def test_a_real_unplug_and_replug_give_two_sessions_even_without_a_report_between() -> None:
    car = plugged_at_home()
    first = car.presence.session
    car.says(HOUR, plugged_in=False).says(3 * HOUR, plugged_in=True, at_home=True)
    assert car.effects == [(EffectKind.PLUGGED_OUT, Reason.PLUG_OUT_DEBOUNCED), OPENED]
    assert car.closed_at == at(HOUR)
    assert first is not None
    assert car.presence.session is not None
    assert car.presence.session.id != first.id


def test_a_plug_seen_within_the_debounce_but_reported_after_it_reopens_the_session() -> None:
    car = plugged_at_home()
    session = car.presence.session
    car.says(HOUR, plugged_in=False).waits_until(HOUR + 120).says(HOUR + 60, now=HOUR + 300, plugged_in=True)
    assert car.effects == [(EffectKind.PLUGGED_IN, Reason.PLUG_OUT_CANCELLED_BY_PLUG)]
    assert session is not None
    assert car.presence.session == replace(session, false_ends=(at(HOUR),))
    assert car.presence.last_session is None


def test_a_session_keeps_the_latest_false_plug_out() -> None:
    car = plugged_at_home()
    for number in range(1, 8):
        car.says(number * HOUR, plugged_in=False).waits_until(number * HOUR + 120)
        car.says(number * HOUR + 60, now=number * HOUR + 300, plugged_in=True)
    assert car.presence.session is not None
    assert car.presence.session.false_ends == tuple(at(number * HOUR) for number in (4, 5, 6, 7))


def test_a_session_does_not_end_at_the_very_instant_of_a_false_plug_out() -> None:
    car = Car().says(0, plugged_in=True).says(1500, at_home=True)
    car.says(600, now=1510, plugged_in=False).waits_until(HOUR).says(660, now=HOUR + 1, plugged_in=True)
    assert car.presence.session is not None
    assert car.presence.session.false_ends == (at(1500),)
    car.says(720, now=HOUR + 2, plugged_in=False).waits_until(2 * HOUR)
    assert car.closed_at == at(1500.001)


def test_a_session_that_the_car_drove_away_from_is_not_reopened() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 10, moving=True)
    assert not car.says(HOUR + 60, plugged_in=True).in_session


@pytest.mark.parametrize("gone", [{"at_home": False}, {"moving": True}])
def test_a_late_report_of_a_car_unplugged_and_gone_ends_its_session(gone: dict[str, Any]) -> None:
    car = plugged_at_home().says(5 * HOUR, plugged_in=True).says(2 * HOUR, now=5 * HOUR + 60, plugged_in=False, **gone)
    assert car.effects == [
        (EffectKind.PLUGGED_OUT, Reason.PLUG_OUT_CONFIRMED_AWAY),
    ]
    assert car.closed_at == at(2 * HOUR)
    assert car.presence.plugged_in == Observed(True, at(5 * HOUR))
    car.says(5 * HOUR + 90, at_home=True)
    assert car.presence.session is not None
    assert car.presence.session.plugged_at == at(5 * HOUR)


def test_a_late_report_of_a_car_unplugged_and_gone_before_the_session_is_ignored() -> None:
    car = plugged_at_home().says(-HOUR, now=60, plugged_in=False, at_home=False)
    assert car.in_session


def test_a_plug_older_than_the_repeated_plug_out_does_not_cancel_it() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 100, plugged_in=False)
    car.says(HOUR + 50, now=HOUR + 110, plugged_in=True)
    assert car.effects == [(EffectKind.IGNORED, Reason.OBSERVED_TOO_LATE)]
    assert presence_due(car.presence) == at(HOUR + 120)


def test_movement_learned_after_the_end_keeps_the_session_ended() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).waits_until(HOUR + 120)
    car.says(HOUR + 50, now=HOUR + 200, moving=True).says(HOUR + 60, now=HOUR + 210, plugged_in=True)
    assert not car.in_session


def test_a_session_does_not_end_before_it_began() -> None:
    car = Car().says(0, plugged_in=True).says(200, at_home=True).says(150, now=205, plugged_in=False)
    car.waits_until(2 * HOUR)
    assert car.closed_at == at(200)


def test_a_false_position_from_a_session_that_has_ended_is_ignored_too() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).waits_until(HOUR + 120)
    car.says(HOUR / 2, now=HOUR + 200, at_home=False)
    assert car.effects == [(EffectKind.IGNORED, Reason.AWAY_WHILE_PLUGGED)]
    assert car.presence.at_home == Observed(True, T0)


def test_a_late_plug_finds_a_plug_out_that_is_still_held_though_its_time_has_come() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 60, now=HOUR + 300, plugged_in=True)
    assert car.effects == [(EffectKind.PLUG_OUT_CANCELLED, Reason.PLUG_OUT_CANCELLED_BY_PLUG)]


def test_a_clock_that_is_ahead_does_not_end_a_debounce_early() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 200, now=HOUR + 10, plugged_in=True)
    assert car.effects == [(EffectKind.PLUG_OUT_CANCELLED, Reason.PLUG_OUT_CANCELLED_BY_PLUG)]


def test_a_replug_with_home_unknown_gives_the_reason_for_no_new_session() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(3 * HOUR, plugged_in=True)
    assert car.effects == [
        (EffectKind.PLUGGED_OUT, Reason.PLUG_OUT_DEBOUNCED),
        (EffectKind.NO_SESSION, Reason.HOME_UNKNOWN),
    ]


def test_movement_without_a_report_of_the_plug_begins_a_held_plug_out() -> None:
    car = plugged_at_home().says(HOUR, moving=True)
    assert car.effects == [(EffectKind.PLUG_OUT_HELD, Reason.PLUG_OUT_INFERRED)]
    assert not car.waits_until(HOUR + 120).in_session


def test_movement_reported_of_a_plugged_car_is_ignored() -> None:
    car = plugged_at_home().says(HOUR, moving=True, plugged_in=True)
    assert car.effects == [(EffectKind.IGNORED, Reason.AWAY_WHILE_PLUGGED)]
    assert presence_due(car.presence) is None


def test_a_late_plug_out_that_may_be_contradicted_already_waits_for_the_next_report() -> None:
    car = plugged_at_home().says(100, plugged_in=True).says(50, now=110, plugged_in=False)
    assert presence_due(car.presence) == at(110 + RULES.late_debounce_s)
    assert car.says(400, plugged_in=True).waits_until(HOUR).in_session


def test_settling_twice_is_settling_once() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).waits_until(HOUR + 120)
    settled = car.presence
    assert car.waits_until(2 * HOUR).presence is settled
    assert car.effects == []
