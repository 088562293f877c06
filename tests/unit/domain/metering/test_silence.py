"""When the silence of a source that reports every change shows that nothing flowed, and when it shows nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.metering.energy import energy_of
from driveway.domain.metering.half_hour_energy import HalfHour, half_hours
from driveway.domain.metering.handed_on import NOTHING
from driveway.domain.metering.histories import histories_of
from driveway.domain.metering.meter_kind import MeterKind
from driveway.domain.metering.plugged_slots import plugged_slot
from driveway.domain.metering.recording import Metered, Window, record
from driveway.domain.metering.samples import Rating, Sample, samples_of
from driveway.domain.metering.slot import Slot
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import Intent, Presence, Tariff, Twin
from driveway.store.items import decode_item
from driveway.store.slot_items import slot_item, slot_of
from driveway.values import replace
from driveway.vehicles.registry import METERS
from tests.support.domain.links import a_link

EVENING = datetime(2026, 1, 15, 18, tzinfo=UTC)
CAR = Rating(7400, 64_000, travels=True)
PUSHES = MeterKind(power_at="battery", tells_every_change=True)
POLLED = MeterKind(power_at="vehicle_ac_input")
STEP_WH = 711


def at(minute: float) -> datetime:
    return EVENING + timedelta(minutes=minute)


PLUG_IN = Sample(at(0), "plugged")
EMPTY = Slot("car-1", "axle-1", EVENING)


def stopped(minute: float) -> Sample:
    return Sample(at(minute), "stopped", tells_every_change=True)


def soc(minute: float, pct: int) -> Sample:
    return Sample(at(minute), "soc", pct * STEP_WH, "battery")


def out_of_reach(minute: float) -> Sample:
    return Sample(at(minute), "out_of_reach")


def metered(*samples: Sample) -> list[HalfHour]:
    """The half-hours from the plug-in at 18:00 to the last sample."""
    found = half_hours(energy_of([PLUG_IN, *samples], CAR))
    return [found[start] for start in sorted(found)]


def unknown(*samples: Sample) -> list[bool]:
    return [half_hour.unknown_ms > 0 for half_hour in metered(*samples)]


class TestACarOutOfReach:
    def test_silence_after_a_stop_is_a_zero(self) -> None:
        assert unknown(stopped(0), stopped(119)) == [False] * 4

    def test_no_zero_is_known_from_the_last_report_on(self) -> None:
        assert unknown(stopped(0), stopped(60), out_of_reach(80), stopped(149)) == [False, False, True, True, True]

    def test_the_state_of_charge_shows_afterwards_that_nothing_flowed(self) -> None:
        assert unknown(stopped(0), soc(0, 40), out_of_reach(20), stopped(119), soc(119, 40)) == [False] * 4

    @pytest.mark.parametrize("pct", [0, 50])
    def test_a_state_of_charge_that_clouds_make_up_shows_nothing(self, pct: int) -> None:
        assert unknown(stopped(0), soc(0, pct), out_of_reach(20), stopped(119), soc(119, pct)) == [True] * 4

    def test_power_does_not_hold_through_it_for_longer_than_that_of_a_polled_car(self) -> None:
        charging, ended = Sample(at(0), "power", 7000, tells_every_change=True), stopped(240)
        assert sum(one.energy_wh for one in metered(charging, ended)) == 28_000
        assert sum(one.energy_wh for one in metered(charging, out_of_reach(20), ended)) == 0

    def test_a_half_hour_without_samples_after_it_is_unknown(self) -> None:
        car = Metered("car-1", "axle-1", CAR)
        for samples, known in (([stopped(1)], True), ([stopped(1), out_of_reach(9)], False)):
            slots = record(Window(), [PLUG_IN, *samples], car, now=at(10))
            assert slots
            assert (plugged_slot(slots[-1], at(30)).value_wh == 0) is known

    def test_it_lasts_over_noon(self) -> None:
        noon = 18 * 60
        samples = [stopped(noon - 60), out_of_reach(noon - 30), stopped(noon + 119)]
        assert unknown(*samples)[-4:] == [True] * 4

    def test_the_first_loss_of_contact_is_handed_on_to_the_next_day(self) -> None:
        noon = 18 * 60
        samples = [PLUG_IN, stopped(noon - 60), out_of_reach(noon - 30), out_of_reach(noon - 20)]
        (handed_on,) = histories_of(samples, NOTHING, CAR).handed_on.values()
        assert set(handed_on.samples) == {PLUG_IN, stopped(noon - 60), out_of_reach(noon - 30)}

    def test_it_is_stored_with_its_half_hour(self) -> None:
        slots = record(Window(), [PLUG_IN, out_of_reach(9)], Metered("car-1", "axle-1", CAR), now=at(10))
        assert slots
        assert slot_of(slot_item(slots[0], 4)).samples == {PLUG_IN, out_of_reach(9)}

    def test_a_version_without_it_reads_a_cleared_doubt(self) -> None:
        kept = replace(EMPTY, samples=frozenset({out_of_reach(9), Sample(at(12), "cleared")}))
        values = decode_item(slot_item(kept, 4))
        assert values["samples"] == ["ku540000:1", "ku720000:0"]
        assert slot_of(slot_item(kept, 4)) == kept

    def test_only_of_a_source_whose_silence_means_something_is_it_kept(self) -> None:
        seen = Observation(at=at(9), source="enode", reachable=False)
        twin = Twin(a_link(EVENING), Tariff((), "Europe/London"), Intent({}))
        assert samples_of(seen, twin, PUSHES, now=at(10)) == (out_of_reach(9),)
        assert samples_of(seen, twin, POLLED, now=at(10)) == ()
        assert samples_of(replace(seen, reachable=True), twin, PUSHES, now=at(10)) == ()

    def test_a_source_that_does_not_know_whether_the_car_charges_has_none(self) -> None:
        seen = Observation(at=at(9), source="enode", charging_unknown=True)
        twin = Twin(a_link(EVENING), Tariff((), "Europe/London"), Intent({}))
        assert samples_of(seen, twin, PUSHES, now=at(10)) == (out_of_reach(9),)
        (sample,) = samples_of(replace(seen, power_kw=7.0), twin, PUSHES, now=at(10))
        assert sample.kind == "power"

    @pytest.mark.parametrize(
        ("since_min", "kind"), [(None, "stopped"), (9, "stopped"), (7, "stopped"), (6.9, "charging")]
    )
    def test_a_car_whose_state_sticks_at_starting_may_charge(self, since_min: float | None, kind: str) -> None:
        seen = Observation(at=at(9), source="enode", starting=True)
        presence = Presence(starting_at=None if since_min is None else at(since_min))
        twin = replace(Twin(a_link(EVENING), Tariff((), "Europe/London"), Intent({})), presence=presence)
        (sample,) = samples_of(seen, twin, PUSHES, now=at(10))
        assert (sample.kind, sample.tells_every_change) == (kind, False)
        assert samples_of(seen, twin, POLLED, now=at(10)) == ()
        assert samples_of(seen, twin, METERS["tesla"], now=at(10)) == ()
        (sample,) = samples_of(replace(seen, power_kw=7.0), twin, PUSHES, now=at(10))
        assert (sample.kind, sample.tells_every_change) == ("power", True)

    def test_a_car_whose_register_shows_afterwards_what_flowed_may_sleep(self) -> None:
        asleep = Observation(at=at(9), source="tesla", reachable=False)
        twin = Twin(a_link(EVENING), Tariff((), "Europe/London"), Intent({}))
        assert samples_of(asleep, twin, METERS["tesla"], now=at(10)) == ()


class TestAStateOfChargeThatRoseInSilence:
    @pytest.mark.parametrize("rise_pct", [1, 30])
    def test_it_makes_the_time_unknown(self, rise_pct: int) -> None:
        found = metered(stopped(0), soc(0, 40), stopped(299), soc(299, 40 + rise_pct))
        assert [one.energy_wh for one in found] == [0] * 10
        assert all(one.unknown_ms for one in found)

    def test_a_register_still_counts_all_of_it(self) -> None:
        register = [
            Sample(at(minute), "session", value, register="per_plug_in") for minute, value in ((0, 0), (299, 20_000))
        ]
        found = metered(stopped(0), soc(0, 40), stopped(299), soc(299, 68), *register)
        assert sum(one.energy_wh for one in found) == 20_000
        assert not any(one.unknown_ms for one in found[:-1])


def test_the_silence_of_a_tesla_whose_account_is_lost_shows_nothing_since_its_last_report() -> None:
    """Its register would correct a charge in its sleep, but nothing of it is reported any more."""
    register = Sample(at(0), "session", 0, "vehicle_ac_input", register="per_plug_in")
    assert unknown(stopped(0), register, stopped(200), out_of_reach(230), stopped(260)) == [False] * 6 + [True] * 3


class TestACloudThatMakesUpTheStateOfCharge:
    """The car stops at 18:00, and the next report, at 20:36, is that it charges."""

    def seen_charging(self, *pcts: int) -> list[bool]:
        begun = Sample(at(156), "charging", tells_every_change=True)
        socs = [soc(minute, pct) for minute, pct in zip((0, 156), pcts, strict=False)]
        return unknown(stopped(0), *socs, begun)[:5]

    @pytest.mark.parametrize("pct", [0, 50])
    def test_the_hour_before_a_charge_was_first_reported_is_unknown(self, pct: int) -> None:
        assert self.seen_charging(pct, pct) == [False, False, False, True, True]

    def test_it_is_known_if_the_state_of_charge_may_be_true(self) -> None:
        assert self.seen_charging(40, 40) == [False] * 5
        assert self.seen_charging() == [False] * 5

    def test_what_came_before_a_stop_in_that_hour_stays_known(self) -> None:
        begun = Sample(at(156), "charging", tells_every_change=True)
        found = unknown(stopped(0), soc(0, 50), stopped(120), soc(120, 50), soc(156, 50), begun)
        assert found[:5] == [False, False, False, False, True]

    def test_it_is_known_once_the_state_of_charge_has_moved(self) -> None:
        begun, moved = Sample(at(156), "charging", tells_every_change=True), soc(170, 51)
        assert unknown(stopped(0), soc(0, 50), soc(156, 50), begun, moved)[:5] == [False] * 5


class TestACarThatStarts:
    STARTS = Sample(at(28), "stopped")
    BEFORE = (PLUG_IN, stopped(0), soc(0, 40), STARTS, soc(28, 40))
    STICKS = (Sample(at(40), "charging"), Sample(at(90), "charging"))

    def test_it_did_not_charge_until_then_and_may_from_then_on(self) -> None:
        assert unknown(*self.BEFORE, *self.STICKS) == [True, True, True, True]
        assert metered(*self.BEFORE, *self.STICKS)[0].unknown_ms == 2 * 60_000

    def test_where_its_state_sticks_its_battery_shows_what_it_takes(self) -> None:
        found = metered(*self.BEFORE, *self.STICKS, soc(90, 50), stopped(120), soc(120, 50))
        assert sum(one.energy_wh for one in found) == 10 * STEP_WH
        assert [bool(one.unknown_ms) for one in found] == [False, False, False, True, False]

    @pytest.mark.parametrize("after", [stopped(29), stopped(40)])
    def test_it_stopped_at_once_if_the_next_report_says_so(self, after: Sample) -> None:
        assert unknown(*self.BEFORE, after, stopped(60)) == [False, False, False]
