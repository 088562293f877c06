from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.observation import Observation
from driveway.domain.presence import observe, observe_all, presence_due, session_id, settle
from driveway.domain.presence_rules import TEXTS, EffectKind, PresenceRules, PresenceStep
from driveway.domain.reasons import Reason
from driveway.domain.twin import Observed, Presence

T0 = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
RULES = PresenceRules()
HOUR = 3600


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class Car:
    """A car whose reports arrive the moment they are made, unless ``now`` says otherwise."""

    def __init__(self, rules: PresenceRules = RULES) -> None:
        self.presence = Presence()
        self.rules = rules
        self.own_stop_at: datetime | None = None
        self.step = PresenceStep(self.presence)

    def says(self, seconds: float, *, now: float | None = None, **signals: Any) -> "Car":
        self.step = observe(
            self.presence,
            Observation(at=at(seconds), source="app", **signals),
            now=at(seconds if now is None else now),
            rules=self.rules,
            own_stop_at=self.own_stop_at,
        )
        self.presence = self.step.presence
        return self

    def waits_until(self, seconds: float) -> "Car":
        self.step = settle(self.presence, now=at(seconds))
        self.presence = self.step.presence
        return self

    @property
    def told(self) -> list[tuple[EffectKind, Reason]]:
        return [(effect.kind, effect.reason) for effect in self.step.effects]

    @property
    def in_session(self) -> bool:
        return self.presence.session is not None

    @property
    def closed_at(self) -> datetime | None:
        return self.presence.last_session.closed_at if self.presence.last_session else None


def plugged_at_home(rules: PresenceRules = RULES) -> Car:
    return Car(rules).says(0, plugged_in=True, at_home=True)


OPENED = (EffectKind.PLUGGED_IN, Reason.PLUGGED_AND_HOME)


def test_a_session_opens_on_plugged_and_home_in_one_report() -> None:
    car = plugged_at_home()
    assert car.told == [OPENED]
    assert car.presence.session is not None
    assert car.presence.session.opened_at == car.presence.session.plugged_at == T0


def test_a_plug_after_home_opens_the_session_at_the_plug() -> None:
    car = Car().says(0, at_home=True).says(HOUR, plugged_in=True)
    assert car.told == [OPENED]
    assert car.presence.session is not None
    assert car.presence.session.opened_at == at(HOUR)


def test_home_learned_hours_after_the_plug_opens_the_session_then() -> None:
    car = Car().says(0, plugged_in=True)
    assert car.told == [(EffectKind.NO_SESSION, Reason.HOME_UNKNOWN)]
    car.says(5 * HOUR, at_home=True)
    assert car.presence.session is not None
    assert (car.presence.session.plugged_at, car.presence.session.opened_at) == (T0, at(5 * HOUR))


def test_unknown_home_is_not_home() -> None:
    car = Car().says(0, plugged_in=True).says(600, plugged_in=True, charging=True, power_kw=7.0)
    assert not car.in_session


def test_a_plug_away_from_home_opens_nothing() -> None:
    car = Car().says(0, plugged_in=True, at_home=False)
    assert car.told == [(EffectKind.NO_SESSION, Reason.NOT_AT_HOME)]
    assert not car.in_session


def test_a_false_position_at_the_plug_in_is_put_right_by_the_next_one() -> None:
    car = Car().says(0, plugged_in=True, at_home=False).says(60, at_home=True)
    assert car.in_session


def test_home_seen_yesterday_says_nothing_of_a_plug_today() -> None:
    assert not Car().says(0, at_home=True).says(20 * HOUR, plugged_in=True).in_session


def test_home_seen_while_leaving_says_nothing_of_the_next_plug() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False, at_home=True).says(HOUR + 200, at_home=True)
    car.says(2 * HOUR, plugged_in=True)
    assert not car.in_session


def test_home_seen_before_the_last_plug_out_says_nothing_of_the_next_plug() -> None:
    car = plugged_at_home().says(HOUR, at_home=True).says(HOUR + 10, plugged_in=False)
    assert not car.says(HOUR + 240, plugged_in=True).in_session


def test_home_seen_before_a_drive_says_nothing_of_a_plug_after_it() -> None:
    car = Car().says(0, at_home=True, plugged_in=False).says(1200, at_home=True).says(1500, moving=True)
    assert not car.says(3000, plugged_in=True).in_session
    assert car.says(3010, at_home=True).in_session


def test_coming_home_counts_as_home_at_the_plug_in() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 300, at_home=False).says(HOUR + 600, at_home=True)
    assert car.says(HOUR + 2000, plugged_in=True).in_session


def test_a_car_still_at_home_a_while_after_the_plug_out_may_be_plugged_in_again() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 1000, at_home=True)
    assert car.says(HOUR + 3000, plugged_in=True).in_session


def test_a_source_that_tells_every_change_of_home_need_not_repeat_it() -> None:
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


def test_a_position_away_from_home_is_ignored_while_plugged_in() -> None:
    car = plugged_at_home().says(HOUR, at_home=False)
    assert car.told == [(EffectKind.IGNORED, Reason.AWAY_WHILE_PLUGGED)]
    assert car.in_session
    assert car.presence.at_home == Observed(True, T0)


def test_absent_signals_change_nothing() -> None:
    car = plugged_at_home()
    before = car.presence
    assert car.says(HOUR).presence is before
    assert car.told == []


def test_an_older_plug_in_is_ignored_after_a_newer_plug_out() -> None:
    car = Car().says(0, plugged_in=False, at_home=True)
    car.says(-60, now=10, plugged_in=True)
    assert car.told == [(EffectKind.IGNORED, Reason.OBSERVED_TOO_LATE)]
    assert not car.in_session


def test_an_older_plug_out_is_ignored_after_a_newer_plug_in() -> None:
    car = plugged_at_home().says(1200, plugged_in=True).says(600, now=1210, plugged_in=False)
    assert car.told == [(EffectKind.IGNORED, Reason.OBSERVED_TOO_LATE)]
    assert presence_due(car.presence) is None


def test_each_signal_has_its_own_time() -> None:
    car = Car().says(100, soc_pct=50).says(50, now=110, plugged_in=True, at_home=True, soc_pct=40)
    assert car.in_session
    assert car.presence.soc_pct == Observed(50, at(100))


def test_a_plug_out_counts_after_two_minutes_as_of_its_report() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False)
    assert car.told == [(EffectKind.PLUG_OUT_HELD, Reason.PLUG_OUT_HELD)]
    assert presence_due(car.presence) == at(HOUR + 120)
    assert car.waits_until(HOUR + 119).in_session
    assert car.waits_until(HOUR + 120).told == [(EffectKind.PLUGGED_OUT, Reason.PLUG_OUT_DEBOUNCED)]
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


@pytest.mark.parametrize(("after_stop_s", "held_s"), [(-60, 600), (0, 600), (900, 600), (901, 120), (-61, 120)])
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
    assert EffectKind.PLUG_OUT_CANCELLED in [kind for kind, _ in car.told]
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
    assert car.told == [(EffectKind.PLUGGED_OUT, reason)]
    assert car.closed_at == at(HOUR)


@pytest.mark.parametrize("sign", [{"moving": True}, {"at_home": False}])
def test_what_was_seen_before_the_plug_out_does_not_confirm_it(sign: dict[str, Any]) -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR - 30, now=HOUR + 5, **sign)
    assert car.in_session


def test_a_plug_out_and_away_in_one_report_ends_the_session_at_once() -> None:
    assert not plugged_at_home().says(HOUR, plugged_in=False, at_home=False).in_session


def test_a_real_unplug_and_replug_give_two_sessions_even_if_nothing_was_heard_between() -> None:
    car = plugged_at_home()
    first = car.presence.session
    car.says(HOUR, plugged_in=False).says(3 * HOUR, plugged_in=True, at_home=True)
    assert car.told == [(EffectKind.PLUGGED_OUT, Reason.PLUG_OUT_DEBOUNCED), OPENED]
    assert car.closed_at == at(HOUR)
    assert first is not None
    assert car.presence.session is not None
    assert car.presence.session.id != first.id


def test_a_plug_seen_within_the_debounce_but_told_after_it_reopens_the_session() -> None:
    car = plugged_at_home()
    session = car.presence.session
    car.says(HOUR, plugged_in=False).waits_until(HOUR + 120).says(HOUR + 60, now=HOUR + 300, plugged_in=True)
    assert car.told == [(EffectKind.PLUGGED_IN, Reason.PLUG_OUT_CANCELLED_BY_PLUG)]
    assert car.presence.session == session
    assert car.presence.last_session is None


def test_a_session_that_the_car_drove_away_from_is_not_reopened() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 10, moving=True)
    assert not car.says(HOUR + 60, plugged_in=True).in_session


@pytest.mark.parametrize("gone", [{"at_home": False}, {"moving": True}])
def test_a_late_report_of_a_car_unplugged_and_gone_ends_its_session(gone: dict[str, Any]) -> None:
    car = plugged_at_home().says(5 * HOUR, plugged_in=True).says(2 * HOUR, now=5 * HOUR + 60, plugged_in=False, **gone)
    assert car.told == [
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
    assert car.told == [(EffectKind.IGNORED, Reason.OBSERVED_TOO_LATE)]
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
    assert car.told == [(EffectKind.IGNORED, Reason.AWAY_WHILE_PLUGGED)]
    assert car.presence.at_home == Observed(True, T0)


def test_a_late_plug_finds_a_plug_out_that_is_still_held_though_its_time_has_come() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 60, now=HOUR + 300, plugged_in=True)
    assert car.told == [(EffectKind.PLUG_OUT_CANCELLED, Reason.PLUG_OUT_CANCELLED_BY_PLUG)]


def test_a_clock_that_is_ahead_does_not_end_a_debounce_early() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(HOUR + 200, now=HOUR + 10, plugged_in=True)
    assert car.told == [(EffectKind.PLUG_OUT_CANCELLED, Reason.PLUG_OUT_CANCELLED_BY_PLUG)]


def test_a_replug_with_home_unknown_says_why_no_session_follows_the_one_that_ended() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).says(3 * HOUR, plugged_in=True)
    assert car.told == [
        (EffectKind.PLUGGED_OUT, Reason.PLUG_OUT_DEBOUNCED),
        (EffectKind.NO_SESSION, Reason.HOME_UNKNOWN),
    ]


def test_charging_that_began_before_the_session_is_told_as_of_its_opening() -> None:
    car = Car().says(0, plugged_in=True).says(10, charging=True).says(100, at_home=True)
    assert [(effect.kind, effect.at) for effect in car.step.effects] == [
        (EffectKind.PLUGGED_IN, at(100)),
        (EffectKind.CHARGING_STARTED, at(100)),
    ]


def test_movement_with_no_word_of_the_plug_begins_a_held_plug_out() -> None:
    car = plugged_at_home().says(HOUR, moving=True)
    assert car.told == [(EffectKind.PLUG_OUT_HELD, Reason.PLUG_OUT_INFERRED)]
    assert not car.waits_until(HOUR + 120).in_session


def test_movement_told_of_a_plugged_car_is_ignored() -> None:
    car = plugged_at_home().says(HOUR, moving=True, plugged_in=True)
    assert car.told == [(EffectKind.IGNORED, Reason.AWAY_WHILE_PLUGGED)]
    assert presence_due(car.presence) is None


def test_a_late_plug_out_that_may_be_contradicted_already_waits_for_the_next_report() -> None:
    car = plugged_at_home().says(100, plugged_in=True).says(50, now=110, plugged_in=False)
    assert presence_due(car.presence) == at(110 + RULES.late_debounce_s)
    assert car.says(400, plugged_in=True).waits_until(HOUR).in_session


def test_charging_ends_with_the_plug() -> None:
    car = plugged_at_home().says(60, charging=True, power_kw=7.0)
    assert car.told == [(EffectKind.CHARGING_STARTED, Reason.OBSERVED_CHARGING)]
    car.says(HOUR, plugged_in=False).waits_until(HOUR + 120)
    assert (EffectKind.CHARGING_STOPPED, Reason.PLUGGED_OUT) in car.told
    assert car.presence.charging == Observed(False, at(HOUR))
    assert car.presence.power_kw == Observed(0.0, at(HOUR))


def test_a_charging_car_that_stops_is_told_once() -> None:
    car = plugged_at_home().says(60, charging=True).says(120, charging=False)
    assert car.told == [(EffectKind.CHARGING_STOPPED, Reason.OBSERVED_STOPPED)]
    assert car.says(180, charging=False).told == []


def test_charging_away_from_home_is_not_told() -> None:
    assert Car().says(0, plugged_in=True, at_home=False).says(60, charging=True).told == []


def test_a_time_a_little_ahead_stands() -> None:
    assert Car().says(300, now=0, plugged_in=True).presence.plugged_at == at(300)


def test_a_time_further_ahead_is_taken_as_now() -> None:
    assert Car().says(301, now=0, plugged_in=True).presence.plugged_at == T0


@pytest.mark.parametrize("days", [-31, 2])
def test_an_absurd_time_is_dropped_with_its_reason(days: int) -> None:
    car = Car().says(days * 86_400, now=0, plugged_in=True, at_home=True)
    assert car.told == [(EffectKind.IGNORED, Reason.OBSERVED_TIME_ABSURD)]
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
    assert car.told == [(EffectKind.IGNORED, Reason.OBSERVED_VALUE_ABSURD)]
    assert car.presence == Presence()


signals = st.fixed_dictionaries(
    {},
    optional={
        "plugged_in": st.booleans(),
        "at_home": st.booleans(),
        "charging": st.booleans(),
        "moving": st.booleans(),
        "reachable": st.booleans(),
        "battery_full": st.booleans(),
        "power_kw": st.sampled_from([0.0, 0.05, 7.0, -3.0]),
        "soc_pct": st.sampled_from([20.0, 20.4, 80.0]),
    },
)
reports = st.lists(st.tuples(st.integers(0, 7200), st.integers(0, 900), signals), max_size=25)


def steps_of(given_reports: list[tuple[int, int, dict[str, Any]]]) -> list[tuple[Presence, PresenceStep]]:
    arrived = sorted(given_reports, key=lambda report: report[0] + report[1])
    presence, steps = Presence(), []
    for seconds, late, said in arrived:
        step = observe(presence, Observation(at=at(seconds), source="app", **said), now=at(seconds + late), rules=RULES)
        steps.append((presence, step))
        presence = step.presence
    return steps


@given(reports)
def test_whatever_comes_the_state_makes_sense(given_reports: list[tuple[int, int, dict[str, Any]]]) -> None:
    for before, step in steps_of(given_reports):
        after = step.presence
        assert (after.held_plug_out is None) or (after.session is not None)
        if after.session is not None:
            assert after.plugged_in is not None
            assert after.plugged_in.value is True
            assert after.session.closed_at is None
            assert after.session.opened_at >= after.session.plugged_at
        if after.last_session is not None and after.last_session.closed_at is not None:
            assert after.last_session.closed_at >= after.last_session.opened_at
        opened = before.session is None and after.session is not None
        kinds = [effect.kind for effect in step.effects]
        assert not opened or EffectKind.PLUGGED_IN in kinds
        assert step.changed or (after.session, after.held_plug_out) == (before.session, before.held_plug_out)


@given(reports)
def test_no_signal_ever_goes_back_in_time(given_reports: list[tuple[int, int, dict[str, Any]]]) -> None:
    for before, step in steps_of(given_reports):
        for name in (field.name for field in fields(Presence)):
            old, new = getattr(before, name), getattr(step.presence, name)
            if isinstance(old, Observed):
                assert isinstance(new, Observed)
                assert new.at >= old.at


@given(reports)
def test_every_effect_has_a_reason_in_words_and_an_entry_without_ignored_ones(
    given_reports: list[tuple[int, int, dict[str, Any]]],
) -> None:
    for _, step in steps_of(given_reports):
        assert all(effect.text == TEXTS[effect.reason] for effect in step.effects)
        assert [entry.event for entry in step.entries] == [
            effect.kind.value for effect in step.effects if effect.kind is not EffectKind.IGNORED
        ]


@given(reports)
def test_a_batch_is_taken_in_order_of_time_and_settled(given_reports: list[tuple[int, int, dict[str, Any]]]) -> None:
    batch = [Observation(at=at(seconds), source="app", **said) for seconds, _, said in given_reports]
    now = at(9000)
    step = observe_all(Presence(), batch, now=now, rules=RULES)
    assert (
        step.presence == observe_all(Presence(), sorted(batch, key=lambda one: one.at), now=now, rules=RULES).presence
    )
    due = presence_due(step.presence)
    assert due is None or due > now


@given(reports)
def test_a_presence_survives_storage(given_reports: list[tuple[int, int, dict[str, Any]]]) -> None:
    for _, step in steps_of(given_reports):
        assert msgspec.json.decode(msgspec.json.encode(step.presence), type=Presence) == step.presence


def test_settling_twice_is_settling_once() -> None:
    car = plugged_at_home().says(HOUR, plugged_in=False).waits_until(HOUR + 120)
    settled = car.presence
    assert car.waits_until(2 * HOUR).presence is settled
    assert car.told == []


def test_needs_user_is_left_alone() -> None:
    presence = replace(Presence(), needs_user="reconnect")
    step = observe(presence, Observation(at=T0, source="app", plugged_in=True), now=T0, rules=RULES)
    assert step.presence.needs_user == "reconnect"
