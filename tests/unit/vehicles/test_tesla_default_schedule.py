"""The default schedule that is kept in a Tesla: charge schedules of the car, at home, by its wall time."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.control.outcome import Outcome
from driveway.domain.twin import OutcomeKind, Window
from driveway.vehicles.tesla.commands import TeslaCommands
from driveway.vehicles.tesla.default_schedule import DAY_MIN, SCHEDULE_IDS, spans_of_the_day
from tests.support.vehicles.provider_api import ProviderApi, call_to
from tests.support.vehicles.tesla_answers import ASLEEP, BASE, CAR, DONE, NOW, fault, refusal

HOME = {"latitude": "52.0907", "longitude": "5.1214"}


def install(api: ProviderApi, *windows: tuple[int, int], timezone: str = "Europe/London", **extra: str) -> Outcome:
    wanted = tuple(Window(*window) for window in windows)
    return TeslaCommands().install_default(call_to(api, BASE, NOW, **extra), CAR, wanted, timezone=timezone)


def schedules(api: ProviderApi) -> list[tuple[int, int, int]]:
    added = [asked.body for asked in api.asked if asked.url.endswith("add_charge_schedule")]
    return [(body["id"], body["start_time"], body["end_time"]) for body in added]


def removed(api: ProviderApi) -> list[int]:
    return [asked.body["id"] for asked in api.asked if asked.url.endswith("remove_charge_schedule")]


def test_an_overnight_window_is_one_daily_schedule_at_home() -> None:
    api = ProviderApi([DONE])
    assert install(api, (0, 330), (1410, 1440), **HOME) == Outcome(OutcomeKind.ACCEPTED)
    assert api.asked[0].body == {
        "id": SCHEDULE_IDS[0],
        "lat": 52.0907,
        "lon": 5.1214,
        "days_of_week": "All",
        "enabled": True,
        "start_enabled": True,
        "start_time": 1410,
        "end_enabled": True,
        "end_time": 330,
        "one_time": False,
    }
    assert removed(api) == list(SCHEDULE_IDS[1:])


def test_each_window_has_a_schedule_and_those_left_from_before_are_removed() -> None:
    api = ProviderApi([DONE])
    install(api, (120, 300), (780, 960), (1320, 1440), **HOME)
    assert schedules(api) == [(SCHEDULE_IDS[0], 120, 300), (SCHEDULE_IDS[1], 780, 960), (SCHEDULE_IDS[2], 1320, 0)]
    assert removed(api) == [SCHEDULE_IDS[3]]


def test_a_tariff_that_stays_on_utc_is_kept_at_the_cars_wall_time() -> None:
    summer = datetime(2026, 7, 1, tzinfo=UTC)
    for now, expected in ((summer, (60, 390)), (NOW, (0, 330))):
        api = ProviderApi([DONE])
        call = call_to(api, BASE, now, **HOME, home_timezone="Europe/London")
        TeslaCommands().install_default(call, CAR, (Window(0, 330),), timezone="UTC")
        assert schedules(api) == [(SCHEDULE_IDS[0], *expected)]


@pytest.mark.parametrize("windows", [[], [(0, 1440)]])
def test_no_window_and_all_day_leave_no_schedule_so_the_car_charges_when_plugged(
    windows: list[tuple[int, int]],
) -> None:
    api = ProviderApi([DONE])
    assert install(api, *windows, **HOME).kind is OutcomeKind.ACCEPTED
    assert (schedules(api), removed(api)) == ([], list(SCHEDULE_IDS))


@pytest.mark.parametrize("place", [{}, {"latitude": "52.1"}, {"latitude": "north", "longitude": "5"}])
def test_without_a_place_windows_cannot_be_kept(place: dict[str, str]) -> None:
    api = ProviderApi([DONE])
    assert install(api, (0, 330), **place).kind is OutcomeKind.UNSUPPORTED
    assert api.asked == []


def test_more_windows_than_ids_cannot_be_kept() -> None:
    api = ProviderApi([DONE])
    assert install(api, *((hour * 60, hour * 60 + 30) for hour in range(5)), **HOME).kind is OutcomeKind.UNSUPPORTED
    assert api.asked == []


def test_removing_takes_every_schedule_of_ours_and_does_not_mind_missing_ones() -> None:
    api = ProviderApi([refusal("schedule_not_found")])
    outcome = TeslaCommands().remove_default(call_to(api, BASE, NOW), CAR)
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert removed(api) == list(SCHEDULE_IDS)


def test_installing_and_removing_stop_at_the_first_failure_and_tell_it() -> None:
    api = ProviderApi([DONE, ASLEEP])
    outcome = install(api, (0, 330), **HOME)
    assert (outcome.kind, outcome.asleep, len(api.asked)) == (OutcomeKind.RETRYABLE, True, 2)
    api = ProviderApi([fault(403)])
    assert install(api, (0, 330), **HOME).kind is OutcomeKind.NEEDS_USER
    assert len(api.asked) == 1


@st.composite
def daily_windows(draw: st.DrawFn) -> tuple[Window, ...]:
    edges = sorted(draw(st.sets(st.integers(0, DAY_MIN), max_size=8)))
    return tuple(Window(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False))


@settings(max_examples=80)
@given(daily_windows(), st.integers(-840, 840))
def test_the_spans_of_a_day_cover_exactly_the_shifted_windows(windows: tuple[Window, ...], shift_min: int) -> None:
    spans = spans_of_the_day(windows, shift_min=shift_min)
    covered = [
        minute % DAY_MIN for start, end in spans for minute in range(start, end if end > start else end + DAY_MIN)
    ]
    wanted = {(minute + shift_min) % DAY_MIN for one in windows for minute in range(one.start_min, one.end_min)}
    assert len(covered) == len(set(covered))
    assert set(covered) == (wanted if len(wanted) < DAY_MIN else set())
    assert all(0 <= edge < DAY_MIN for span in spans for edge in span)
