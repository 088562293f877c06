"""The default schedule that is kept in the car or charger itself."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.control.default_schedule_sync import offset_changes_at, required_default_schedule
from driveway.domain.control.released import is_released
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.vehicle_schedules import edge_that_switched, tariff_of
from driveway.domain.twin import Home, Observed, Tariff, Window
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import START, new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import OFF_PEAK_ENDS, OFF_PEAK_STARTS, Rig, plugged

RULES = ControlRules()


def schedule_actions(rig: Rig) -> list[str]:
    return [command.action for _, command in rig.sent if command.action.endswith("default")]


@pytest.mark.parametrize("provider", ["tesla", "ocpp"])
def test_it_is_installed_once_without_any_session(provider: str) -> None:
    rig = Rig(twin=new_twin(provider))
    rig.run(timedelta(hours=6))
    assert schedule_actions(rig) == ["install_default"]
    assert rig.car.kept_schedule
    assert rig.twin.control.default_schedule == required_default_schedule(rig.twin, rig.now)


@pytest.mark.parametrize("provider", ["enode", "smartcar"])
def test_nothing_is_installed_where_the_car_keeps_no_schedule(provider: str) -> None:
    rig = Rig(twin=new_twin(provider))
    rig.run(timedelta(hours=6))
    assert rig.sent == []


def test_a_new_tariff_is_installed_in_place_of_the_old() -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.run(MINUTE)
    rig.change(lambda twin: replace(twin, tariff=Tariff((Window(60, 300),), "Europe/London")))
    rig.run(MINUTE)
    assert schedule_actions(rig) == ["install_default", "install_default"]


def test_it_is_installed_again_when_the_clocks_change() -> None:
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
    assert schedule_actions(rig) == ["install_default", "remove_default", "install_default"]


def test_nothing_is_removed_that_was_never_installed() -> None:
    rig = Rig(twin=replace(new_twin("tesla"), link=replace(new_twin("tesla").link, enrolled=False)))
    rig.run(timedelta(hours=6))
    assert rig.sent == []


@pytest.mark.parametrize("fault", ["retryable", "refused", "asleep", "answer_lost", "event_lost"])
def test_a_failed_command_is_repeated_with_growing_pauses_until_it_works(fault: str) -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.fault = fault
    rig.run(timedelta(hours=12))
    assert len(schedule_actions(rig)) <= 48
    rig.fault = None
    rig.run(timedelta(hours=14))
    assert rig.car.kept_schedule
    assert rig.twin.control.default_schedule is not None


def test_commands_to_charge_do_not_wait_for_it() -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.car.plugged = True
    rig.run(MINUTE)
    edge = rig.now + 10 * MINUTE
    rig.schedule((10, 0.0), (60, 7.4))
    rig.fault = "refused"
    rig.change(lambda twin: replace(twin, tariff=replace(twin.tariff, timezone="UTC")))
    rig.run(9 * MINUTE)
    rig.fault = None
    rig.run(2 * MINUTE)
    assert rig.car.charging
    assert [at for at, command in rig.sent if command.action == "start"] == [edge]


# The kept schedule while the plan differs from it


def held_by_axle_over_the_window(provider: str = "tesla") -> Rig:
    """A held car that keeps our schedule, whose window begins while Axle's schedule holds."""
    rig = plugged(provider)
    rig.schedule((60 * 10, 0.0), (180, 7.4), (240, 0.0))
    rig.run(OFF_PEAK_STARTS - rig.now - timedelta(seconds=1))
    assert rig.car.kept_schedule
    assert not rig.car.charging
    return rig


def test_a_car_that_the_kept_schedule_starts_is_stopped_as_the_plan_says_and_nobody_else_is_blamed() -> None:
    rig = held_by_axle_over_the_window()
    rig.run(timedelta(hours=1))
    assert not rig.car.charging
    assert rig.actions() == ["stop", "stop"]
    assert not rig.entries_of("NeedsAttention")


def test_a_car_that_the_kept_schedule_starts_and_that_is_slow_to_stop_is_not_blamed_on_somebody_else() -> None:
    rig = held_by_axle_over_the_window()
    rig.sighting_every = MINUTE
    rig.car.obeys_after = timedelta(minutes=12)
    rig.run(timedelta(minutes=20))
    assert not rig.car.charging
    assert not rig.entries_of("NeedsAttention")


@pytest.mark.parametrize(("late", "blamed"), [(timedelta(0), []), (25 * MINUTE, [Reason.THIRD_PARTY_INTERFERENCE])])
def test_a_charger_may_follow_the_schedule_before_until_the_session_ends(late: timedelta, blamed: list[Reason]) -> None:
    rig = plugged("ocpp")
    rig.schedule((60 * 10, 0.0))
    for number, starts_min in enumerate((60, 120), 1):
        rig.run(OFF_PEAK_STARTS - 30 * MINUTE / number - rig.now)
        window = Window(starts_min, starts_min + 60)
        rig.change(lambda twin, window=window: replace(twin, tariff=Tariff((window,), "Europe/London")))
    rig.run(OFF_PEAK_STARTS + late - rig.now)
    assert schedule_actions(rig) == ["install_default"] * 3
    rig.self_start()
    rig.run(20 * MINUTE)
    assert [entry.reason for entry in rig.entries_of("NeedsAttention")] == blamed


def test_in_the_next_session_a_charger_follows_what_was_installed_before_it() -> None:
    rig = plugged("ocpp")
    rig.run(MINUTE)
    rig.change(lambda twin: replace(twin, tariff=Tariff((Window(60, 120),), "Europe/London")))
    rig.run(MINUTE)
    twin = rig.twin
    assert twin.presence.session is not None
    following = replace(twin, presence=replace(twin.presence, session=replace(twin.presence.session, id="next")))
    begun = Observed(value=True, at=OFF_PEAK_STARTS)
    assert edge_that_switched(twin, begun, RULES) == OFF_PEAK_STARTS
    assert edge_that_switched(following, begun, RULES) is None


@pytest.mark.parametrize("provider", ["tesla", "ocpp"])
@pytest.mark.parametrize("windows", [(), (Window(30, 270),), (Window(0, 330), Window(1410, 1440))])
def test_a_schedule_in_short_holds_its_times(provider: str, windows: tuple[Window, ...]) -> None:
    twin = replace(new_twin(provider), tariff=Tariff(windows, "Europe/Dublin"))
    schedule = required_default_schedule(twin, START)
    assert schedule is not None
    assert tariff_of(schedule) == twin.tariff


def test_charging_that_begins_later_in_the_window_is_somebody_elses_doing() -> None:
    rig = held_by_axle_over_the_window()
    rig.run(timedelta(minutes=30))
    rig.self_start()
    rig.run(timedelta(minutes=30))
    assert rig.car.charging
    assert [entry.reason for entry in rig.entries_of("NeedsAttention")] == [Reason.THIRD_PARTY_INTERFERENCE]


def test_charging_that_begins_with_the_window_is_somebody_elses_doing_where_the_car_keeps_no_schedule() -> None:
    rig = plugged("enode")
    rig.schedule((60 * 10, 0.0))
    rig.run(OFF_PEAK_STARTS + MINUTE - rig.now)
    rig.self_start()
    rig.run(MINUTE)
    assert [entry.reason for entry in rig.entries_of("NeedsAttention")] == [Reason.THIRD_PARTY_INTERFERENCE]


def test_a_car_that_the_kept_schedule_stops_while_the_plan_charges_is_started_again_at_once() -> None:
    rig = plugged("tesla")
    rig.run(OFF_PEAK_ENDS - 60 * MINUTE - rig.now)
    rig.schedule((50, 0.0), (180, 7.4))
    rig.run(OFF_PEAK_ENDS + MINUTE - rig.now)
    assert rig.car.charging
    assert rig.actions()[-2:] == ["start", "start"]


# A snooze


@pytest.mark.parametrize("provider", ["tesla", "ocpp"])
def test_nothing_of_ours_is_kept_during_a_snooze_and_it_is_installed_again_after(provider: str) -> None:
    rig = plugged(provider)
    rig.link(snoozed_min=60)
    rig.run(MINUTE)
    assert not rig.car.kept_schedule
    rig.run(61 * MINUTE)
    assert rig.car.kept_schedule
    assert schedule_actions(rig) == ["install_default", "remove_default", "install_default"]


def test_a_charger_charges_all_through_a_snooze() -> None:
    rig = plugged("ocpp")
    rig.link(snoozed_min=3 * 24 * 60)
    rig.run(2 * MINUTE)
    for _ in range(70):
        assert rig.car.charging
        rig.run(timedelta(hours=1))


def test_a_car_that_is_plugged_in_during_a_snooze_charges_at_once() -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.run(MINUTE)
    rig.link(snoozed_min=600)
    rig.run(MINUTE)
    rig.plug_in()
    assert rig.car.charging


# An install with an unknown result


@pytest.mark.parametrize("provider", ["tesla", "ocpp"])
@pytest.mark.parametrize("fault", ["answer_lost", "partly"])
def test_a_schedule_that_may_be_installed_is_removed_before_the_site_has_left(provider: str, fault: str) -> None:
    rig = Rig(twin=new_twin(provider))
    rig.fault = fault
    rig.run(MINUTE)
    assert rig.car.kept_schedule
    rig.fault = "event_lost"
    rig.link(leaving=True)
    rig.run(8 * MINUTE)
    assert not is_released(rig.twin, rig.now)
    rig.fault = None
    rig.run(10 * MINUTE)
    assert not rig.car.kept_schedule
    assert is_released(rig.twin, rig.now)


def test_an_install_that_is_on_its_way_is_waited_for_and_then_removed() -> None:
    rig = Rig(twin=new_twin("tesla"), machinery=timedelta(seconds=40))
    rig.run(timedelta(seconds=41))
    assert schedule_actions(rig) == ["install_default"]
    rig.link(leaving=True)
    rig.run(timedelta(seconds=20))
    assert not is_released(rig.twin, rig.now)
    assert schedule_actions(rig) == ["install_default"], "one at a time, so that the last one stands"
    rig.run(3 * MINUTE)
    assert schedule_actions(rig) == ["install_default", "remove_default"]
    assert is_released(rig.twin, rig.now)


def test_a_removal_with_an_unknown_result_is_followed_by_an_install_when_the_plan_needs_one() -> None:
    rig = Rig(twin=new_twin("ocpp"))
    rig.run(MINUTE)
    rig.fault = "answer_lost"
    rig.link(enrolled=False)
    rig.run(MINUTE)
    assert not rig.car.kept_schedule
    rig.fault = None
    rig.link(enrolled=True)
    rig.run(8 * MINUTE)
    assert rig.car.kept_schedule


@pytest.mark.parametrize("outcome", ["UNSUPPORTED", "NEEDS_USER"])
def test_nothing_is_removed_and_nobody_waits_where_the_only_install_was_refused_for_good(outcome: str) -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.fault = outcome.lower()
    rig.run(MINUTE)
    rig.link(leaving=True)
    rig.run(MINUTE)
    assert is_released(rig.twin, rig.now)
    assert schedule_actions(rig) == ["install_default"]


@pytest.mark.parametrize("fault", ["unsupported", "needs_user", "refused"])
def test_a_removal_that_is_refused_for_good_is_not_waited_for(fault: str) -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.run(MINUTE)
    rig.fault = fault
    rig.link(leaving=True)
    rig.run(MINUTE)
    assert is_released(rig.twin, rig.now)


def test_a_removal_that_only_failed_for_now_is_waited_for() -> None:
    rig = Rig(twin=new_twin("ocpp"))
    rig.run(MINUTE)
    rig.fault = "retryable"
    rig.link(leaving=True)
    rig.run(MINUTE)
    assert not is_released(rig.twin, rig.now)
    rig.fault = None
    rig.run(11 * MINUTE)
    assert is_released(rig.twin, rig.now)
    assert not rig.car.kept_schedule


@pytest.mark.parametrize("fault", ["retryable", "answer_lost", "event_lost"])
@pytest.mark.parametrize("minutes", [15, 35, 44])
def test_a_charger_that_works_again_within_the_hour_of_leaving_drops_the_schedule_within_a_quarter_of_an_hour(
    fault: str, minutes: int
) -> None:
    rig = Rig(twin=new_twin("ocpp"))
    rig.run(MINUTE)
    rig.fault = fault
    rig.link(leaving=True)
    rig.run(minutes * MINUTE)
    assert not is_released(rig.twin, rig.now)
    rig.fault = None
    rig.run(16 * MINUTE)
    assert is_released(rig.twin, rig.now)
    assert not rig.car.kept_schedule


def test_a_failed_install_does_not_stand_for_the_removal_of_what_was_there_before() -> None:
    rig = Rig(twin=new_twin("tesla"))
    rig.run(MINUTE)
    rig.fault = "unsupported"
    rig.change(lambda twin: replace(twin, tariff=Tariff((Window(60, 300),), "Europe/London")))
    rig.run(MINUTE)
    rig.fault = "event_lost"
    rig.link(leaving=True)
    assert not is_released(rig.twin, rig.now)


def test_it_leaves_the_last_commands_of_the_day_for_charging() -> None:
    rules = replace(RULES, daily_commands=4, default_schedule_retry=timedelta(seconds=30))
    rig = Rig(twin=new_twin("tesla"), rules=rules)
    rig.fault = "retryable"
    rig.run(timedelta(hours=7))
    assert len(schedule_actions(rig)) == 2
    rig.fault = None
    rig.run(timedelta(hours=2))
    assert rig.car.kept_schedule, "the next day has commands again"


def test_a_home_that_moves_reinstalls_the_schedule_of_a_car_but_not_of_a_charger() -> None:
    for provider, installs in (("tesla", 2), ("ocpp", 1)):
        rig = Rig(twin=new_twin(provider))
        rig.change(lambda twin: replace(twin, link=replace(twin.link, home=Home(51.5034, -0.1276))))
        rig.run(MINUTE)
        before = len(schedule_actions(rig))
        rig.change(lambda twin: replace(twin, link=replace(twin.link, home=Home(51.7, -1.2))))
        rig.run(MINUTE)
        assert len(schedule_actions(rig)) == before + installs - 1


def test_the_required_schedule_does_not_show_the_position_of_the_home() -> None:
    twin = new_twin("tesla")
    wished = required_default_schedule(replace(twin, link=replace(twin.link, home=Home(51.5034, -0.1276))), START)
    assert wished is not None
    assert "51.5" not in wished
    assert "0.12" not in wished


def test_a_command_that_the_daily_budget_holds_back_is_sent_on_the_next_day() -> None:
    rig = Rig(twin=new_twin("tesla"))
    day = rig.now.date().isoformat()
    rig.change(lambda twin: replace(twin, control=replace(twin.control, budget_day=day, commands_today=38)))
    rig.run(timedelta(hours=7, minutes=29))
    assert schedule_actions(rig) == []
    rig.run(2 * MINUTE)
    assert rig.car.kept_schedule


def test_a_charger_with_new_wiring_has_its_schedule_installed_again() -> None:
    rig = Rig(twin=new_twin("ocpp"))
    rig.run(MINUTE)
    vehicle = rig.twin.link.vehicle
    assert vehicle is not None
    for number, wiring in enumerate(((3, None), (None, 3), (1, 3)), start=2):
        connector_id, phases = wiring
        wired = replace(vehicle, connector_id=connector_id, phases=phases)
        rig.change(lambda twin, wired=wired: replace(twin, link=replace(twin.link, vehicle=wired)))
        rig.run(MINUTE)
        assert schedule_actions(rig) == ["install_default"] * number


def test_the_required_schedule_differs_between_cars_tariffs_and_offsets() -> None:
    twin = new_twin("tesla")
    vehicle = twin.link.vehicle
    assert vehicle is not None
    others = [
        replace(twin, link=replace(twin.link, vehicle=replace(vehicle, vehicle_id="another"))),
        replace(twin, tariff=replace(twin.tariff, timezone="UTC")),
        replace(twin, tariff=replace(twin.tariff, off_peak=(Window(0, 60),))),
    ]
    homes = (Home(51.5034, -0.1276), Home(51.5034, -0.1277), Home(51.5035, -0.1276))
    others += [replace(twin, link=replace(twin.link, home=home)) for home in homes]
    wishes = {required_default_schedule(each, START) for each in (twin, *others)}
    assert len(wishes) == 7
    assert required_default_schedule(twin, datetime(2026, 7, 1, tzinfo=UTC)) not in wishes


def test_offsets_change_when_the_clocks_do() -> None:
    now = datetime(2026, 11, 24, 12, 34, 56, tzinfo=UTC)
    assert offset_changes_at("Europe/London", now) == datetime(2027, 3, 28, 1, tzinfo=UTC)
    assert offset_changes_at("Europe/London", datetime(2027, 3, 28, 1, tzinfo=UTC)) == datetime(
        2027, 10, 31, 1, tzinfo=UTC
    )
    assert offset_changes_at("UTC", now) is None
