"""Fifteen nights as support meets them: the verdict, the sentence and the warnings of each are right."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe
from driveway.domain.reports.apply_observations import apply_presence_step
from driveway.domain.sessions.night import NoSession, night_at, why_no_session
from driveway.domain.sessions.verdict import SENTENCES, Verdict
from driveway.domain.twin import Twin
from tests.support.domain.control_rig import MINUTE, new_twin
from tests.support.domain.kept_night import EVERY_DAY, KeptNight

MORNING = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def home(kwh: float = 30.0, provider: str = "enode") -> KeptNight:
    return KeptNight(twin=replace(new_twin(provider), intent=replace(EVERY_DAY, kwh=kwh)))


def plugged_at(hour: int, kwh: float = 30.0) -> KeptNight:
    night = home(kwh)
    night.until(hour)
    night.plug_in()
    return night


def all_well(night: KeptNight) -> None:
    night.until(9)


def asleep_all_night(night: KeptNight) -> None:
    night.until(22)
    night.fault = "asleep"
    night.until(9)


def provider_down_from_one(night: KeptNight) -> None:
    night.schedule((7 * 60, 0.0), (5 * 60, 7.4))
    night.until(0, 50)
    night.fault = "out"
    night.until(9)


def account_revoked(night: KeptNight) -> None:
    night.until(22)
    night.fault = "needs_user"
    night.until(9)


def accepted_and_ignored(night: KeptNight) -> None:
    night.until(22)
    night.fault = "ignored"
    night.until(9)


def full_at_two(night: KeptNight) -> None:
    night.until(2)
    night.fill()
    night.until(9)


def false_plug_outs(night: KeptNight) -> None:
    for hour in (20, 0, 2):
        night.until(hour)
        night.seem_unplugged()
    night.until(9)


def charged_by_hand(night: KeptNight) -> None:
    night.until(20)
    night.self_start()
    night.until(9)


def replanned_five_times(night: KeptNight) -> None:
    for n in range(5):
        night.until(20 + n if n < 4 else 0)
        night.schedule((60 * (4 - n) + 30 + n, 0.0), (6 * 60, 7.4))
    night.until(9)


def charging_now(night: KeptNight) -> None:
    night.until(19)
    night.charge_now(5 * 60)
    night.until(9)


def snoozed(night: KeptNight) -> None:
    night.until(19)
    night.link(snoozed_min=14 * 60)
    night.until(9)


def snoozed_and_waiting(night: KeptNight) -> None:
    night.until(19)
    night.car.unwilling = True
    night.car.obeys_after = timedelta(hours=48)
    night.link(snoozed_min=14 * 60)
    night.until(9)


def unplugged_at_three(night: KeptNight) -> None:
    night.until(2)
    night.plug_out()
    night.until(9)


def stopped_twice_in_the_car(night: KeptNight) -> None:
    night.until(0)
    night.self_stop()
    night.until(1, 30)
    night.self_stop()
    night.until(9)


NIGHTS: dict[str, tuple[Callable[[], KeptNight], Callable[[KeptNight], None], Verdict, str]] = {
    "all well": (lambda: plugged_at(18), all_well, Verdict.READY, "Your car got 44."),
    "asleep all night": (lambda: plugged_at(18), asleep_all_night, Verdict.SHORT_CAR_UNREACHABLE, "0.0 of 30.0 kWh"),
    "provider down from one": (
        lambda: plugged_at(18),
        provider_down_from_one,
        Verdict.SHORT_PROVIDER_DOWN,
        "0.0 of 30.0 kWh by 07:00",
    ),
    "ready-by impossible": (lambda: plugged_at(18, 60.0), all_well, Verdict.SHORT_PLAN, "of 60.0 kWh by 07:00"),
    "plugged in at five": (lambda: plugged_at(5), all_well, Verdict.SHORT_PLUGGED_IN_LATE, "of 30.0 kWh by 07:00"),
    "account revoked": (lambda: plugged_at(18), account_revoked, Verdict.SHORT_ACCOUNT, "Connect it again"),
    "accepted and ignored": (
        lambda: plugged_at(18),
        accepted_and_ignored,
        Verdict.SHORT_CAR_DID_NOT_FOLLOW,
        "did not follow",
    ),
    "limit in the car": (lambda: plugged_at(18), full_at_two, Verdict.SHORT_LIMIT_IN_CAR, "charge limit"),
    "false plug-outs": (lambda: plugged_at(18), false_plug_outs, Verdict.READY, "Your car got"),
    "charged by hand in the peak": (lambda: plugged_at(18), charged_by_hand, Verdict.READY, "Your car got"),
    "Axle re-plans five times": (lambda: plugged_at(18), replanned_five_times, Verdict.READY, "Your car got"),
    "charge now": (lambda: plugged_at(18), charging_now, Verdict.READY, "Your car got"),
    "snoozed": (lambda: plugged_at(18), snoozed, Verdict.READY, "Your car got"),
    "snoozed, and the car waits": (
        lambda: plugged_at(18),
        snoozed_and_waiting,
        Verdict.SHORT_LEFT_ALONE,
        "did not charge by itself",
    ),
    "unplugged early": (lambda: plugged_at(18), unplugged_at_three, Verdict.SHORT_UNPLUGGED_EARLY, "unplugged before"),
    "stopped twice in the car": (
        lambda: plugged_at(18),
        stopped_twice_in_the_car,
        Verdict.STOPPED_BY_DRIVER,
        "choose charge now",
    ),
}


@pytest.mark.parametrize("name", NIGHTS)
def test_the_verdict_on_a_night_names_its_cause(name: str) -> None:
    make, happen, verdict, words = NIGHTS[name]
    night = make()
    happen(night)
    judged = night.judged(80.0 if name == "limit in the car" else None)
    assert judged.verdict is verdict, (judged, [(e.at.isoformat(), e.event, e.reason) for e in night.news])
    assert words in judged.text
    if verdict is not Verdict.READY:
        assert SENTENCES[verdict] in judged.text
        assert sum(judged.parts_kwh.values()) == pytest.approx(judged.missing_kwh)


def test_a_full_battery_without_a_limit_in_the_car_is_ready() -> None:
    night = plugged_at(18)
    full_at_two(night)
    assert night.judged().verdict is Verdict.READY
    assert "Its battery is full." in night.judged().text


def test_a_session_that_still_runs_before_its_ready_by_has_no_verdict_yet() -> None:
    night = plugged_at(18)
    night.until(3)
    judged = night.judged()
    assert judged.verdict is Verdict.RUNNING
    assert "so far" in judged.text


def test_a_plan_that_axle_sent_stays_in_the_history_after_it_was_replaced() -> None:
    night = plugged_at(18)
    replanned_five_times(night)
    assert sum(any(limit.source == "axle" for limit in plan.limits) for plan in night.plans) >= 5


def test_the_driver_of_a_sleeping_car_is_warned_again_as_more_is_missing() -> None:
    night = plugged_at(18)
    asleep_all_night(night)
    warned_kwh = [entry.detail["shortfall_kwh"] for entry in night.entries_of("ReadyByAtRisk")]
    assert len(warned_kwh) >= 3
    assert warned_kwh == sorted(warned_kwh)
    assert warned_kwh[-1] >= 24


def test_a_night_of_a_car_of_unknown_place_says_so() -> None:
    night = home()
    night.sighting_every, night.silent = None, True
    night.until(18)
    seen = Observation(at=night.now, source="enode", plugged_in=True)

    def rule(twin: Twin) -> Twin:
        found = observe(twin.presence, seen, now=night.now, rules=night.presence_rules, own_stop_at=None)
        return apply_presence_step(twin, found)

    night.write(rule)
    night.until(9)
    assert not night.sessions
    of_it = night_at(MORNING - 6 * 60 * MINUTE, "Europe/London")
    assert why_no_session(of_it, night.plans, night.news) is NoSession.HOME_UNKNOWN


def test_a_night_in_which_nothing_was_plugged_in_says_so() -> None:
    night = home()
    night.until(9)
    of_it = night_at(MORNING - 6 * 60 * MINUTE, "Europe/London")
    assert why_no_session(of_it, night.plans, night.news) is NoSession.NOT_PLUGGED_IN


def test_a_night_without_membership_says_so() -> None:
    night = home()
    night.until(18)
    night.link(enrolled=False)
    night.until(9)
    of_it = night_at(MORNING - 6 * 60 * MINUTE, "Europe/London")
    assert why_no_session(of_it, night.plans, night.news) is NoSession.NOT_ENROLLED


def test_the_driver_of_a_car_that_does_not_follow_learns_that_it_does_not_charge_and_what_to_do() -> None:
    night = plugged_at(18)
    accepted_and_ignored(night)
    (entry,) = night.entries_of("NeedsAttention")
    assert "It was not charging at" in entry.text
    assert "Start it in its own app" in entry.text
