from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.charging_profiles import (
    ChargingProfile,
    ProfileError,
    SchedulePeriod,
    parse_charging_profile,
    parse_set_charging_profile,
)
from simulators.axle.documented import scenario_profile

AXLE_SAMPLE = scenario_profile(start="2026-04-14T22:00:00+00:00")

AXLE_SAMPLE_READ = ChargingProfile(
    stack_level=1100,
    purpose="TxProfile",
    kind="Absolute",
    unit="W",
    periods=(SchedulePeriod(0, 0.0, 1), SchedulePeriod(5400, 99999.0, 1), SchedulePeriod(27000, 0.0, 1)),
    duration_s=32400,
    start_schedule=datetime(2026, 4, 14, 22, tzinfo=UTC),
    min_charging_rate=0.0,
)


def sample(**changes: Any) -> dict[str, Any]:
    """Axle's sample with members replaced; ``schedule_…`` and ``period0_…`` reach inside."""
    body: dict[str, Any] = deepcopy(AXLE_SAMPLE)
    for name, value in changes.items():
        if name.startswith("schedule_"):
            body["chargingSchedule"][name.removeprefix("schedule_")] = value
        elif name.startswith("period0_"):
            body["chargingSchedule"]["chargingSchedulePeriod"][0][name.removeprefix("period0_")] = value
        else:
            body[name] = value
    return body


def starts(*seconds: Any) -> list[dict[str, Any]]:
    return [{"startPeriod": second, "limit": 0} for second in seconds]


def test_axles_documented_sample_is_read_in_full() -> None:
    assert parse_charging_profile(AXLE_SAMPLE) == AXLE_SAMPLE_READ


def test_the_request_around_a_profile_is_unwrapped() -> None:
    assert parse_set_charging_profile({"connectorId": 1, "csChargingProfiles": AXLE_SAMPLE}) == AXLE_SAMPLE_READ
    assert parse_set_charging_profile(AXLE_SAMPLE) == AXLE_SAMPLE_READ


def test_a_fault_inside_the_request_is_pointed_at_from_the_top() -> None:
    with pytest.raises(ProfileError) as caught:
        parse_set_charging_profile({"csChargingProfiles": sample(period0_limit=-1)})

    assert caught.value.pointer == "/csChargingProfiles/chargingSchedule/chargingSchedulePeriod/0/limit"


def test_the_form_does_not_matter() -> None:
    loose = sample(stackLevel=1100.0, schedule_duration=32400.0, unknown={"deep": [1]}, schedule_extra="x")
    del loose["chargingProfileId"], loose["recurrencyKind"], loose["validFrom"]
    reordered = dict(reversed(loose.items()))

    assert parse_charging_profile(reordered) == AXLE_SAMPLE_READ


def test_a_schedule_without_a_duration_has_no_end() -> None:
    body = sample()
    del body["chargingSchedule"]["duration"]

    assert parse_charging_profile(body).duration_s is None


@pytest.mark.parametrize(
    "text",
    ["2026-04-14T22:00:00Z", "2026-04-14T22:00:00", "2026-04-14 22:00:00.000Z", "2026-04-14T23:00:00+01:00"],
)
def test_every_usual_form_of_a_timestamp_is_the_same_instant_in_utc(text: str) -> None:
    read = parse_charging_profile(sample(schedule_startSchedule=text)).start_schedule

    assert read == datetime(2026, 4, 14, 22, tzinfo=UTC)
    assert read is not None
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"schedule_chargingSchedulePeriod": []}, "/chargingSchedule/chargingSchedulePeriod"),
        ({"schedule_chargingSchedulePeriod": None}, "/chargingSchedule/chargingSchedulePeriod"),
        ({"schedule_chargingSchedulePeriod": {}}, "/chargingSchedule/chargingSchedulePeriod"),
        ({"schedule_chargingSchedulePeriod": starts(*range(3000))}, "/chargingSchedule/chargingSchedulePeriod"),
        ({"schedule_chargingSchedulePeriod": [7]}, "/chargingSchedule/chargingSchedulePeriod/0"),
        ({"schedule_chargingSchedulePeriod": starts(60)}, "/chargingSchedule/chargingSchedulePeriod/0/startPeriod"),
        (
            {"schedule_chargingSchedulePeriod": starts(0, 9, 9)},
            "/chargingSchedule/chargingSchedulePeriod/2/startPeriod",
        ),
        (
            {"schedule_chargingSchedulePeriod": starts(0, 9, 5)},
            "/chargingSchedule/chargingSchedulePeriod/2/startPeriod",
        ),
        ({"schedule_chargingSchedulePeriod": starts(0, 1.5)}, "/chargingSchedule/chargingSchedulePeriod/1/startPeriod"),
        ({"period0_limit": None}, "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        ({"period0_limit": -0.1}, "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        ({"period0_limit": True}, "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        ({"period0_limit": "7400"}, "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        ({"period0_limit": float("nan")}, "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        ({"period0_limit": float("inf")}, "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        ({"period0_limit": 10**400}, "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        ({"period0_numberPhases": 0}, "/chargingSchedule/chargingSchedulePeriod/0/numberPhases"),
        ({"period0_numberPhases": 4}, "/chargingSchedule/chargingSchedulePeriod/0/numberPhases"),
        ({"schedule_duration": -1}, "/chargingSchedule/duration"),
        ({"schedule_duration": 2**31}, "/chargingSchedule/duration"),
        ({"schedule_minChargingRate": -1}, "/chargingSchedule/minChargingRate"),
        ({"schedule_chargingRateUnit": None}, "/chargingSchedule/chargingRateUnit"),
        ({"schedule_chargingRateUnit": "kW"}, "/chargingSchedule/chargingRateUnit"),
        ({"schedule_startSchedule": "tonight"}, "/chargingSchedule/startSchedule"),
        ({"schedule_startSchedule": 1776204000}, "/chargingSchedule/startSchedule"),
        ({"schedule_startSchedule": "0001-01-01T00:00:00+14:00"}, "/chargingSchedule/startSchedule"),
        ({"chargingSchedule": None}, "/chargingSchedule"),
        ({"chargingSchedule": []}, "/chargingSchedule"),
        ({"stackLevel": None}, "/stackLevel"),
        ({"stackLevel": -1}, "/stackLevel"),
        ({"chargingProfilePurpose": None}, "/chargingProfilePurpose"),
        ({"chargingProfilePurpose": "ChargingStationMaxProfile"}, "/chargingProfilePurpose"),
        ({"chargingProfileKind": None}, "/chargingProfileKind"),
        ({"chargingProfileKind": ["Absolute"]}, "/chargingProfileKind"),
        ({"chargingProfileKind": "Recurring"}, "/recurrencyKind"),
        ({"recurrencyKind": "Monthly"}, "/recurrencyKind"),
        ({"transactionId": "one"}, "/transactionId"),
        ({"validTo": 5}, "/validTo"),
    ],
)
def test_a_senseless_value_is_refused_with_a_pointer_to_it(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_charging_profile(sample(**changes))

    assert caught.value.pointer == pointer
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_a_body_that_is_no_object_is_refused_as_a_whole(body: Any) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_set_charging_profile(body)

    assert caught.value.pointer == ""


def test_a_profile_survives_being_stored_as_json() -> None:
    stored = msgspec.json.encode(parse_charging_profile(AXLE_SAMPLE))

    assert msgspec.json.decode(stored, type=ChargingProfile) == AXLE_SAMPLE_READ


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("2026-04-14T22:00:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(body=JSON)
@settings(max_examples=150, deadline=None)
def test_any_other_json_raises_a_profile_error(body: Any) -> None:
    with pytest.raises(ProfileError):
        parse_set_charging_profile(body)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_profile_is_read_or_refused_with_a_pointer_to_a_part_of_it(data: st.DataObject) -> None:
    body = sample()
    for _ in range(data.draw(st.integers(1, 3))):
        schedule = body.get("chargingSchedule")
        parts = [body]
        if isinstance(schedule, dict):
            periods = schedule.get("chargingSchedulePeriod")
            parts.append(schedule)
            parts.extend(
                period for period in (periods if isinstance(periods, list) else []) if isinstance(period, dict)
            )
        part = data.draw(st.sampled_from([part for part in parts if part]))
        part[data.draw(st.sampled_from(sorted(part)))] = data.draw(JSON)

    try:
        profile = parse_charging_profile(body)
    except ProfileError as error:
        assert error.pointer.startswith("/")  # noqa: PT017  either outcome is right, so pytest.raises does not fit
    else:
        assert profile.periods[0].start_s == 0
        assert all(period.limit >= 0 for period in profile.periods)
