"""A fleet at one edge, through the real handlers, in every kind of storm (see ``rush``)."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from benchmarks.edge_model import edge
from driveway.domain.twin import Control, Observed, Twin
from driveway.runtime.http_api import Request
from driveway.status.asset import asset_answer
from driveway.status.timeline import timeline_body
from driveway.values import replace
from tests.support.domain.control_car import axle_profile
from tests.world.car_maker import Commanded, burst_s, lateness_s
from tests.world.rush import EDGE, Rush, Setting, rush

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
PACED = {"EnodeCallsPerSecond": "10"}


def taken(run: Rush, provider: str = "enode") -> list[Commanded]:
    """The commands that a car maker did not refuse, in order of time."""
    return sorted((call for call in run.maker.calls[provider] if call.status == 200), key=lambda call: call.at)


def twice(run: Rush, provider: str = "enode") -> int:
    """How many cars got the same command twice."""
    return sum(count > 1 for count in Counter((call.vehicle_id, call.action) for call in taken(run, provider)).values())


def wrong(run: Rush) -> list[str]:
    """What must not be there after any storm: dead letters and failed runs."""
    failed = [line for line in run.log.getvalue().splitlines() if '"level":"ERROR"' in line]
    return [*map(str, run.cloud.dead_letters()), *failed]


def firsts(calls: list[Commanded]) -> list[Commanded]:
    """The first call for each car, in order of time."""
    found: dict[str, Commanded] = {}
    for call in sorted(calls, key=lambda call: call.at):
        found.setdefault(call.vehicle_id, call)
    return list(found.values())


def everybody(run: Rush, rule: Callable[[Twin], Twin], every: int = 1) -> None:
    """Change every twin, or every n-th."""
    runtime = run.runtime("ChargeControlFunction")
    for number in range(0, run.setting.cars["enode"], every):
        runtime.table.change_twin(f"enode-{number:06d}", rule, now=run.clock.now())


def test_a_thousand_cars_get_their_start_within_a_second_as_modelled(
    record_property: Callable[[str, object], None],
) -> None:
    with rush(Setting(cars={"enode": 1000})) as run:
        run.run_until(EDGE + 3 * MINUTE)
    late = lateness_s(taken(run), EDGE)
    record_property("outcome", f"1,000 cars at one edge: half within {late[500]:.1f} s, all within {late[-1]:.1f} s")
    assert len(late) == 1000
    assert (twice(run), late[0] >= 0) == (0, True)
    assert late[500] <= 1.0
    assert late[-1] <= 1.0
    assert late[-1] == pytest.approx(edge(1000, 0.5, None).last_s, abs=0.3), "docs/scale.md has the model's figures"
    assert not wrong(run)


def test_one_car_at_an_edge_is_met_to_the_second() -> None:
    with rush(Setting(cars={"enode": 1})) as run:
        run.run_until(EDGE + MINUTE)
    (late,) = lateness_s(taken(run), EDGE)
    assert 0 <= late <= 1.0
    assert not wrong(run)


def test_a_fleet_beyond_its_rate_is_commanded_at_that_rate_and_no_car_twice() -> None:
    with rush(Setting(cars={"enode": 300}, per_s={"enode": 10}, parameters=PACED)) as run:
        run.run_until(EDGE + 2 * MINUTE)
    late = lateness_s(taken(run), EDGE)
    assert len(late) == 300
    assert twice(run) == 0
    assert late[-1] <= 300 / 10 * 1.1 + 2
    assert sum(call.status == 429 for call in run.maker.calls["enode"]) == 0
    assert not wrong(run)


def test_cars_that_report_nothing_are_looked_at_and_started_again_within_the_rate() -> None:
    with rush(
        Setting({"enode": 60}, per_s={"enode": 2}, parameters={"EnodeCallsPerSecond": "2"}, reports_after_s=None)
    ) as run:
        run.run_until(EDGE + 25 * MINUTE)
    calls = run.maker.calls["enode"]
    kinds = Counter((call.vehicle_id, call.action) for call in calls)
    assert {
        kinds[first.vehicle_id, "LOOK"] >= 1 and kinds[first.vehicle_id, "START"] >= 2 for first in firsts(calls)
    } == {True}
    assert {call.status for call in calls} == {200}
    assert burst_s(calls, 2) <= 1.0
    assert not wrong(run)


def test_every_car_gets_its_first_start_before_one_that_reports_nothing_gets_its_second() -> None:
    cars, per_s = 110, 0.1
    setting = Setting({"enode": cars}, parameters={"EnodeCallsPerSecond": str(per_s)}, reports_after_s=None)
    with rush(setting) as run:
        run.run_until(EDGE + 25 * MINUTE)
    calls = sorted(run.maker.calls["enode"], key=lambda call: call.at)
    first = firsts(calls)
    assert len(first) == cars
    assert first[-1].at > EDGE + 16 * MINUTE, "the first starts take longer than a start has to be confirmed"
    assert calls[:cars] == first
    assert len(calls) > cars + 10
    assert burst_s(calls, per_s) <= 1.0
    assert not wrong(run)


def test_a_car_that_waits_long_for_the_rate_shows_it_and_is_announced_once() -> None:
    with rush(Setting(cars={"enode": 200}, parameters={"EnodeCallsPerSecond": "1"})) as run:
        run.run_until(EDGE + 30 * SECOND)
        waiting = [twin for twin in run.twins() if twin.control.command and twin.control.command.provider_retry_at]
        queued = len(run.cloud.queues()["EnodeCommandsQueue"].messages)
        run.run_until(EDGE + 5 * MINUTE)
    late = lateness_s(taken(run), EDGE)
    assert len(late) == 200
    assert twice(run) == 0
    assert late[-1] <= 230
    assert len(waiting) >= 30
    assert queued <= 200
    assert "CommandsWaiting" in run.log.getvalue()
    assert not wrong(run)


def test_a_car_that_was_not_reached_says_so_on_the_asset_and_in_its_timeline() -> None:
    with rush(Setting(cars={"enode": 200}, parameters={"EnodeCallsPerSecond": "1"})) as run:
        run.run_until(EDGE + 30 * SECOND)
        runtime, reached = run.runtime("StatusFunction"), {call.vehicle_id for call in taken(run)}
        waiting = [twin for twin in run.twins() if twin.control.command and twin.control.command.provider_retry_at]
        assert len(waiting) >= 30
        for twin in waiting:
            asset, held_back = twin.link.asset, asset_answer(twin, runtime).held_back
            assert asset not in reached
            assert held_back is not None
            assert held_back.reason == "REQUEST_RATE_REACHED"
            assert held_back.until is not None
            assert held_back.until > run.clock.now()
            assert "only so many requests" in held_back.text
            request = Request("GET /assets/{asset}/timeline", {"asset": asset}, {}, {}, b"", "request")
            entries = timeline_body(request, runtime).entries
            put_off = [one for one in entries if one.event == "CommandPutOff"]
            assert [one.reason for one in put_off] == ["REQUEST_RATE_REACHED"], entries
        run.run_until(EDGE + 5 * MINUTE)
        left = [asset_answer(twin, runtime).held_back for twin in run.twins()]
    assert not any(one and one.reason == "REQUEST_RATE_REACHED" for one in left), "all were reached"


def test_cars_that_stop_at_an_edge_go_before_those_that_start_at_it() -> None:
    with rush(Setting(cars={"enode": 300}, per_s={"enode": 10}, parameters=PACED)) as run:
        began = EDGE - 4 * 60 * MINUTE
        profile = axle_profile(began, (240, 7.4), (120, 0.0))
        started = Control(last_start_at=began, last_acknowledged_action="start", last_acknowledged_at=began)

        def charging(twin: Twin) -> Twin:
            presence = replace(twin.presence, charging=Observed(value=True, at=began))
            return replace(twin, profiles=(profile,), control=started, presence=presence)

        everybody(run, charging, every=5)
        run.run_until(EDGE + MINUTE)
    stops = [call for call in taken(run) if call.action == "STOP"]
    starts = [call for call in taken(run) if call.action == "START"]
    assert len({call.vehicle_id for call in stops}) == 60
    assert len(starts) == 240
    assert stops[-1].at <= EDGE + 60 / 10 * 1.2 * SECOND + 3 * SECOND
    assert sum(call.at < stops[-1].at for call in starts) <= 25
    assert not wrong(run)


def test_a_slow_car_maker_does_not_hold_up_another() -> None:
    cars, few = {"enode": 300, "ocpp": 60}, {"EnodeConcurrency": "2", "OcppConcurrency": "2"}
    with rush(Setting(cars=cars, latency_s={"enode": 20.0}, parameters=few)) as run:
        run.run_until(EDGE + 2 * MINUTE)
    slow, other = (lateness_s(taken(run, name), EDGE) for name in cars)
    assert [len(slow), len(other)] == [300, 60]
    assert slow[-1] > 20.0, "two senders hold two hundred commands, so the others wait"
    assert 0 <= other[0] <= other[-1] <= 2.0
    assert twice(run) == 0
    assert not wrong(run)


@pytest.mark.parametrize("retry_after_s", [None, 5.0])
def test_a_car_maker_that_refuses_for_our_rate_is_left_alone_and_no_car_loses_its_start(
    retry_after_s: float | None,
) -> None:
    with rush(Setting(cars={"enode": 100}, per_s={"enode": 10}, retry_after_s=retry_after_s)) as run:
        run.run_until(EDGE + 10 * MINUTE)
        attempts = [twin.control.command.attempts for twin in run.twins() if twin.control.command]
    assert len(lateness_s(taken(run), EDGE)) == 100
    assert twice(run) == 0
    assert set(attempts) == {1}
    assert len(run.maker.calls["enode"]) <= 400
    assert not wrong(run)


def test_an_outage_of_one_car_maker_leaves_the_others_edge_alone_and_ends_with_every_car_started() -> None:
    with rush(Setting(cars={"enode": 60, "ocpp": 60})) as run:
        run.maker.down["enode"] = (EDGE - MINUTE, EDGE + 11 * MINUTE)
        run.run_until(EDGE + 20 * MINUTE)
    other = lateness_s(taken(run, "ocpp"), EDGE)
    assert len(other) == 60
    assert 0 <= other[0] <= other[-1] <= 2.0
    assert len(lateness_s(taken(run), EDGE)) == 60
    assert twice(run) == 0
    asked = [call for call in run.maker.calls["enode"] if call.status == 503]
    assert len(asked) < 60 * 3
    assert not wrong(run)


def test_a_new_plan_for_all_cars_in_the_storm_counts_at_once() -> None:
    with rush(Setting(cars={"enode": 200}, per_s={"enode": 10}, parameters=PACED)) as run:
        replanned = EDGE + 10 * SECOND
        profile = axle_profile(replanned, (60, 0.0), (120, 7.4))
        run.at(replanned, lambda: everybody(run, lambda twin: replace(twin, profiles=(profile,))))
        run.run_until(EDGE + 2 * MINUTE)
    late_starts = [call for call in taken(run) if call.action == "START" and call.at > replanned + 3 * SECOND]
    assert not late_starts
    assert not wrong(run)


def test_an_opt_out_in_the_storm_releases_its_cars_before_the_others_are_started() -> None:
    with rush(Setting(cars={"enode": 400}, per_s={"enode": 10}, parameters=PACED)) as run:
        left = EDGE + 5 * SECOND

        def rule(twin: Twin) -> Twin:
            return replace(twin, link=replace(twin.link, enrolled=False))

        run.at(left, lambda: everybody(run, rule, every=8))
        run.run_until(EDGE + 90 * SECOND)
    started = {call.vehicle_id: call.at for call in taken(run)}
    opted_out = [at for name, at in started.items() if int(name.split("-")[1]) % 8 == 0]
    assert len(opted_out) == 50
    assert max(opted_out) <= left + 12 * SECOND
    # Those whose start was sent before, and is not confirmed, are released as well.
    before = {call.vehicle_id for call in taken(run) if call.at < left}
    calls = Counter(call.vehicle_id for call in taken(run))
    assert {name for name, count in calls.items() if count > 1} <= {
        name for name in before if int(name.split("-")[1]) % 8 == 0
    }
    assert max(calls.values()) <= 2
    assert not wrong(run)
