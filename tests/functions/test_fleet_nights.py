"""The nights of all homes: judged soon after a departure or a plug-out, and summed without a scan."""

from datetime import date, timedelta
from typing import Any

import pytest

from driveway.domain.sessions.night_figures import NightFigures
from driveway.values import replace
from tests.support.functions.charging_home import Charging, Context, in_memory
from tests.support.functions.rig import NOW, Rig, function

EVENING = date(2026, 1, 15)
MPANS = ("1200001234566", "1100000000008")


def judge() -> int:
    return int(function("meter_readings").handler({}, Context())["nights"])


def figures(rig: Rig, night: date = EVENING) -> NightFigures:
    kept = rig.runtime.lists.sums(night)
    assert kept is not None
    return kept.figures


def charge(rig: Rig, homes: list[Charging], hours: int) -> None:
    """Let the cars charge evenly."""
    began = rig.clock.now()
    for step in range(1, 6 * hours + 1):
        rig.clock.put(began + timedelta(minutes=10 * step))
        for home in homes:
            home.register_kwh += 10 / 15
            home.report()


def after_departure(rig: Rig) -> None:
    rig.clock.put(NOW + timedelta(hours=13, minutes=11))


def at_noon(rig: Rig, days: int = 0) -> None:
    """Go to the run after the noon that ends the night of so many days later."""
    rig.clock.put(NOW + timedelta(days=days, hours=18, minutes=11))


def plug_out(home: Charging) -> None:
    home.plug_out()
    home.rig.pump()


@pytest.fixture
def homes(rig: Rig) -> list[Charging]:
    """Two homes whose cars have charged since six in the evening."""
    in_memory(rig)
    made = [Charging(rig, str(number), mpan) for number, mpan in enumerate(MPANS, start=1)]
    rig.pump()
    charge(rig, made, 2)
    rig.publish()
    return made


def test_a_session_counts_in_its_night_after_its_departure(rig: Rig, homes: list[Charging]) -> None:
    plug_out(homes[0])
    rig.clock.put(NOW + timedelta(hours=13, minutes=9))
    assert judge() == 0, "neither departure is over"
    after_departure(rig)
    assert (judge(), judge()) == (2, 0)
    found = figures(rig)
    assert (found.sessions, sum(found.verdicts.values()), found.in_sync) == (2, 2, 2)
    assert "RUNNING" not in found.verdicts
    assert found.in_plan_wh + found.out_of_plan_wh == 16000
    assert 5 < found.known <= found.half_hours


def test_the_sums_are_those_of_all_sessions_however_often_they_are_judged(rig: Rig, homes: list[Charging]) -> None:
    plug_out(homes[0])
    after_departure(rig)
    assert judge() == 2
    once = figures(rig)
    plug_out(homes[1])
    at_noon(rig)
    assert (judge(), judge()) == (2, 0)
    assert (once.sessions, once.in_plan_wh + once.out_of_plan_wh) == (2, 16000)
    assert figures(rig).sessions == 2


def test_a_night_without_a_pass_in_the_morning_is_judged_at_its_noon(rig: Rig, homes: list[Charging]) -> None:
    for home in homes:
        plug_out(home)
    at_noon(rig)
    assert (judge(), figures(rig).sessions) == (2, 2)


def test_a_session_that_goes_on_counts_in_each_of_its_nights(rig: Rig, homes: list[Charging]) -> None:
    plug_out(homes[1])
    for days in (0, 1):
        at_noon(rig, days)
        assert judge() == 2 - days
    assert (figures(rig).sessions, figures(rig, EVENING + timedelta(days=1)).sessions) == (2, 1)


def test_energy_that_is_known_late_corrects_the_night_at_the_next_noon(rig: Rig, homes: list[Charging]) -> None:
    for home in homes:
        plug_out(home)
    at_noon(rig)
    judge()
    slot = next(one for one in rig.runtime.slots.read("car-1", NOW) if one.sessions_wh)
    since_ms, energy_wh = slot.sessions_wh[0]
    assert rig.runtime.slots.put(replace(slot, sessions_wh=((since_ms, energy_wh + 500),)))
    kept = rig.runtime.history.sessions("car-1", NOW - timedelta(days=1), rig.clock.now(), 1)[0]
    rig.runtime.history.keep_session("car-1", replace(kept, energy_wh=kept.energy_wh + 500))
    at_noon(rig, 1)
    assert judge() == 1
    corrected = figures(rig)
    assert (corrected.sessions, corrected.in_plan_wh + corrected.out_of_plan_wh) == (2, 16500)


@pytest.mark.parametrize("is_noon", [False, True])
def test_a_run_that_breaks_off_is_made_up_for_by_the_next(
    rig: Rig, homes: list[Charging], monkeypatch: pytest.MonkeyPatch, is_noon: bool
) -> None:
    plug_out(homes[0])
    at_noon(rig) if is_noon else after_departure(rig)

    def broken(*given: Any) -> None:
        raise ConnectionError("an outage")

    with monkeypatch.context() as patch:
        patch.setattr("driveway.store.nights.Nights.keep_sums", broken)
        with pytest.raises(ConnectionError):
            judge()
    assert rig.runtime.lists.sums(EVENING) is None
    at_noon(rig)
    judge()
    assert figures(rig).sessions == 2


def test_nothing_of_an_erased_asset_is_left_in_the_rows_of_a_night(rig: Rig, homes: list[Charging]) -> None:
    for home in homes:
        plug_out(home)
    after_departure(rig)
    judge()
    listed = [row.asset for row in rig.runtime.lists.rows(f"night-{EVENING}")]
    assert sorted(listed) == ["car-1", "car-2"]
    rig.runtime.records.drop(list(rig.runtime.records.partition("ASSET#car-1")))
    assert [row.asset for row in rig.runtime.lists.rows(f"night-{EVENING}")] == ["car-2"]


def test_a_session_whose_asset_is_gone_is_not_judged(rig: Rig, homes: list[Charging]) -> None:
    plug_out(homes[0])
    rig.runtime.records.delete("ASSET#car-1", "TWIN")
    after_departure(rig)
    assert (judge(), judge()) == (1, 0)
    assert figures(rig).sessions == 1
