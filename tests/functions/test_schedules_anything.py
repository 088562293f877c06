"""Whatever is sent as a schedule, it is no fault of ours, and refused it changes nothing."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driveway.domain.twin import Twin
from driveway.values import replace
from tests.support.functions.rig import Rig
from tests.support.functions.schedule_calls import deliver, envelope, post, profile, state

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00", "2026-01-15T22:00:00", 1e-300, 99999])
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
CHARGING_SCHEDULE = tuple(profile()["chargingSchedule"])
PLACES = [(name,) for name in profile()] + [("chargingSchedule", name) for name in CHARGING_SCHEDULE]
PERIOD = [("chargingSchedule", "chargingSchedulePeriod", n, name) for n in (0, 2) for name in ("startPeriod", "limit")]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """Axle's own schedule with some of its values replaced by others, likely or not."""
    body = profile()
    kinds = st.sampled_from(["Absolute", "Recurring", "Relative", "TxDefaultProfile", "ChargePointMaxProfile", "A"])
    for *path, last in draw(st.lists(st.sampled_from(PLACES + PERIOD), min_size=1, max_size=4)):
        inner: Any = body
        try:
            for step in path:
                inner = inner[step]
            inner[last] = draw(kinds | SCALARS | ANYTHING)
        except (TypeError, KeyError, IndexError):
            continue
    return body


@given(body=mutated() | st.dictionaries(st.text(max_size=5), ANYTHING, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_schedule_is_our_fault_and_a_refused_one_changes_nothing(car: Rig, body: dict[str, Any]) -> None:
    before = state(car)
    for reply in (post(car, body), deliver(car, envelope(body))):
        assert reply.status == 200 or 400 <= reply.status < 500
        if reply.status != 200:
            assert state(car) == before
        else:
            status = car.serve("status", "GET /assets/{asset}", asset="car-1")
            assert status.status == 200
            car.look("control", "car-1")
            car.change("car-1", without_schedules)
            before = state(car)


def without_schedules(twin: Twin) -> Twin:
    return replace(twin, profiles=(), control=type(twin.control)())


EXTREMES = ("0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", None)


@pytest.mark.parametrize("kind", ["Absolute", "Recurring", "Relative"])
@pytest.mark.parametrize("start", EXTREMES)
def test_times_at_the_ends_of_the_calendar_are_no_fault_of_ours(car: Rig, kind: str, start: str | None) -> None:
    for recurrency in ("Daily", "Weekly") if kind == "Recurring" else (None,):
        for valid_from, valid_to in ((None, None), EXTREMES[:2], (EXTREMES[1], EXTREMES[0])):
            for duration in (None, 0, 2**31 - 1):
                body = profile([(0, 0.0), (2**31 - 1, 1e9)], startSchedule=start, duration=duration)
                body |= {"chargingProfileKind": kind, "recurrencyKind": recurrency}
                body |= {"validFrom": valid_from, "validTo": valid_to}
                assert post(car, body).status in {200, 409, 422}
                assert car.serve("status", "GET /assets/{asset}", asset="car-1").status == 200
                car.change("car-1", without_schedules)


@given(sent=st.dictionaries(st.sampled_from(["id", "created_at", "event_type", "payload", "version"]), ANYTHING))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_envelope_is_our_fault(car: Rig, sent: dict[str, Any]) -> None:
    before = state(car)
    for body in (sent, envelope(**sent)):
        reply = deliver(car, body)
        assert reply.status == 200 or 400 <= reply.status < 500
        if reply.status != 200:
            assert state(car) == before
