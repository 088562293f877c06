"""The default schedule that is kept in the car or charger itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.control_rules import ControlRules
from driveway.domain.twin import Tariff, Window
from driveway.domain.upkeep import default_schedule_wish, offset_changes_at
from tests.unit.control_rig import MINUTE, START, Rig, new_twin
from tests.unit.test_control import OFF_PEAK_STARTS

RULES = ControlRules()


def upkeep_actions(rig: Rig) -> list[str]:
    return [command.action for _, command in rig.sent if command.action.endswith("default")]


@pytest.mark.parametrize("provider", ["tesla", "ocpp"])
def test_it_is_installed_once_without_any_session(provider: str) -> None:
    rig = Rig(twin=new_twin(provider))
    rig.run(timedelta(hours=6))
    assert upkeep_actions(rig) == ["install_default"]
    assert rig.car.kept_schedule
    assert rig.twin.control.default_schedule == default_schedule_wish(rig.twin, rig.now)


@pytest.mark.parametrize("provider", ["enode", "smartcar"])
def test_nothing_is_installed_where_nothing_can_be_kept(provider: str) -> None:
    rig = Rig(twin=new_twin(provider))
    rig.run(timedelta(hours=6))
    assert rig.sent == []


def test_a_new_tariff_is_installed_in_place_of_the_old() -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.run(MINUTE)
    rig.change(lambda twin: replace(twin, tariff=Tariff((Window(60, 300),), "Europe/London")))
    rig.run(MINUTE)
    assert upkeep_actions(rig) == ["install_default", "install_default"]


def test_it_is_installed_anew_when_the_clocks_change() -> None:
    rig = Rig(twin=new_twin("ocpp"), now=datetime(2026, 10, 24, 12, tzinfo=UTC), sighting_every=timedelta(days=9))
    rig.run(timedelta(days=1))
    assert [at for at, _ in rig.sent[1:]] == [datetime(2026, 10, 25, 1, 0, 0, 300_000, tzinfo=UTC)]


def test_it_is_removed_when_the_site_leaves_and_installed_again_when_it_rejoins() -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.run(MINUTE)
    rig.link(enrolled=False)
    rig.run(MINUTE)
    assert not rig.car.kept_schedule
    assert rig.twin.control.default_schedule is None
    rig.link(enrolled=True)
    rig.run(MINUTE)
    assert upkeep_actions(rig) == ["install_default", "remove_default", "install_default"]


def test_nothing_is_removed_that_was_never_installed() -> None:
    rig = Rig(twin=replace(new_twin("tesla"), link=replace(new_twin("tesla").link, enrolled=False)))
    rig.run(timedelta(hours=6))
    assert rig.sent == []


@pytest.mark.parametrize("fault", ["retryable", "refused", "asleep", "answer_lost", "event_lost"])
def test_a_failure_is_repeated_ever_more_rarely_until_it_works(fault: str) -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.fault = fault
    rig.run(timedelta(hours=12))
    assert len(upkeep_actions(rig)) <= 48
    rig.fault = None
    rig.run(timedelta(hours=14))
    assert rig.car.kept_schedule
    assert rig.twin.control.default_schedule is not None


def test_commands_to_charge_do_not_wait_for_it() -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.car.plugged = True
    rig.run(OFF_PEAK_STARTS - 10 * MINUTE - rig.now)
    rig.fault = "refused"
    rig.change(lambda twin: replace(twin, tariff=replace(twin.tariff, timezone="UTC")))
    rig.run(9 * MINUTE)
    rig.fault = None
    rig.run(2 * MINUTE)
    assert rig.car.charging
    assert [at for at, command in rig.sent if command.action == "start"] == [OFF_PEAK_STARTS]


def test_it_leaves_the_last_commands_of_the_day_for_charging() -> None:
    rules = replace(RULES, daily_commands=4, upkeep_retry=timedelta(seconds=30))
    rig = Rig(twin=new_twin("tesla"), rules=rules)
    rig.fault = "retryable"
    rig.run(timedelta(hours=7))
    assert len(upkeep_actions(rig)) == 2
    rig.fault = None
    rig.run(timedelta(hours=2))
    assert rig.car.kept_schedule, "the next day has commands again"


def test_what_is_to_be_installed_tells_cars_tariffs_and_offsets_apart() -> None:
    twin = new_twin("tesla")
    vehicle = twin.link.vehicle
    assert vehicle is not None
    others = [
        replace(twin, link=replace(twin.link, vehicle=replace(vehicle, vehicle_id="another"))),
        replace(twin, tariff=replace(twin.tariff, timezone="UTC")),
        replace(twin, tariff=replace(twin.tariff, off_peak=(Window(0, 60),))),
    ]
    wishes = {default_schedule_wish(each, START) for each in (twin, *others)}
    assert len(wishes) == 4
    assert default_schedule_wish(twin, datetime(2026, 7, 1, tzinfo=UTC)) not in wishes


def test_offsets_change_when_the_clocks_do() -> None:
    now = datetime(2026, 11, 24, 12, 34, 56, tzinfo=UTC)
    assert offset_changes_at("Europe/London", now) == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert offset_changes_at("Europe/London", datetime(2027, 3, 28, 1, tzinfo=UTC)) == datetime(
        2027, 10, 31, 1, tzinfo=UTC
    )
    assert offset_changes_at("UTC", now) is None
