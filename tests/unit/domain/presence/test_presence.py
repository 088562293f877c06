"""A session opens once the car is plugged in and at home; signals are kept with their times."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe, presence_due, session_id
from driveway.domain.presence.rules import EffectKind, PresenceRules
from driveway.domain.twin import Observed, Presence
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.presence_car import HOUR, OPENED, RULES, T0, Car, at, plugged_at_home


def test_a_session_opens_on_plugged_and_home_in_one_report() -> None:
    car = plugged_at_home()
    assert car.effects == [OPENED]
    assert car.presence.session is not None
    assert car.presence.session.opened_at == car.presence.session.plugged_at == T0


def test_a_plug_after_home_opens_the_session_at_the_plug() -> None:
    car = Car().says(0, at_home=True).says(HOUR, plugged_in=True)
    assert car.effects == [OPENED]
    assert car.presence.session is not None
    assert car.presence.session.opened_at == at(HOUR)


def test_home_learned_hours_after_the_plug_opens_the_session_then() -> None:
    car = Car().says(0, plugged_in=True)
    assert car.effects == [(EffectKind.NO_SESSION, Reason.HOME_UNKNOWN)]
    car.says(5 * HOUR, at_home=True)
    assert car.presence.session is not None
    assert (car.presence.session.plugged_at, car.presence.session.opened_at) == (T0, at(5 * HOUR))


@pytest.mark.parametrize(
    ("reports", "home_s", "metered_from_s"),
    [
        ([(0, {"plugged_in": True})], HOUR, None),
        ([(0, {"plugged_in": True})], HOUR + 1, HOUR + 1),
        ([(0, {"plugged_in": True}), (60, {"moving": True}), (90, {"plugged_in": True})], 100, 100),
        ([(0, {"plugged_in": True, "at_home": False})], 60, 60),
        ([(-60, {"at_home": True}), (0, {"plugged_in": True})], 2 * HOUR, None),
    ],
    ids=["within the hour", "after an hour", "moved since", "away since", "known before"],
)
def test_energy_from_before_home_was_known_counts_only_within_the_same_plug(
    reports: list[tuple[float, dict[str, Any]]], home_s: float, metered_from_s: float | None
) -> None:
    car = Car()
    for seconds, signals in reports:
        car.says(seconds, **signals)
    car.says(home_s, at_home=True)
    assert car.presence.session is not None
    assert car.presence.session.metered_from == (None if metered_from_s is None else at(metered_from_s))


def test_a_session_does_not_end_at_the_very_instant_its_metering_began() -> None:
    car = Car().says(0, plugged_in=True).says(2 * HOUR, at_home=True).says(150, now=2 * HOUR + 5, plugged_in=False)
    car.waits_until(3 * HOUR)
    assert car.closed_at == at(2 * HOUR + 0.001)


def test_unknown_home_is_not_home() -> None:
    car = Car().says(0, plugged_in=True).says(600, plugged_in=True, charging=True, power_kw=7.0)
    assert not car.in_session


def test_a_plug_away_from_home_opens_nothing() -> None:
    car = Car().says(0, plugged_in=True, at_home=False)
    assert car.effects == [(EffectKind.NO_SESSION, Reason.NOT_AT_HOME)]
    assert not car.in_session


def test_a_false_position_at_the_plug_in_is_put_right_by_the_next_one() -> None:
    car = Car().says(0, plugged_in=True, at_home=False).says(60, at_home=True)
    assert car.in_session


def test_home_seen_yesterday_is_no_evidence_for_a_plug_today() -> None:
    assert not Car().says(0, at_home=True).says(20 * HOUR, plugged_in=True).in_session


def test_home_seen_while_leaving_is_no_evidence_for_the_next_plug() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False, at_home=True).says(HOUR + 200, at_home=True)
    car.says(2 * HOUR, plugged_in=True)
    assert not car.in_session


def test_home_seen_before_the_last_plug_out_is_no_evidence_for_the_next_plug() -> None:
    car = plugged_at_home().says(HOUR, at_home=True).says(HOUR + 10, plugged_in=False)
    assert not car.says(HOUR + 240, plugged_in=True).in_session


def test_home_seen_before_a_drive_is_no_evidence_for_a_plug_after_it() -> None:
    car = Car().says(0, at_home=True, plugged_in=False).says(1200, at_home=True).says(1500, moving=True)
    assert not car.says(3000, plugged_in=True).in_session
    assert car.says(3010, at_home=True).in_session


def test_coming_home_counts_as_home_at_the_plug_in() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 300, at_home=False).says(HOUR + 600, at_home=True)
    assert car.says(HOUR + 2000, plugged_in=True).in_session


def test_a_car_still_at_home_a_while_after_the_plug_out_may_be_plugged_in_again() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 1000, at_home=True)
    assert car.says(HOUR + 3000, plugged_in=True).in_session


def test_a_source_that_reports_every_change_of_home_need_not_repeat_it() -> None:
    rules = PresenceRules(reports_home_changes=True, refresh_s=0)
    car = plugged_at_home(rules).says(HOUR, plugged_in=False).says(30 * HOUR, plugged_in=True)
    assert car.in_session
    car.says(40 * HOUR, plugged_in=False).says(40 * HOUR + 200, at_home=False)
    assert not car.says(42 * HOUR, plugged_in=True).in_session


def test_reaching_home_with_a_missed_plug_out_is_not_a_session_until_the_plug_is_seen_there() -> None:
    car = Car().says(0, plugged_in=True, at_home=False).says(8 * HOUR, at_home=True)
    assert not car.in_session
    car.says(8 * HOUR + 60, plugged_in=True)
    assert car.presence.session is not None
    assert car.presence.session.opened_at == at(8 * HOUR)


def test_absent_signals_change_nothing() -> None:
    car = plugged_at_home()
    before = car.presence
    assert car.says(HOUR).presence is before
    assert car.effects == []


def test_an_older_plug_in_is_ignored_after_a_newer_plug_out() -> None:
    car = Car().says(0, plugged_in=False, at_home=True)
    car.says(-60, now=10, plugged_in=True)
    assert car.effects == [(EffectKind.IGNORED, Reason.OBSERVED_TOO_LATE)]
    assert not car.in_session


def test_an_older_plug_out_is_ignored_after_a_newer_plug_in() -> None:
    car = plugged_at_home().says(1200, plugged_in=True).says(600, now=1210, plugged_in=False)
    assert car.effects == [(EffectKind.IGNORED, Reason.OBSERVED_TOO_LATE)]
    assert presence_due(car.presence) is None


@pytest.mark.parametrize("plugged_in", [True, False])
def test_an_older_report_of_the_plug_as_it_is_known_changes_nothing(plugged_in: bool) -> None:
    car = plugged_at_home().says(1200, plugged_in=plugged_in)
    before = car.presence
    car.says(600, now=1210, plugged_in=plugged_in)
    assert car.effects == []
    assert car.presence == before


def test_each_signal_has_its_own_time() -> None:
    car = Car().says(100, soc_pct=50).says(50, now=110, plugged_in=True, at_home=True, soc_pct=40)
    assert car.in_session
    assert car.presence.soc_pct == Observed(50, at(100))


def test_charging_that_began_before_the_session_is_dated_at_its_opening() -> None:
    car = Car().says(0, plugged_in=True).says(10, charging=True).says(100, at_home=True)
    assert [(effect.kind, effect.at) for effect in car.step.effects] == [
        (EffectKind.PLUGGED_IN, at(100)),
        (EffectKind.CHARGING_STARTED, at(100)),
    ]


def test_charging_ends_with_the_plug() -> None:
    car = plugged_at_home().says(60, charging=True, power_kw=7.0)
    assert car.effects == [(EffectKind.CHARGING_STARTED, Reason.OBSERVED_CHARGING)]
    car.says(HOUR, plugged_in=False).waits_until(HOUR + 120)
    assert (EffectKind.CHARGING_STOPPED, Reason.PLUGGED_OUT) in car.effects
    assert car.presence.charging == Observed(False, at(HOUR))
    assert car.presence.power_kw == Observed(0.0, at(HOUR))


def test_a_charging_car_that_stops_gives_one_event() -> None:
    car = plugged_at_home().says(60, charging=True).says(120, charging=False)
    assert car.effects == [(EffectKind.CHARGING_STOPPED, Reason.OBSERVED_STOPPED)]
    assert car.says(180, charging=False).effects == []


def test_charging_away_from_home_gives_no_event() -> None:
    assert Car().says(0, plugged_in=True, at_home=False).says(60, charging=True).effects == []


def test_a_time_a_little_ahead_is_used_as_it_is() -> None:
    assert Car().says(300, now=0, plugged_in=True).presence.plugged_at == at(300)


def test_a_time_further_ahead_is_taken_as_now() -> None:
    assert Car().says(301, now=0, plugged_in=True).presence.plugged_at == T0


@pytest.mark.parametrize("days", [-31, 2])
def test_an_absurd_time_is_dropped_with_its_reason(days: int) -> None:
    car = Car().says(days * 86_400, now=0, plugged_in=True, at_home=True)
    assert car.effects == [(EffectKind.IGNORED, Reason.OBSERVED_TIME_ABSURD)]
    assert car.presence == Presence()


def test_a_time_in_another_zone_is_stored_in_utc() -> None:
    seen = Observation(at=datetime.fromisoformat("2026-10-25T01:59:00+01:00"), source="app", plugged_in=True)
    step = observe(Presence(), seen, now=seen.at, rules=RULES)
    assert step.presence.plugged_at == datetime(2026, 10, 25, 0, 59, tzinfo=UTC)
    assert step.presence.plugged_at.tzinfo is UTC


def test_the_session_id_is_the_time_of_the_plug_in() -> None:
    assert session_id(T0) == "20261122T180000Z"
    assert session_id(T0 + timedelta(microseconds=1500)) == "20261122T180000.001500Z"


def test_a_repeated_report_gives_back_the_same_object() -> None:
    car = plugged_at_home()
    before = car.presence
    assert car.says(0, plugged_in=True, at_home=True).presence is before
    assert car.says(119, plugged_in=True, at_home=True).presence is before
    assert not car.step.changed


def test_a_report_that_only_moves_old_times_on_is_kept_and_is_no_change() -> None:
    car = plugged_at_home().says(120, plugged_in=True)
    assert car.presence.plugged_in == Observed(True, at(120))
    assert not car.step.changed


@pytest.mark.parametrize(
    ("signal", "first", "same", "other"),
    [("soc_pct", 41, 41.9, 42.0), ("power_kw", 7.0, 7.09, 7.11), ("power_kw", 0.05, 0.09, 0.1)],
)
def test_small_changes_of_a_measured_value_are_not_kept(signal: str, first: float, same: float, other: float) -> None:
    car = Car().says(0, **{signal: first})
    assert getattr(car.says(30, **{signal: same}).presence, signal).value == first
    assert getattr(car.says(60, **{signal: other}).presence, signal).value == other


@pytest.mark.parametrize("signals", [{"soc_pct": 101}, {"soc_pct": -1}, {"power_kw": float("inf")}])
def test_an_impossible_value_is_ignored_with_its_reason(signals: dict[str, Any]) -> None:
    car = Car().says(0, **signals)
    assert car.effects == [(EffectKind.IGNORED, Reason.OBSERVED_VALUE_ABSURD)]
    assert car.presence == Presence()


def test_needs_user_is_left_alone() -> None:
    presence = replace(Presence(), needs_user="reconnect")
    step = observe(presence, Observation(at=T0, source="app", plugged_in=True), now=T0, rules=RULES)
    assert step.presence.needs_user == "reconnect"
