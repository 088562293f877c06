"""A car that is polled: what its register counted before it was first seen plugged in."""

from datetime import timedelta

import pytest

from driveway.domain.metering.samples import Sample, SampleKind
from driveway.domain.metering.slot import ReportedValue, Slot
from driveway.domain.presence.rules import POLLED
from tests.support.domain.metering_shelf import Shelf
from tests.unit.domain.metering.test_meters import CAR, EVENING

SEEN = timedelta(minutes=22)


def first_half_hour(counted_wh: int) -> tuple[int | None, set[str]]:
    """What is reported of the half-hour in which a car is first seen plugged in, idle, with so much on its register."""
    shelf = Shelf()
    samples = [
        Sample(EVENING - timedelta(minutes=8), "unplugged"),
        Sample(EVENING + SEEN, "plugged"),
        Sample(EVENING + SEEN, "session", counted_wh),
        Sample(EVENING + SEEN, "stopped", tells_every_change=True),
        Sample(EVENING + timedelta(minutes=62), "session", counted_wh),
    ]
    shelf.record(CAR, samples, now=EVENING + timedelta(hours=3))
    slot = next(slot for slot in shelf.slots.values() if slot.start == EVENING)
    assert slot.energy_wh == 0
    return slot.value_wh, set(slot.flags)


def test_energy_that_may_have_flowed_at_home_before_the_car_was_seen_is_not_reported_as_zero() -> None:
    assert first_half_hour(775) == (None, {"before_plug_in"})


@pytest.mark.parametrize(("counted_wh", "flags"), [(20_000, {"refused_delta"}), (0, set())])
def test_energy_of_a_charge_elsewhere_leaves_the_half_hour_known(counted_wh: int, flags: set[str]) -> None:
    assert first_half_hour(counted_wh) == (0, flags)


@pytest.mark.parametrize(
    ("charges", "soc_wh", "away_min", "value_wh"),
    [(True, 21_000, 15, None), (False, 22_700, 15, None), (False, 22_000, 15, 0), (True, 22_700, 75, 0)],
    ids=["it charges", "its state of charge rose", "neither", "more than an hour"],
)
def test_a_car_that_came_back_within_the_hour_may_have_charged_unseen(
    *, charges: bool, soc_wh: int, away_min: int, value_wh: int | None
) -> None:
    back = EVENING + timedelta(minutes=15 + away_min)
    samples = [
        Sample(EVENING, "plugged"),
        Sample(EVENING, "stopped", tells_every_change=True),
        Sample(EVENING + timedelta(minutes=15), "soc", 22_000, "battery"),
        Sample(EVENING + timedelta(minutes=15), "stopped", tells_every_change=True),
        Sample(EVENING + timedelta(minutes=15), "unplugged"),
        Sample(back, "plugged"),
        Sample(back, "soc", soc_wh, "battery"),
        Sample(back, "charging" if charges else "stopped", tells_every_change=True),
    ]
    shelf = Shelf()
    for sample in samples:
        shelf.record(CAR, [sample], now=EVENING + timedelta(hours=3))
    (slot,) = (slot for slot in shelf.slots.values() if slot.start == EVENING)
    assert slot.value_wh == value_wh


def half_hour_of_plug_out(*more: Sample) -> Slot:
    """The half-hour in which a car that charged nothing was seen unplugged, as it stands right after that."""
    shelf, out = Shelf(), EVENING + timedelta(minutes=15)
    samples = [
        Sample(EVENING, "plugged"),
        *(Sample(at, "stopped", tells_every_change=True) for at in (EVENING, out)),
        Sample(out, "unplugged"),
        *more,
    ]
    for sample in samples:
        shelf.record(CAR, [sample], now=sample.at)
    return shelf.slots[EVENING]


def test_a_zero_of_the_half_hour_of_a_plug_out_waits_until_the_next_poll_could_show_the_car_back() -> None:
    slot = half_hour_of_plug_out()
    assert slot.value_wh == 0
    assert slot.due_at is not None
    assert slot.due_at > EVENING + timedelta(minutes=30) + POLLED


def test_a_zero_that_waited_for_the_next_poll_is_not_sent_once_the_car_is_seen_back_charging() -> None:
    back = EVENING + timedelta(minutes=75)
    slot = half_hour_of_plug_out(Sample(back, "plugged"), Sample(back, "charging", tells_every_change=True))
    assert (slot.value_wh, slot.reported) == (None, ReportedValue())


@pytest.mark.parametrize(
    "more",
    [
        (
            Sample(EVENING + timedelta(minutes=10), "power", 7000),
            Sample(EVENING + timedelta(minutes=12), "power", 7000),
        ),
        (Sample(EVENING + SEEN, "plugged"), Sample(EVENING + SEEN, "stopped", tells_every_change=True)),
        (Sample(EVENING, "lifetime", 107_000, "charger"), Sample(EVENING + SEEN, "lifetime", 107_000, "charger")),
    ],
    ids=["it took something", "it was seen back by the end", "a register shows all"],
)
def test_a_half_hour_of_a_plug_out_that_no_later_poll_can_change_is_sent_as_usual(more: tuple[Sample, ...]) -> None:
    assert half_hour_of_plug_out(*more).due_at == EVENING + timedelta(minutes=40)


@pytest.mark.parametrize(
    ("kind", "undone", "register", "value_wh"),
    [
        ("plugged", False, "session", None),
        ("joined", False, "session", None),
        ("plugged", True, "session", 0),
        ("plugged", False, "lifetime", 0),
    ],
)
def test_a_car_that_arrived_with_more_than_it_had_on_its_way_may_have_charged_unseen(
    *, kind: SampleKind, undone: bool, register: SampleKind, value_wh: int | None
) -> None:
    first, later = EVENING + timedelta(minutes=2), EVENING + timedelta(minutes=29)
    samples = [
        Sample(EVENING - timedelta(minutes=45), "unplugged"),
        Sample(EVENING + SEEN, kind, 15 * 60),
        *([Sample(EVENING + SEEN, "continued"), Sample(first, "plugged")] if undone else []),
        *(Sample(at, "stopped", tells_every_change=True) for at in (first, EVENING + SEEN, later)),
        *(Sample(at, register, 0, "charger") for at in (first, EVENING + SEEN, later)),
    ]
    shelf = Shelf()
    shelf.record(CAR, samples, now=EVENING + timedelta(hours=3))
    slot = next(slot for slot in shelf.slots.values() if slot.start == EVENING)
    assert slot.value_wh == value_wh


def test_what_a_lifetime_register_showed_is_known_on_a_day_without_a_reading_of_it_too() -> None:
    opened, next_day = EVENING + SEEN, EVENING + timedelta(hours=20)
    samples = [
        Sample(EVENING - timedelta(minutes=45), "unplugged"),
        Sample(opened, "plugged", 15 * 60),
        *(Sample(at, "lifetime", 107_000, "charger") for at in (opened, EVENING + timedelta(hours=1))),
        *(Sample(at, "stopped", tells_every_change=True) for at in (opened, EVENING + timedelta(hours=1), next_day)),
    ]
    shelf = Shelf()
    for sample in samples:
        shelf.record(CAR, [sample], now=EVENING + timedelta(hours=30))
    assert next(slot for slot in shelf.slots.values() if slot.start == EVENING).value_wh == 0


def test_what_a_lifetime_register_shows_of_the_time_before_a_return_is_known() -> None:
    back = EVENING + timedelta(minutes=25)
    samples = [
        Sample(EVENING, "plugged"),
        Sample(EVENING, "stopped", tells_every_change=True),
        Sample(EVENING, "lifetime", 107_000, "charger"),
        Sample(EVENING + timedelta(minutes=15), "lifetime", 107_000, "charger"),
        Sample(EVENING + timedelta(minutes=15), "unplugged"),
        Sample(back, "plugged"),
        Sample(back, "lifetime", 107_000, "charger"),
        Sample(back, "charging", tells_every_change=True),
        Sample(EVENING + timedelta(minutes=30), "lifetime", 107_000, "charger"),
    ]
    shelf = Shelf()
    shelf.record(CAR, samples, now=EVENING + timedelta(hours=3))
    slot = next(slot for slot in shelf.slots.values() if slot.start == EVENING)
    assert slot.value_wh == 0


@pytest.mark.parametrize(("soc_wh", "known"), [(28_000, False), (22_700, True)])
def test_idle_time_is_unknown_where_a_battery_gained_clearly_more_than_was_seen(*, soc_wh: int, known: bool) -> None:
    """A car is seen charging for a moment, stops, and has more in its battery hours later."""
    samples = [
        Sample(EVENING, "plugged"),
        Sample(EVENING, "power", 7400, "vehicle_ac_input", tells_every_change=True),
        Sample(EVENING + timedelta(minutes=20), "soc", 22_000, "battery"),
        Sample(EVENING + timedelta(minutes=20, seconds=1), "stopped", tells_every_change=True),
        Sample(EVENING + timedelta(hours=3), "soc", soc_wh, "battery"),
        Sample(EVENING + timedelta(hours=3), "stopped", tells_every_change=True),
    ]
    shelf = Shelf()
    shelf.record(CAR, samples, now=EVENING + timedelta(hours=5))
    inside = [slot for slot in shelf.slots.values() if EVENING < slot.start < EVENING + timedelta(hours=2.5)]
    assert {slot.value_wh for slot in inside} == {0 if known else None}


@pytest.mark.parametrize(
    ("facts", "value_wh"),
    [
        ([("charging", 0)], None),
        ([("power", 100)], None),
        ([("power", 99)], 0),
        ([("stopped", 0)], 0),
        ([("charging", 0), ("stopped", 0)], 0),
    ],
    ids=["charging", "with power", "standby", "stopped", "it contradicts itself"],
)
def test_a_car_that_charged_when_it_was_last_seen_at_home_may_have_gone_on(
    facts: list[tuple[SampleKind, int]], value_wh: int | None
) -> None:
    last_seen = EVENING + timedelta(seconds=3)
    samples = [
        Sample(EVENING - timedelta(minutes=20), "plugged"),
        Sample(EVENING - timedelta(minutes=20), "stopped", tells_every_change=True),
        *(Sample(last_seen, kind, value) for kind, value in facts),
        Sample(last_seen, "unplugged"),
    ]
    shelf = Shelf()
    shelf.record(CAR, samples, now=EVENING + timedelta(hours=3))
    assert next(slot for slot in shelf.slots.values() if slot.start == EVENING).value_wh == value_wh


@pytest.mark.parametrize(
    ("opening", "soc_wh", "value_wh"), [("joined", 40_000, None), ("joined", 20_000, 0), ("plugged", 40_000, 0)]
)
def test_a_car_that_was_never_seen_unplugged_may_have_charged_at_home_all_the_time(
    opening: SampleKind, soc_wh: int, value_wh: int | None
) -> None:
    again = EVENING + timedelta(hours=4, minutes=11)
    samples = [
        Sample(EVENING, "plugged"),
        Sample(EVENING, "soc", 20_000, "battery"),
        Sample(EVENING + timedelta(minutes=3), "unplugged"),
        Sample(again, opening),
        Sample(again, "stopped", tells_every_change=True),
        Sample(again, "soc", soc_wh, "battery"),
    ]
    shelf = Shelf()
    shelf.record(CAR, samples, now=EVENING + timedelta(hours=6))
    start = EVENING + timedelta(hours=4)
    assert next(slot for slot in shelf.slots.values() if slot.start == start).value_wh == value_wh


@pytest.mark.parametrize(
    ("pct", "state_min", "value_wh"),
    [(0, None, None), (50, None, None), (0, 0, 0), (0, 4, 0), (23, None, 0)],
    ids=["always empty", "always half full", "tells that it stopped", "and so a little later", "no made-up value"],
)
def test_a_stop_shows_no_idle_time_after_a_report_that_says_nothing_of_charging(
    pct: int, state_min: int | None, value_wh: int | None
) -> None:
    soc_wh, silent = (CAR.rating.battery_wh or 0) * pct // 90, EVENING + timedelta(minutes=60)
    samples = [
        Sample(EVENING, "plugged"),
        *(Sample(EVENING + timedelta(minutes=minute), "soc", soc_wh, "battery") for minute in (0, 60, 110)),
        Sample(EVENING, "stopped", tells_every_change=True),
        Sample(EVENING + timedelta(minutes=110), "stopped", tells_every_change=True),
    ]
    if state_min is not None:
        samples.append(Sample(silent + timedelta(minutes=state_min), "stopped", tells_every_change=True))
    shelf = Shelf()
    shelf.record(CAR, samples, now=EVENING + timedelta(hours=3))
    values_wh = {slot.start: slot.value_wh for slot in shelf.slots.values()}
    assert values_wh[EVENING] == 0
    assert values_wh[EVENING + timedelta(minutes=30)] == 0
    assert values_wh[silent] == value_wh


def test_a_report_that_says_nothing_of_charging_ends_what_a_stop_showed_for_an_hour_at_most() -> None:
    reported = [(0, "stopped"), (30, None), (600, "stopped")]
    samples = [Sample(EVENING, "plugged")]
    for minute, state in reported:
        samples.append(Sample(EVENING + timedelta(minutes=minute), "soc", 0, "battery"))
        if state:
            samples.append(Sample(EVENING + timedelta(minutes=minute), "stopped", tells_every_change=True))
    shelf = Shelf()
    shelf.record(CAR, samples, now=EVENING + timedelta(hours=24))
    values_wh = [slot.value_wh for _, slot in sorted(shelf.slots.items())]
    assert values_wh[:5] == [0, None, None, 0, 0]


def test_the_next_report_of_charging_ends_the_doubt_after_one_that_says_nothing() -> None:
    samples = [
        Sample(EVENING, "plugged"),
        *(Sample(EVENING + timedelta(minutes=minute), "soc", 0, "battery") for minute in (0, 60, 150)),
        *(
            Sample(EVENING + timedelta(minutes=minute), state, tells_every_change=True)
            for minute, state in ((0, "stopped"), (70, "charging"), (75, "stopped"), (150, "stopped"))
        ),
    ]
    shelf = Shelf()
    shelf.record(CAR, samples, now=EVENING + timedelta(hours=24))
    values_wh = {slot.start: slot.value_wh for slot in shelf.slots.values()}
    assert values_wh[EVENING + timedelta(minutes=60)] is None
    assert values_wh[EVENING + timedelta(minutes=90)] == 0
