"""Verdicts on nights of the control rig that the simulators do not play: see ``tests/world/test_fifteen_nights``."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe
from driveway.domain.reports.apply_observations import apply_presence_step
from driveway.domain.sessions.causes import Cause, CauseSpan, cause_spans
from driveway.domain.sessions.night import NoSession, night_at, why_no_session
from driveway.domain.sessions.verdict import SENTENCES, Verdict
from driveway.domain.twin import Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
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


def accepted_and_ignored(night: KeptNight) -> None:
    night.until(22)
    night.fault = "ignored"
    night.until(9)


def full_at_two(night: KeptNight) -> None:
    night.until(2)
    night.fill()
    night.until(9)


def snoozed_and_waiting(night: KeptNight) -> None:
    night.until(19)
    night.car.unwilling = True
    night.car.obeys_after = timedelta(hours=48)
    night.link(snoozed_min=14 * 60)
    night.until(9)


def opts_out(night: KeptNight) -> None:
    night.news.append(Entry(night.now, Event.UNENROLLED, Reason.UNENROLLED, ""))
    night.link(enrolled=False)


def snoozes(night: KeptNight, minutes: float) -> None:
    night.news.append(Entry(night.now, Event.SNOOZED, Reason.SNOOZED, ""))
    night.link(snoozed_min=minutes)


def released_while_out_of_reach(night: KeptNight) -> None:
    night.until(22)
    night.fault = "retryable"
    night.until(23)
    opts_out(night)
    night.until(9)


def snoozed_and_refused_for_some_minutes(night: KeptNight) -> None:
    night.until(19)
    night.fault = "retryable"
    snoozes(night, 14 * 60)
    night.until(19, 5)
    night.fault = "ignored"
    night.until(9)


def stopped_in_the_car_and_snoozed_for_a_while(night: KeptNight) -> None:
    night.until(0)
    night.self_stop()
    night.until(1, 30)
    night.self_stop()
    night.until(3)
    snoozes(night, 10)
    night.until(9)


def stopped_twice_in_the_car(night: KeptNight) -> None:
    night.until(0)
    night.self_stop()
    night.until(1, 30)
    night.self_stop()
    night.until(9)


NIGHTS: dict[str, tuple[Callable[[KeptNight], None], Verdict]] = {
    "accepted and ignored": (accepted_and_ignored, Verdict.SHORT_CAR_DID_NOT_FOLLOW),
    "snoozed, and the car waits": (snoozed_and_waiting, Verdict.SHORT_SNOOZED),
    "released while out of reach": (released_while_out_of_reach, Verdict.SHORT_CAR_UNREACHABLE),
    "snoozed, and refused for some minutes": (snoozed_and_refused_for_some_minutes, Verdict.SHORT_SNOOZED),
    "stopped in the car, and snoozed for a while": (
        stopped_in_the_car_and_snoozed_for_a_while,
        Verdict.STOPPED_BY_DRIVER,
    ),
    "stopped twice in the car": (stopped_twice_in_the_car, Verdict.STOPPED_BY_DRIVER),
}


@pytest.mark.parametrize("name", NIGHTS)
def test_the_verdict_on_a_night_names_its_cause(name: str) -> None:
    happen, verdict = NIGHTS[name]
    night = plugged_at(18)
    happen(night)
    judged = night.judged()
    assert judged.verdict is verdict, (judged, [(e.at.isoformat(), e.event, e.reason) for e in night.news])
    assert SENTENCES[verdict] in judged.text
    assert sum(judged.parts_kwh.values()) == pytest.approx(judged.missing_kwh)


@pytest.mark.parametrize("release", [Event.UNENROLLED, Event.SNOOZED, Event.CONTROL_RELEASED])
@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        ({"outcome": "RETRYABLE"}, Cause.CAR_UNREACHABLE),
        ({"outcome": "RETRYABLE", "unavailable": True}, Cause.PROVIDER_DOWN),
        ({"outcome": "NEEDS_USER"}, Cause.ACCOUNT),
        ({"outcome": "NEEDS_OPERATOR"}, Cause.OPERATOR_FAULT),
    ],
)
def test_what_kept_commands_from_a_car_counts_after_its_release_only_once_that_fails_too(
    release: Event, outcome: dict[str, object], cause: Cause
) -> None:
    start, released_at = MORNING - timedelta(hours=10), MORNING - timedelta(hours=8)
    refused = Entry(start, Event.COMMAND_REFUSED, Reason.RETRY_WAIT, "", outcome)
    entries = [refused, Entry(released_at, release, Reason.UNENROLLED, "")]
    before = CauseSpan(start, released_at, cause)
    assert cause_spans(entries, [], start, MORNING) == [before]
    again_at = MORNING - timedelta(hours=2)
    entries.append(replace(refused, at=again_at))
    assert cause_spans(entries, [], start, MORNING) == [before, CauseSpan(again_at, MORNING, cause)]


@pytest.mark.parametrize(
    ("action", "news", "holds"),
    [
        ("install_default", [], False),
        ("remove_default", [], True),
        ("remove_default", [(Event.CHARGING_STARTED, {})], False),
        ("remove_default", [(Event.COMMAND_CONFIRMED, {"action": "start"})], False),
        ("remove_default", [(Event.CHARGING_STARTED, {}), (Event.COMMAND_CONFIRMED, {"action": "stop"})], True),
        ("remove_default", [(Event.CHARGING_STARTED, {}), (Event.CHARGING_STOPPED, {})], True),
        ("start", [(Event.CHARGING_STARTED, {})], True),
    ],
)
def test_a_default_schedule_that_cannot_be_changed_keeps_only_a_waiting_car_from_charging(
    action: str, news: list[tuple[Event, dict[str, object]]], holds: bool
) -> None:
    start = MORNING - timedelta(hours=8)
    entries = [Entry(start, event, Reason.COMMAND_CONFIRMED, "", detail) for event, detail in news]
    refused = Entry(start, Event.COMMAND_REFUSED, Reason.RETRY_WAIT, "", {"action": action, "outcome": "RETRYABLE"})
    spans = cause_spans([*entries, refused], [], start, MORNING)
    assert spans == ([CauseSpan(start, MORNING, Cause.CAR_UNREACHABLE)] if holds else [])


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
    assert "Your car was not charging at" in entry.text
    assert "Start it in its own app" in entry.text
