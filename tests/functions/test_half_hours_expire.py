"""Half-hours expire after 26 months, and their samples after 30 days; what is final is never computed again."""

from datetime import datetime, timedelta

import pytest

from driveway.domain.metering.recording import final_before
from driveway.observations.metering_intake import meter_twin
from driveway.store.slots import SlotStore
from tests.support.functions.charging_home import Charging, in_memory
from tests.support.functions.rig import NOW, Rig


@pytest.fixture
def home(rig: Rig) -> Charging:
    return Charging(in_memory(rig))


def expiries(rig: Rig) -> set[int]:
    days = 24 * 3600
    found = [item for item in rig.items() if item["sk"].startswith("SLOT#")]
    return {round((item["expires_at"] - _start_s(item)) / days) for item in found}


def _start_s(item: dict[str, str]) -> float:
    return datetime.fromisoformat(item["start"]).timestamp()


def test_a_half_hour_expires_26_months_after_it_began_whatever_is_written_of_it_later(home: Charging) -> None:
    home.go_on_to(100)
    assert expiries(home.rig) == {791}


def test_the_time_is_a_setting(rig: Rig) -> None:
    environ = rig.runtime.settings.environ
    rig.runtime.settings = type(rig.runtime.settings)({**environ, "HALF_HOURS_KEPT_MONTHS": "12"})
    slots: SlotStore = rig.runtime.slots
    assert slots.kept == timedelta(days=365)


def days_pass(home: Charging, days: int) -> None:
    """The runs of so many days, each at noon and after it."""
    for _ in range(days):
        home.rig.clock.move(days=1)
        home.drain()


def test_the_samples_of_a_half_hour_go_after_30_days_and_its_energy_stays(home: Charging) -> None:
    home.go_on_to(65)
    home.plug_out()
    before = home.at_home()
    days_pass(home, 30)
    slots = list(home.rig.runtime.slots.read("car-1", NOW - timedelta(days=1)))
    assert any(slot.samples for slot in slots), "they are kept for 30 days"
    days_pass(home, 3)
    slots = list(home.rig.runtime.slots.read("car-1", NOW - timedelta(days=1)))
    assert not any(slot.samples for slot in slots)
    assert home.at_home() == before
    assert {slot.state for slot in slots if slot.energy_wh} == {"accepted"}


def test_a_session_after_the_samples_went_is_metered_and_leaves_what_is_final(home: Charging) -> None:
    home.go_on_to(65)
    home.plug_out()
    before = home.at_home()
    days_pass(home, 33)
    begin = home.rig.clock.now()
    home.register_kwh += 0.5
    for _ in range(6):
        home.report(charging=True)
        home.rig.clock.move(minutes=10)
        home.charge(10)
    home.report(charging=True)
    after = list(home.rig.runtime.slots.read("car-1", NOW - timedelta(days=1)))
    assert {
        s.start.strftime("%H:%M"): s.energy_wh / 1000 for s in after if s.start < begin - timedelta(days=1)
    } == before
    assert sum(s.energy_wh for s in after if s.start >= begin - timedelta(hours=1)) == pytest.approx(4000, abs=2)


def test_a_register_that_is_reported_four_weeks_late_leaves_what_is_final(home: Charging) -> None:
    home.go_on_to(65)
    home.plug_out()
    before = home.at_home()
    days_pass(home, 33)
    late = home.rig.clock.now() - timedelta(days=29, hours=23)
    home.report(at=late, energy_lifetime_kwh=home.register_kwh + 1)
    home.report(at=late + timedelta(minutes=20), energy_lifetime_kwh=home.register_kwh + 2)
    after = home.at_home_from(late - timedelta(hours=12))
    assert sum(after.values()) == pytest.approx(1.0, abs=0.01), "from its first sight on it counts"
    slots = home.rig.runtime.slots.read("car-1", NOW - timedelta(days=1), NOW + timedelta(days=1))
    assert {slot.start.strftime("%H:%M"): slot.energy_wh / 1000 for slot in slots} == before


def test_a_plug_fact_of_long_ago_is_not_recorded_over_and_over(home: Charging, monkeypatch: pytest.MonkeyPatch) -> None:
    home.go_on_to(65)
    home.plug_out()
    days_pass(home, 34)
    recorded: list[int] = []
    record = SlotStore.record

    def counted(store: SlotStore, *args: object, **kwargs: object) -> object:
        recorded.append(1)
        return record(store, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(SlotStore, "record", counted)
    meter_twin(home.rig.twin("car-1"), (), home.rig.runtime)
    assert recorded == []


def test_what_is_final_begins_a_day_before_the_oldest_sample_that_is_taken_in() -> None:
    assert NOW - timedelta(days=31) < final_before(NOW) <= NOW - timedelta(days=30)
