"""Reports of a car that arrive together are decided together, and nothing differs from taking them one by one."""

import json
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.control.outcome import Outcome
from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.domain.twin import OutcomeKind
from driveway.domain.vehicle_report import VehicleReport
from driveway.observations.car_reports import CarReport, take_reports
from driveway.observations.report_queue import MOST_BYTES, MOST_IN_A_CALL, _calls, messages_of
from driveway.runtime.context import Runtime
from driveway.vehicles.provider import VehicleEvent
from tests.support.observations.car_reports import Snapshot, north_of_home, read
from tests.support.observations.home_car import EVENING, HomeCar

MOVES = st.sampled_from(["charges", "waits", "drives", "is away", "charges away", "is unplugged"])


def snapshot(at: datetime, move: str, soc_pct: float) -> Snapshot:
    """What a cloud reports of a car that does this."""
    shown: dict[str, Any] = {
        "charges": {"plugged_in": True, "charging": True, "power_kw": 7.2, "at_home": True},
        "waits": {"plugged_in": True, "charging": False, "at_home": True},
        "drives": {"plugged_in": False, "charging": False, "moving": True},
        "is away": {"plugged_in": False, "charging": False, "at_home": False, "position": north_of_home(3)},
        "charges away": {"plugged_in": True, "charging": True, "power_kw": 50.0, "at_home": False},
        "is unplugged": {"plugged_in": False, "charging": False, "at_home": True},
    }[move]
    return Snapshot(at, soc_pct=soc_pct, **shown)


def events_of(provider: str, moves: list[tuple[str, int]], received_at: datetime) -> list[VehicleEvent]:
    """The events of a car that does one thing after another, for some minutes each, all received at once."""
    at, events = received_at - timedelta(minutes=sum(minutes for _, minutes in moves)), list[VehicleEvent]()
    for number, (move, minutes) in enumerate(moves):
        events += read(provider, snapshot(at, move, 40.0 + number), received_at)
        at += timedelta(minutes=minutes)
    return events


def metered(car: HomeCar) -> dict[datetime, Any]:
    """The energy of the half-hours, and whether the car was plugged in. One without either is never reported."""
    slots = car.slots.values().items()
    return {start: (slot.energy_wh, slot.plugged) for start, slot in slots if slot.energy_wh or slot.plugged}


@given(
    provider=st.sampled_from(["enode", "smartcar", "tesla"]),
    moves=st.lists(st.tuples(MOVES, st.integers(1, 90)), min_size=1, max_size=12),
)
@settings(deadline=None)
def test_reports_taken_together_leave_what_they_leave_one_by_one(provider: str, moves: list[tuple[str, int]]) -> None:
    one_by_one, together = HomeCar.of(provider), HomeCar.of(provider)
    events = events_of(provider, moves, EVENING)
    one_by_one.takes_events(events)
    take_reports("car-1", [event.report for event in events], provider, cast("Runtime", together))
    assert together.twin.presence == one_by_one.twin.presence
    assert together.twin.meter == one_by_one.twin.meter
    assert metered(together) == metered(one_by_one)


def test_two_sessions_that_end_in_one_batch_are_both_metered() -> None:
    night = [*[("charges", 20)] * 3, ("is unplugged", 5), ("drives", 25), ("is away", 60)]
    car = HomeCar.of("enode")
    events = events_of("enode", night * 2, EVENING)
    take_reports("car-1", [event.report for event in events], "enode", cast("Runtime", car))
    charged = sorted(start for start, (energy_wh, _) in metered(car).items() if energy_wh > 1000)
    assert charged[-1] - charged[0] > timedelta(hours=2)
    one_by_one = HomeCar.of("enode")
    one_by_one.takes_events(events)
    assert metered(car) == metered(one_by_one)


INSTANTS = st.integers(0, 10**9).map(lambda ms: EVENING + timedelta(milliseconds=ms))
MAYBE = st.none() | st.booleans()
NUMBERS = st.none() | st.floats(0, 100)
PLACES = st.builds(
    Whereabouts,
    home_flag=MAYBE,
    position=st.none() | st.builds(Position, st.floats(-90, 90), st.floats(-180, 180), INSTANTS),
    measured_at=st.none() | INSTANTS,
)
OBSERVATIONS = st.builds(
    Observation,
    at=INSTANTS,
    source=st.just("enode"),
    plugged_in=MAYBE,
    charging=MAYBE,
    power_kw=NUMBERS,
    soc_pct=NUMBERS,
    answered=st.booleans(),
    whereabouts=st.none() | PLACES,
    measuring_point=st.sampled_from(["charger", "battery", "unknown"]),
)
REPORTS = st.builds(
    VehicleReport,
    observations=st.lists(OBSERVATIONS, max_size=3).map(tuple),
    command_ref=st.none() | st.text(max_size=9),
    command_outcome=st.none() | st.builds(Outcome, st.sampled_from(OutcomeKind), st.text(max_size=9)),
    needs_user=st.none() | st.text(max_size=400),
    deleted=st.booleans(),
    names_car=st.booleans(),
)


@given(reports=st.lists(REPORTS, min_size=1, max_size=5), times=st.integers(1, 400))
@settings(deadline=None, max_examples=60)
def test_a_message_gives_the_reports_back_and_fits_sqs(reports: list[VehicleReport], times: int) -> None:
    sent = [CarReport(f"key-{number}", report) for number, report in enumerate(reports * times)]
    bodies = list(messages_of("enode", "car-1", sent))
    held = [one for body in bodies for one in json.loads(body)["reports"]]
    assert [CarReport(one["key"], msgspec.convert(one["report"], VehicleReport)) for one in held] == sent
    assert max(len(body.encode()) for body in bodies) <= MOST_BYTES
    calls = list(_calls(iter(bodies)))
    assert [body for call in calls for body in call] == bodies
    assert all(len(call) <= MOST_IN_A_CALL for call in calls)
    assert all(sum(len(body.encode()) for body in call) <= MOST_BYTES for call in calls)


def test_a_message_holds_only_what_was_reported() -> None:
    report = VehicleReport((Observation(at=EVENING, source="enode", soc_pct=41.0),))
    (body,) = messages_of("enode", "car-1", [CarReport("key-1", report)])
    (queued,) = json.loads(body)["reports"]
    assert queued["report"] == {"observations": [{"at": EVENING.isoformat(), "source": "enode", "soc_pct": 41.0}]}
