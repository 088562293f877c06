"""Why a night had no session: what held for the longest part of it, then what was reported of the car's place."""

from datetime import date, timedelta

import pytest

from driveway.domain.sessions.night import NoSession, night_of, why_no_session
from driveway.domain.sessions.plan import Plan, PlannedLimit
from driveway.domain.twin import Entry
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason

NIGHT = night_of(date(2026, 1, 15), "Europe/London")
HOUR = timedelta(hours=1)


def plan(hours: float, left_alone: Reason | None) -> Plan:
    at = NIGHT.start + hours * HOUR
    return Plan(at, at + timedelta(days=8), (PlannedLimit(0, 0.0, "default"),), 7.4, "Europe/London", left_alone)


def entry(hours: float, event: Event, reason: Reason) -> Entry:
    return Entry(NIGHT.start + hours * HOUR, event, reason, "text")


UNPLUGGED = plan(-30, Reason.NOT_PLUGGED_IN)
UNKNOWN = entry(6, Event.NO_SESSION, Reason.HOME_UNKNOWN)


@pytest.mark.parametrize(
    ("plans", "entries", "expected"),
    [
        ([UNPLUGGED], [], NoSession.NOT_PLUGGED_IN),
        ([], [], NoSession.NOT_PLUGGED_IN),
        ([UNPLUGGED], [UNKNOWN], NoSession.HOME_UNKNOWN),
        ([UNPLUGGED], [entry(6, Event.NO_SESSION, Reason.NOT_AT_HOME)], NoSession.NOT_AT_HOME),
        ([UNPLUGGED], [entry(25, Event.NO_SESSION, Reason.HOME_UNKNOWN)], NoSession.NOT_PLUGGED_IN),
        ([plan(-30, Reason.NOT_ENROLLED)], [UNKNOWN], NoSession.NOT_ENROLLED),
        ([plan(-30, Reason.RELEASED_BY_OPERATOR)], [], NoSession.RELEASED_BY_OPERATOR),
    ],
)
def test_the_reason_is_what_held(plans: list[Plan], entries: list[Entry], expected: NoSession) -> None:
    assert why_no_session(NIGHT, plans, entries) is expected


def test_a_car_that_was_plugged_in_before_the_night_and_stays_so_is_no_unplugged_car() -> None:
    before = entry(-30, Event.NO_SESSION, Reason.HOME_UNKNOWN)
    assert why_no_session(NIGHT, [UNPLUGGED], [before]) is NoSession.HOME_UNKNOWN
    unplugged = entry(-3, Event.PLUGGED_OUT, Reason.PLUG_OUT_DEBOUNCED)
    assert why_no_session(NIGHT, [UNPLUGGED], [before, unplugged]) is NoSession.NOT_PLUGGED_IN


def test_a_plug_out_in_the_morning_does_not_change_why_there_was_no_session() -> None:
    out = entry(20, Event.PLUGGED_OUT, Reason.PLUG_OUT_DEBOUNCED)
    assert why_no_session(NIGHT, [UNPLUGGED], [UNKNOWN, out]) is NoSession.HOME_UNKNOWN


def test_a_home_that_leaves_smart_charging_in_the_morning_took_part_in_the_night() -> None:
    assert why_no_session(NIGHT, [UNPLUGGED, plan(22, Reason.NOT_ENROLLED)], []) is NoSession.NOT_PLUGGED_IN
    assert why_no_session(NIGHT, [UNPLUGGED, plan(6, Reason.NOT_ENROLLED)], []) is NoSession.NOT_ENROLLED
