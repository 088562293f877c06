"""Energy during an away doubt, and a plug-in that is reported late."""

from datetime import timedelta

import pytest

from driveway.domain.metering.slot import Slot
from tests.support.domain.metered_asset import Asset, at, saw

PLUG_IN = saw(0, plugged_in=True, at_home=True)
AWAY = saw(40, plugged_in=True, at_home=False, power_kw=6.0, charging=True)


def charging_through_a_doubt() -> Asset:
    """Charges at 6 kW from 18:00 to 19:30, reported every five minutes; away at 18:40, and no position since."""
    asset = Asset().receives(PLUG_IN)
    for minute in range(0, 91, 5):
        asset.receives(AWAY if minute == 40 else saw(minute, plugged_in=True, power_kw=6.0, charging=True))
    return asset


def slot_at(asset: Asset, minute: int) -> Slot:
    return asset.slots.slots[at(minute)]


def test_samples_during_a_doubt_are_kept_and_do_not_count_yet() -> None:
    asset = charging_through_a_doubt()
    assert asset.energies == [3000, 500, 0, 0]
    assert any(sample.kind == "power" for sample in slot_at(asset, 60).samples)


def test_a_half_hour_that_touches_the_doubt_is_not_reported_before_its_end() -> None:
    asset = charging_through_a_doubt()
    for minute in (0, 30, 60, 90):
        due_at = slot_at(asset, minute).due_at
        assert due_at is not None
        assert due_at >= at(40) + timedelta(hours=1)


def test_energy_counts_once_the_car_is_at_home_again() -> None:
    asset = charging_through_a_doubt().receives(saw(95, plugged_in=True, at_home=True, charging=False, power_kw=0.0))
    assert sum(asset.energies) == 9500
    assert slot_at(asset, 0).due_at == at(40)


def test_energy_counts_once_the_away_report_proves_false() -> None:
    asset = charging_through_a_doubt().waits_until(100)
    assert asset.twin.presence.doubt is None
    assert sum(asset.energies) == 9000


@pytest.mark.parametrize(
    "end",
    [
        saw(95, plugged_in=True, at_home=False),
        saw(95, plugged_in=True, at_home=False, clearly_away=True),
        saw(95, plugged_in=False, at_home=False),
    ],
    ids=["a second report", "a clear report", "unplugged and away"],
)
def test_energy_never_counts_if_the_session_ends(end: object) -> None:
    asset = charging_through_a_doubt().receives(end).waits_until(200)  # type: ignore[arg-type]  # an observation
    assert asset.twin.presence.session is None
    assert sum(asset.energies) == 0
    assert all(slot.doubted_since is None for slot in asset.slots.slots.values())


def test_a_session_with_an_unobserved_end_counts_until_the_last_report_of_home() -> None:
    asset = Asset().receives(PLUG_IN)
    for minute in range(10, 61, 10):
        asset.receives(saw(minute, plugged_in=True, at_home=minute <= 30, power_kw=6.0, charging=True))
    assert sum(asset.energies) == 2000


def test_a_plug_in_that_is_reported_late_counts_from_its_own_time() -> None:
    power = [saw(minute, power_kw=6.0, charging=True, energy_session_kwh=minute / 10) for minute in range(1, 21)]
    late, first = saw(0, plugged_in=True), saw(5, plugged_in=True, at_home=True)
    in_order, out_of_order = Asset(), Asset()
    in_order.receives(late, *power[:4], first, *power[4:])
    out_of_order.receives(*power[:4], first, late, *power[4:])
    assert sum(in_order.energies) == 2000
    assert out_of_order.energies == in_order.energies


def test_the_count_from_elsewhere_gives_no_energy_to_a_session_joined_under_way() -> None:
    asset = Asset().receives(saw(0, plugged_in=True, at_home=True, energy_session_kwh=0.0))
    asset.receives(saw(30, plugged_in=True, at_home=True, energy_session_kwh=3.0))
    asset.receives(saw(120, plugged_in=True, at_home=False, energy_session_kwh=2.0, clearly_away=True))
    asset.receives(saw(600, plugged_in=True, at_home=True, energy_session_kwh=1.2))
    asset.receives(saw(630, plugged_in=True, at_home=True, energy_session_kwh=2.2))
    assert sum(asset.energies) == 3000 + 1000
