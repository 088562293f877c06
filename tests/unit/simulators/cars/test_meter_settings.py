"""The meter that a simulated car shows: each setting, and any that a seed draws, metered by the product."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from driveway.domain.metering.energy import energy_of
from driveway.domain.metering.half_hour_energy import half_hours
from driveway.domain.metering.samples import Rating, Sample, SampleKind
from simulators.cars.car import Car, Mode, View
from simulators.cars.ocpp import readings
from simulators.cars.spec import CarSpec, MeterSpec
from tests.support.vehicles.car_rig import Rig

START = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_car(**meter: Any) -> Car:
    spec = {"provider": "ocpp", "vehicle_id": "charger-1", "power_kw": 6, "soc_pct": 10, "auto_start": False}
    return Car(spec=CarSpec.model_validate({**spec, "meter": meter}), at=START)


def charges(car: Car, *, minutes: int) -> View:
    car.command(car.at, "start")
    car.command(car.at + minutes * MINUTE, "stop")
    return car.view()


class TestEachSetting:
    @pytest.mark.parametrize(
        ("kind", "idle_wh", "after_wh"),
        [("per_plug_in", 3000, 5000), ("per_charge", 3000, 2000), ("zero_while_idle", 0, 5000)],
    )
    def test_the_register_of_a_charge_restarts_as_its_kind_says(self, kind: str, idle_wh: int, after_wh: int) -> None:
        car = a_car(register_kind=kind)
        car.plug_in(START)
        assert round(charges(car, minutes=30).register_wh) == idle_wh
        car.command(car.at + 60 * MINUTE, "start")
        car.advance(car.at + 20 * MINUTE)
        assert round(car.view().register_wh) == after_wh
        car.plug_out(car.at)
        car.plug_in(car.at + MINUTE)
        assert round(car.view().register_wh) == 0

    def test_it_sinks_while_the_car_is_plugged_in_and_idle(self) -> None:
        car = a_car(drain_w=23)
        car.plug_in(START)
        charges(car, minutes=60)
        car.advance(car.at + timedelta(days=1))
        assert round(car.view().register_wh) == 6000 - 23 * 24

    def test_it_counts_in_steps(self) -> None:
        car = a_car(resolution_wh=1000)
        car.plug_in(START)
        assert charges(car, minutes=59).register_wh == 5000

    def test_the_lifetime_register_begins_where_it_is_set(self) -> None:
        car = a_car(lifetime_start_wh=12_345_678)
        car.plug_in(START)
        assert round(charges(car, minutes=30).meter_wh) == 12_348_678

    def test_it_rolls_over(self) -> None:
        car = a_car(lifetime_start_wh=9_999_000, lifetime_modulus_wh=10_000_000)
        car.plug_in(START)
        assert round(charges(car, minutes=30).meter_wh) == 2000

    def test_a_replaced_meter_begins_at_zero_and_the_truth_goes_on(self) -> None:
        car = a_car(lifetime_start_wh=12_345_678, replaced_at_plug_out=True)
        car.plug_in(START)
        charges(car, minutes=30)
        car.plug_out(car.at)
        assert round(car.view().meter_wh) == 0
        car.plug_in(car.at + 60 * MINUTE)
        assert round(charges(car, minutes=10).meter_wh) == 1000
        assert round(car.meter_wh) == 4000


class TestReports:
    def test_zeros_follow_every_report_if_set(self, rig: Rig) -> None:
        shown = [one["energy_session_kwh"] for one in observed(rig, 1800, meter={"shows_zero_too": True})]
        assert shown[-1] == 0
        assert shown[-2] > 2

    def test_the_last_value_of_a_charge_comes_late_if_set(self, rig: Rig) -> None:
        before = observed(rig, 1700, meter={"last_value_late_s": 4})[-1]["energy_session_kwh"]
        rig.do("plug-out")
        rig.pass_s(5)
        *_, at_plug_out, last = observations(rig)
        assert at_plug_out["energy_session_kwh"] == before < last["energy_session_kwh"]
        assert datetime.fromisoformat(last["at"]) - datetime.fromisoformat(at_plug_out["at"]) == timedelta(seconds=4)

    def test_a_car_that_reports_per_per_cent_reports_at_whole_per_cents(self, rig: Rig) -> None:
        seen = observed(rig, 4 * 3600, power_kw=2.3, reports_per_percent=True)[1:]
        step_kwh = 0.64 / 0.9
        assert [one["energy_session_kwh"] for one in seen] == [
            pytest.approx(step_kwh * number, abs=1e-3) for number in range(1, 13)
        ]
        times = [datetime.fromisoformat(one["at"]) for one in seen]
        assert {round((b - a) / MINUTE, 1) for a, b in pairwise(times)} == {18.6}


def observed(rig: Rig, seconds: float, **spec: Any) -> list[dict[str, Any]]:
    """What a charger reports in the time after the plug-in."""
    rig.configure("ocpp", webhook_url=rig.hook)
    rig.car("ocpp", asset="car-1", soc_pct=10, **{"power_kw": 6, **spec})
    rig.do("plug-in")
    rig.pass_s(seconds)
    return observations(rig)


def observations(rig: Rig) -> list[dict[str, Any]]:
    return [observation for one in rig.sent() for observation in one.body["observations"]]


DRAWN: dict[str, list[Any]] = {
    "register_kind": ["per_plug_in", "per_charge", "zero_while_idle"],
    "drain_w": [0, 0, 23, 60],
    "shows_zero_too": [False, True],
    "last_value_late_s": [0, 4],
    "resolution_wh": [0, 100],
    "lifetime_start_wh": [0, 12_345_678, 9_990_000],
    "lifetime_modulus_wh": [None, 10_000_000],
    "replaced_at_plug_out": [False, True],
}
"""The settings of a meter, and values of each that a seed draws."""


def two_nights(car: Car, random: Random) -> Iterator[Sample]:
    """Two nights of charging in blocks: the samples of both registers, every five minutes, and the facts."""

    def seen() -> Iterator[Sample]:
        values, meter = readings(car.spec, car.view()), car.spec.meter
        session_wh, lifetime_wh = (round(values[f"energy_{name}_kwh"] * 1000) for name in ("session", "lifetime"))
        yield Sample(car.at, "session", session_wh, register=meter.register_kind)
        yield Sample(car.at, "lifetime", lifetime_wh, "charger")
        if meter.shows_zero_too:
            yield Sample(car.at + timedelta(seconds=1), "session", 0, register=meter.register_kind)
        car.register.reported()

    for night in range(2):
        car.plug_in(START + timedelta(days=night))
        yield Sample(car.at, "plugged")
        yield Sample(car.at, "stopped", tells_every_change=True)
        for _ in range(random.randint(1, 3)):
            for mode, kind, blocks in MODES:
                car.advance(car.at + 5 * MINUTE)
                yield from seen()
                car.command(car.at, mode)
                yield Sample(car.at, kind, tells_every_change=True)
                yield from seen()
                if mode == "stop" and car.register.is_late:
                    car.advance(car.at + timedelta(seconds=car.spec.meter.last_value_late_s))
                    car.register.is_late = False
                for _ in range(random.randint(*blocks)):
                    yield from seen()
                    car.advance(car.at + 5 * MINUTE)
        car.plug_out(car.at)
        yield Sample(car.at, "unplugged")


MODES: list[tuple[Mode, SampleKind, tuple[int, int]]] = [("start", "charging", (6, 20)), ("stop", "stopped", (6, 12))]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_meter_a_seed_draws_the_product_counts_what_flowed(seed: int) -> None:
    random = Random(f"meter {seed}")
    drawn = {name: random.choice(values) for name, values in DRAWN.items()}
    assert set(drawn) == set(MeterSpec.model_fields)
    if drawn["register_kind"] == "per_charge":
        drawn["shows_zero_too"] = False  # the two together are no description of a meter
    car = a_car(**drawn)
    samples = list(two_nights(car, random))
    true_wh = round(car.meter_wh)

    def counted_wh(left_out: SampleKind, rating: Rating) -> int:
        found = half_hours(energy_of([sample for sample in samples if sample.kind != left_out], rating))
        return sum(half_hour.energy_wh for half_hour in found.values())

    # Of a register that hides its drain while it is idle, the drain of six hours at most is missing.
    hidden_wh = 6 * drawn["drain_w"] if drawn["register_kind"] == "zero_while_idle" else 0
    steps_wh = 6 * (drawn["resolution_wh"] or 1)
    assert -hidden_wh - steps_wh <= counted_wh("lifetime", Rating(7400, travels=True)) - true_wh <= steps_wh, drawn
    # A new meter that soon shows more than the old one looks like a register with outliers: the smaller energy counts.
    over_wh = counted_wh("session", Rating(7400)) - true_wh
    assert over_wh <= 6 if drawn["replaced_at_plug_out"] else abs(over_wh) <= 6, drawn
