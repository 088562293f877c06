"""Commands through the function that sends them, with the simulated car makers as real HTTP servers."""

import json
from datetime import datetime

import pytest

from driveway.domain.control.breaker import BreakerRules
from driveway.domain.twin import Home, Tariff, Window
from driveway.store.breakers import Breakers
from driveway.values import replace
from tests.support.functions.rig import NOW
from tests.support.functions.stage import ALL, Stage


def counted(capfd: pytest.CaptureFixture[str]) -> list[tuple[str, dict[str, float]]]:
    """The metrics of providers written since the last call: values by name, each line held to its declaration."""
    written = (json.loads(line) for line in capfd.readouterr().out.splitlines() if '"_aws"' in line)
    lines = [line for line in written if "provider" in line]
    found = []
    for line in lines:
        (declared,) = line["_aws"]["CloudWatchMetrics"]
        assert [sorted(names) for names in declared["Dimensions"]] == [["provider", "service", "stage"]]
        assert (declared["Namespace"], line["service"], line["stage"]) == ("Driveway", "driveway", "test")
        found.append((line["provider"], {one["Name"]: line[one["Name"]][0] for one in declared["Metrics"]}))
    return found


def charge_now(stage: Stage, number: int = 1) -> None:
    body = {"for_minutes": 600}
    answer = stage.rig.serve("preferences", "PUT /assets/{asset}/charge-now", body, asset=f"car-{number}")
    assert answer.status < 300
    stage.settle()


def outage(stage: Stage, provider: str = "enode", *, cars: int = 3, status: int = 503) -> None:
    """Cars that are to charge at once, all at a car maker that is out; its breaker opens before the last is sent."""
    runtime = stage.rig.runtime
    runtime.breakers = Breakers(runtime.records, BreakerRules(failures_to_open=cars - 1), rng=runtime.random)
    for number in range(1, cars + 1):
        stage.park(provider, number=number, auto_start=False)
    stage.break_service(provider, status=status)
    for number in range(1, cars + 1):
        charge_now(stage, number)


def test_a_car_maker_that_is_out_is_spared_and_its_cars_lose_no_attempt(stage: Stage) -> None:
    outage(stage)
    assert stage.reasons("CommandPutOff", 3) == ["PROVIDER_BREAKER_OPEN"]
    held_back = stage.shown(3)["held_back"]
    assert held_back["reason"] == "PROVIDER_BREAKER_OPEN"
    control = stage.rig.twin("car-3").control
    assert (control.commands_today, control.failures) == (0, 0)
    before = stage.hits()
    stage.run(5)
    assert stage.hits() - before < 20, "a probe a pause, not a call a car"
    assert stage.rig.twin("car-3").control.commands_today <= 4


def test_an_unpaid_account_stops_all_its_cars_and_asks_no_driver(stage: Stage) -> None:
    outage(stage, "smartcar", status=430)
    assert stage.reasons("CommandPutOff", 3) == ["PROVIDER_BREAKER_OPEN"]
    assert "NeedsAttention" not in [kind for kind, _ in stage.rig.bus.events]


def test_once_a_car_maker_is_back_every_car_charges(stage: Stage) -> None:
    outage(stage)
    stage.run(2)
    stage.break_nothing()
    stage.run(8)
    assert [stage.truth(number)["charging"] for number in range(1, 4)] == [True] * 3
    for number in range(1, 4):
        stage.see(number)
        assert stage.shown(number)["command"]["state"] == "confirmed"


@pytest.mark.parametrize(
    ("provider", "status", "metric"),
    [
        ("enode", None, "CommandsAccepted"),
        ("tesla", None, "CommandsAccepted"),
        ("enode", 403, "CommandsNeedingUser"),
        ("enode", 422, "CommandsFailed"),
        ("smartcar", 501, "CommandsUnsupported"),
        ("smartcar", 409, "CommandsToRetry"),
        ("smartcar", 430, "CommandsUnavailable"),
        ("tesla", 402, "CommandsUnavailable"),
        ("ocpp", 500, "CommandsUnavailable"),
    ],
)
def test_a_command_is_counted_once_by_its_provider_and_what_became_of_it(
    stage: Stage, capfd: pytest.CaptureFixture[str], provider: str, status: int | None, metric: str
) -> None:
    stage.park(provider, auto_start=False)
    add_home(stage)
    if status is not None:
        stage.break_service(f"{provider}/.*(vehicles|chargers)", status=status)
    charge_now(stage)
    made = stage.reasons("CommandSent")
    assert counted(capfd) == [(provider, {metric: 1})] * len(made)
    assert made


def test_a_car_maker_that_is_out_is_counted_also_while_it_is_spared(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    outage(stage)
    assert counted(capfd) == [("enode", {"CommandsUnavailable": 1})] * 3
    stage.run(5)
    assert len(counted(capfd)) >= 5, "enough for its alarm, with three cars that wait"


def test_one_command_delivered_twice_is_sent_once(stage: Stage) -> None:
    stage.park("enode", auto_start=False)
    charge_now(stage)
    (detail,) = [detail for kind, detail in stage.rig.bus.events if kind == "ChargingCommand"]
    stage.rig.clock.move(minutes=2)
    stage.send(detail)
    assert [command["command"] for command in stage.truth()["commands"]].count("START") == 1


@pytest.mark.parametrize("provider", ["tesla", "ocpp"])
def test_the_default_schedule_is_installed_renewed_and_removed(stage: Stage, provider: str) -> None:
    stage.park(provider)
    if provider == "tesla":
        add_home(stage)
    stage.rig.look("control", "car-1")
    stage.settle()
    first = stage.truth()["schedules"]
    assert first
    tariff = Tariff((Window(60, 300),), "Europe/London")
    stage.rig.change("car-1", lambda twin: replace(twin, tariff=tariff))
    stage.settle()
    assert stage.truth()["schedules"] not in ([], first)
    stage.rig.change("car-1", lambda twin: replace(twin, link=replace(twin.link, enrolled=False)))
    stage.settle()
    stage.run(1)
    left = [kept for kept in stage.truth()["schedules"] if kept.get("profile", {}).get("purpose") != "TxProfile"]
    assert left == [], "a running transaction keeps its profile without a limit until it ends"
    assert stage.truth()["charging"], "it is left able to charge"


def add_home(stage: Stage) -> None:
    home = Home(51.5034, -0.1276)
    stage.rig.change("car-1", lambda twin: replace(twin, link=replace(twin.link, home=home)))


def test_a_default_schedule_that_failed_is_installed_later(stage: Stage) -> None:
    stage.park("ocpp")
    stage.break_service("ocpp", status=409)
    stage.rig.look("control", "car-1")
    stage.settle()
    assert stage.truth()["schedules"] == []
    stage.break_nothing()
    stage.run(12)
    assert stage.rig.twin("car-1").control.default_schedule is not None
    assert stage.truth()["schedules"]


def test_a_charger_that_lost_us_charges_off_peak_by_itself(stage: Stage) -> None:
    stage.park("ocpp", soc_pct=10)
    stage.rig.look("control", "car-1")
    stage.settle()
    stage.rig.clock.move(days=1, hours=18)
    changes = stage.truth()["transitions"][-2:]
    edges = [datetime.fromisoformat(str(change["at"])).strftime("%H:%M") for change in changes]
    assert edges == ["23:30", "05:30"]


def test_a_car_out_of_wakes_says_so(stage: Stage) -> None:
    stage.park("tesla", auto_start=False, asleep=True)
    spent = {"budget_day": NOW.date().isoformat(), "wakes_today": 4}
    stage.rig.change("car-1", lambda twin: replace(twin, control=replace(twin.control, **spent)))
    charge_now(stage)
    assert "WAKE_BUDGET_SPENT" in stage.reasons("CommandRefused")
    assert "wake_up" not in [command["command"] for command in stage.truth()["commands"]]


def test_a_refused_account_asks_the_driver_once(stage: Stage) -> None:
    stage.park("enode", auto_start=False)
    stage.break_service("enode/vehicles", status=403)
    charge_now(stage)
    stage.run(3)
    reasons = [detail["reason"] for kind, detail in stage.rig.bus.events if kind == "NeedsAttention"]
    assert reasons.count("PROVIDER_NEEDS_USER") == 1
    assert stage.shown()["needs_user"]


@pytest.mark.parametrize("provider", ALL)
def test_a_charge_now_starts_a_held_car_of_every_kind(stage: Stage, provider: str) -> None:
    stage.park(provider, auto_start=provider == "ocpp")
    stage.rig.look("control", "car-1")
    stage.settle()
    stage.run(1)
    assert not stage.truth()["charging"], "held at peak"
    charge_now(stage)
    stage.run(1)
    assert stage.truth()["charging"]
