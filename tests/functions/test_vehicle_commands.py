"""Commands through the function that sends them, with the simulated car makers as real HTTP servers."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from driveway.domain.control.breaker import BreakerRules
from driveway.domain.twin import Home, Tariff, Twin, Vehicle, Window
from driveway.runtime.settings import Settings
from driveway.store.breakers import Breakers
from driveway.vehicles.registry import capabilities
from simulators.cars.app import build_app
from simulators.cars.simulator import CarSimulator
from simulators.common import running
from tests.support.functions.assets import a_twin, heard, keep_refresh_token, place, plugged_in, set_secret
from tests.support.functions.rig import NOW, Rig, function
from tests.support.functions.schedule_calls import ROUTE, profile
from tests.support.vehicles.car_rig import Receiver, SteppedClock
from tests.support.vehicles.car_rig import Rig as CarRig

CLIENT = {"client_id": "client-id", "client_secret": "client-secret"}
TOKEN_PATHS = {"enode": "/oauth2/token", "smartcar": "/oauth2/token", "tesla": "/oauth2/v3/token"}
HOURS_AGO = NOW - timedelta(hours=1)


@pytest.fixture
def car_server(rig: Rig) -> Iterator[tuple[CarSimulator, str]]:
    """The car makers, on the clock of the stage; new, because their time never goes back."""
    simulator = CarSimulator(rig.clock)
    with running(build_app(simulator)) as url:
        yield simulator, url
    simulator.stop()


class Stage:
    """A stage with its car makers: ``run`` lets time pass minute by minute, and everything happen that is due."""

    def __init__(self, rig: Rig, simulator: CarSimulator, url: str) -> None:
        clock = SteppedClock(NOW)
        self.rig, self.cars = rig, CarRig(url, simulator, clock, Receiver(clock), "")
        self.delivered = 0
        environ = dict(rig.runtime.settings.environ) | {f"{p.upper()}_BASE_URL": f"{url}/{p}" for p in ALL}
        environ |= {f"{p.upper()}_TOKEN_URL": f"{url}/{p}{path}" for p, path in TOKEN_PATHS.items()}
        rig.runtime.settings = Settings(environ)
        set_secret(rig, "PROVIDERS_SECRET", {**dict.fromkeys(TOKEN_PATHS, CLIENT), "ocpp": {"token": "ocpp-token"}})
        self.cars.ok("POST", "/_sim/reset", {"settings": True})
        self.cars.configure("smartcar", hold_open_s=0)
        self.break_nothing()

    def park(self, provider: str, *, number: int = 1, **spec: Any) -> Twin:
        """A car (or charger) that is plugged in at home, at the car maker and on the stage."""
        vehicle_id, asset = f"5YJ3000000000000{number}", f"car-{number}"
        self.cars.car(provider, vehicle_id=vehicle_id, **spec)
        self.cars.do("plug-in", vehicle_id)
        vehicle = Vehicle(provider, vehicle_id, user_id=f"user-{number}", capabilities=capabilities(provider))
        twin = a_twin(HOURS_AGO, asset=asset, axle_asset_id=f"axle-{asset}", vehicle=vehicle)
        twin = heard(plugged_in(twin, HOURS_AGO), NOW)
        place(self.rig, twin)
        if provider == "tesla":
            keep_refresh_token(self.rig, f"user-{number}", "refresh-1")
        return twin

    def break_service(self, provider: str, **fault: Any) -> None:
        self.cars.ok("POST", "/_sim/faults", {"path": f"^/{provider}/", **fault})

    def break_nothing(self) -> None:
        self.cars.call("DELETE", "/_sim/faults")

    def hits(self) -> int:
        return sum(fault["hits"] for fault in self.cars.ok("GET", "/_sim/faults"))

    def truth(self, number: int = 1) -> dict[str, Any]:
        return self.cars.truth(f"5YJ3000000000000{number}")

    def settle(self) -> None:
        """Let charge control look and its commands be sent, until nothing is left to do now. Axle is not told."""
        for _ in range(20):
            self.rig.publish()
            new = self.rig.bus.events[self.delivered :]
            self.delivered = len(self.rig.bus.events)
            for kind, detail in new:
                if kind == "ChargingCommand":
                    self.send(detail)
                elif kind == "TwinChanged" and "control" in detail["reconcile"]:
                    self.rig.look("control", detail["asset"])
            if not new:
                return
        raise AssertionError("the stage does not come to rest")

    def send(self, detail: dict[str, Any]) -> None:
        record = {"messageId": "1", "body": json.dumps(detail), "eventSource": "aws:sqs"}
        assert function("vehicle_commands").handler({"Records": [record]}, None) == {"batchItemFailures": []}

    def run(self, minutes: int) -> None:
        for _ in range(minutes):
            self.rig.clock.move(minutes=1)
            for asset, _ in list(self.rig.runtime.table.due("ControlDue", self.rig.clock.now())):
                self.rig.look("control", asset)
            self.settle()

    def see(self, number: int = 1) -> None:
        """Report what the car shows, as the app's own telematics would."""
        shown = {"at": self.rig.clock.now().isoformat(), "plugged_in": self.truth(number)["plugged"]}
        body = {"observations": [shown | {"charging": self.truth(number)["charging"]}]}
        answer = self.rig.serve("vehicle_events", "POST /assets/{asset}/observations", body, asset=f"car-{number}")
        assert answer.status == 202
        self.settle()

    def shown(self, number: int = 1) -> Any:
        return self.rig.serve("status", "GET /assets/{asset}", asset=f"car-{number}").body

    def reasons(self, event: str, number: int = 1) -> list[str]:
        answer = self.rig.serve("status", "GET /assets/{asset}/timeline", asset=f"car-{number}")
        return [entry["reason"] for entry in answer.body["entries"] if entry["event"] == event]


def counted(capfd: pytest.CaptureFixture[str]) -> list[tuple[str, dict[str, float]]]:
    """The metrics written since the last call: provider and values by name, each line held to its declaration."""
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"_aws"' in line]
    found = []
    for line in told:
        (declared,) = line["_aws"]["CloudWatchMetrics"]
        assert [sorted(names) for names in declared["Dimensions"]] == [["provider", "service", "stage"]]
        assert (declared["Namespace"], line["service"], line["stage"]) == ("Driveway", "driveway", "test")
        found.append((line["provider"], {one["Name"]: line[one["Name"]][0] for one in declared["Metrics"]}))
    return found


ALL = ("enode", "smartcar", "tesla", "ocpp")


@pytest.fixture
def stage(rig: Rig, car_server: tuple[CarSimulator, str]) -> Iterator[Stage]:
    made = Stage(rig, *car_server)
    # The logger keeps the output that it was made with, and a test that captures the output closes its own.
    _ = rig.runtime.logger
    yield made
    made.break_nothing()
    made.cars.http.close()


def boost(stage: Stage, number: int = 1) -> None:
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
        boost(stage, number)


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
    boost(stage)
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
    boost(stage)
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
    assert stage.truth()["schedules"] == []
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
    boost(stage)
    assert "WAKE_BUDGET_SPENT" in stage.reasons("CommandRefused")
    assert "wake_up" not in [command["command"] for command in stage.truth()["commands"]]


def test_a_refused_account_asks_the_driver_once(stage: Stage) -> None:
    stage.park("enode", auto_start=False)
    stage.break_service("enode/vehicles", status=403)
    boost(stage)
    stage.run(3)
    told = [detail["reason"] for kind, detail in stage.rig.bus.events if kind == "NeedsAttention"]
    assert told.count("PROVIDER_NEEDS_USER") == 1
    assert stage.shown()["needs_user"]


@pytest.mark.parametrize("provider", ALL)
def test_a_charge_now_starts_a_held_car_of_every_kind(stage: Stage, provider: str) -> None:
    stage.park(provider, auto_start=provider == "ocpp")
    stage.rig.look("control", "car-1")
    stage.settle()
    stage.run(1)
    assert not stage.truth()["charging"], "held at peak"
    boost(stage)
    stage.run(1)
    assert stage.truth()["charging"]


def amps_set(stage: Stage) -> list[float]:
    """The charging currents that the car was told, refused ones too."""
    told = stage.truth()["commands"]
    return [one["params"]["charging_amps"] for one in told if one["command"] == "set_charging_amps"]


def limit(stage: Stage, limit_kw: float) -> None:
    """Let Axle's schedule charge the car at a limit from now on."""
    limited = profile([(0, limit_kw * 1000)], startSchedule=stage.rig.clock.now().isoformat())
    answer = stage.rig.serve("schedules", f"POST {ROUTE}", limited, scope="axle", axle_asset_id="axle-car-1")
    assert answer.status == 200
    stage.settle()


def test_a_tesla_that_was_never_limited_keeps_the_current_that_its_driver_chose(stage: Stage) -> None:
    stage.park("tesla", auto_start=False)
    stage.break_service("tesla/.*/charge_start", status=540)
    boost(stage)
    stage.run(3)
    stage.break_nothing()
    stage.run(5)
    assert stage.truth()["charging"]
    assert [one["command"] for one in stage.truth()["commands"]].count("charge_start") > 0
    assert amps_set(stage) == []


def test_a_limit_is_taken_back_from_a_tesla_once(stage: Stage) -> None:
    stage.park("tesla", auto_start=False)
    limit(stage, 3.68)
    assert amps_set(stage) == [16]
    stage.see()
    boost(stage)
    assert amps_set(stage) == [16, 32]
    assert stage.rig.twin("car-1").control.last_limit_kw is None


def test_a_limit_of_a_start_that_the_car_did_not_answer_is_taken_back_from_a_tesla(stage: Stage) -> None:
    stage.park("tesla", auto_start=False)
    stage.break_service("tesla/.*/charge_start", status=540)
    limit(stage, 3.68)
    assert amps_set(stage) == [16]
    stage.break_nothing()
    boost(stage)
    assert amps_set(stage) == [16, 32]
