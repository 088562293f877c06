"""The typical situations of every handler, by name: the stage, what happens, and the function that it happens to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from simulators.axle.documented import scenario_profile
from tests.world.homes import Home
from tests.world.stages import HELD_UNTIL, Stage
from tests.world.world import START

Act = Callable[[Stage, Home], object]


@dataclass(frozen=True)
class Situation:
    """``prepare`` makes the stage and gives the home that ``act`` happens to.

    Faults happen to the first run of ``function`` after that, or the one with the number ``nth``, counted from 0; if
    ``about`` is given, among those that have it in one of their calls.
    """

    name: str
    function: str
    prepare: Callable[[Stage], Home]
    act: Act
    about: str = ""
    app_webhook: bool = False
    nth: int = 0


def ask(method: str, path: str, body: Any = None, expected: frozenset[int] = frozenset()) -> Act:
    """The app asks; ``{site}`` and ``{asset}`` stand for the home's paths."""
    return lambda stage, home: stage.app.ask(
        method, path.format(site=f"/sites/{home.site}", asset=f"/assets/{home.asset}"), body, expected=expected
    )


def _joins(**changes: Any) -> Act:
    return lambda stage, home: stage.app.ask("PUT", f"/sites/{home.site}", home.body(stage.token(home), **changes))


def moves(move: str) -> Act:
    """The car is moved."""
    return lambda stage, home: stage.world.move(home.vehicle_id, move)


def _nothing(stage: Stage, home: Home) -> None:
    """Time does it."""


def _before_edge(stage: Stage) -> Home:
    made = stage.held()
    stage.until(HELD_UNTIL - timedelta(seconds=20))
    return made


def _before_plan(stage: Stage) -> Home:
    made = stage.held()
    stage.until(HELD_UNTIL - timedelta(seconds=130))
    return made


def _before_edge_at(provider: str) -> Callable[[Stage], Home]:
    def prepare(stage: Stage) -> Home:
        made = stage.held(provider)
        stage.until(HELD_UNTIL - timedelta(seconds=20))
        return made

    return prepare


def _reports_changes_only(stage: Stage) -> Home:
    """A car whose cloud reports a change once and says nothing more: no later report mends a lost one."""
    stage.world.simulated("POST", "/config", {"enode": {"sample_every_s": 0}})
    return stage.onboarded()


def _held_and_refused(server: str, path: str, requests: int) -> Callable[[Stage], Home]:
    """A held car, and a server that cannot answer so many requests from now on."""

    def prepare(stage: Stage) -> Home:
        made = stage.held()
        fault = {"path": path, "status": 503, "count": requests}
        stage.world.session.post(f"http://{server}.test/_sim/faults", json=fault).raise_for_status()
        return made

    return prepare


def before_report(stage: Stage) -> Home:
    """A car that charges, just before readings are reported."""
    made = stage.charging()
    stage.until(HELD_UNTIL + timedelta(minutes=40, seconds=30))
    return made


def _before_the_day_is_judged(stage: Stage) -> Home:
    """A car that charged at night, just before its day is checked for completeness."""
    made = stage.held()
    stage.until(START + timedelta(hours=16, minutes=10, seconds=30))
    return made


def reports(stage: Stage, home: Home) -> None:
    """The app reports what it sees of the car, beside the car maker's webhooks."""
    seen = {"at": stage.world.clock.now().isoformat(), "soc_pct": 33, "power_kw": 0.0}
    stage.app.ask(
        "POST", f"/assets/{home.asset}/observations", {"observations": [seen]}, expected=frozenset({404, 409})
    )


def _at_axle(stage: Stage, path: str, body: Mapping[str, Any] | None = None) -> None:
    answer = stage.world.session.post(f"http://axle.test/_sim/{path}", json=body)
    if answer.status_code != 404:
        answer.raise_for_status()


def issue(mode: str, **changes: Any) -> Act:
    """Axle sends a schedule in one of its forms, but none for a home that it erased; ``changes`` are of its profile."""

    def act(stage: Stage, home: Home) -> None:
        profile = scenario_profile(start="2026-01-15T20:00:00+00:00") | changes
        body = {"profile": profile, "mode": mode}
        _at_axle(stage, f"assets/{home.asset}/issue", body)

    return act


def clear(stage: Stage, home: Home) -> None:
    """Axle clears its schedules."""
    _at_axle(stage, f"assets/{home.asset}/clear")


def _charges_now(stage: Stage) -> Home:
    made = stage.held()
    stage.app.ask("PUT", f"/assets/{made.asset}/charge-now", {"for_minutes": 60})
    stage.passes(minutes=5)
    return made


def _two_cars(stage: Stage) -> Home:
    stage.onboarded(number=2, auto_start=True)
    return stage.onboarded(auto_start=True)


def _both_plug_in(stage: Stage, home: Home) -> None:
    for one in stage.homes.values():
        stage.world.move(one.vehicle_id, "plug-in")


def _reports_at_once(stage: Stage, home: Home) -> None:
    """The car plugs in, and its cloud sends a dozen reports in one webhook."""
    stage.world.move(home.vehicle_id, "plug-in")
    for _ in range(12):
        stage.world.move(home.vehicle_id, "report")


def _swap(stage: Stage, home: Home) -> None:
    other = stage.car("enode", 3)
    vehicle = other.body()["assets"][0]["vehicle"]
    stage.app.ask("PUT", f"/sites/{home.site}", home.body(vehicle=vehicle))


def _add(stage: Stage, home: Home) -> None:
    body, other = home.body(), stage.car("enode", 3)
    body["assets"] += other.body()["assets"]
    stage.app.ask("PUT", f"/sites/{home.site}", body)


def operator(state: str) -> Act:
    """An operator uses the switch for every car."""

    def act(stage: Stage, home: Home) -> None:
        stage.world.switched = True
        stage.app.ask("PUT", "/control", {"state": state}, operator=True)

    return act


def _released(stage: Stage) -> Home:
    made = stage.held()
    operator("released")(stage, made)
    stage.passes(minutes=5)
    return made


def _charges_now_for_seconds(stage: Stage, home: Home) -> None:
    stage.app.ask("PUT", f"/assets/{home.asset}/charge-now", {"for_minutes": 200})
    stage.passes(seconds=2)
    stage.app.ask("DELETE", f"/assets/{home.asset}/charge-now")


def _before_verdict(stage: Stage) -> Home:
    """A test charge whose car obeys each command after a minute: it charges, and its stop is under way."""
    made = stage.held(command_delay_s=60)
    TEST_CHARGE(stage, made)
    stage.passes(seconds=100)
    return made


def _asked_to_connect(stage: Stage) -> Home:
    """A home whose driver has a page to connect a new car at Enode, and has not opened it."""
    made = stage.car(linked=False)
    stage.app.ask("POST", f"/sites/{made.site}/connections", _new_car(made))
    stage.passes(minutes=1)
    return made


def _asked_to_connect_a_tesla(stage: Stage) -> Home:
    made = stage.car("tesla")
    stage.app.ask("POST", f"/sites/{made.site}/connections", {"provider": "tesla", "return_url": RETURN_URL})
    return made


def _new_car(one: Home) -> dict[str, Any]:
    return {"provider": "enode", "user_id": one.user_id, "return_url": RETURN_URL, "state": "chosen-by-the-app"}


def _asks_for_a_page(stage: Stage, home: Home) -> None:
    stage.app.ask("POST", f"/sites/{home.site}/connections", _new_car(home))


def _driver_opens_page(stage: Stage, home: Home) -> None:
    """The driver opens the page, and Enode reports the car."""
    (made,) = stage.world.request("GET", f"/sites/{home.site}/connections").json()["connections"]
    page = f"http://cars.test{urlsplit(made['url']).path}"
    stage.world.session.get(page, allow_redirects=False).raise_for_status()


RETURN_URL = "https://app.example/connected"
TEST_CHARGE = ask("POST", "{asset}/test-charge")
TARIFF = {"off_peak": [{"start": "01:00", "end": "06:00"}], "timezone": "Europe/London"}
INTENT = {"kwh": 12, "ready_by": "06:30"}
ELIGIBILITY = {
    "mpan": "1200001234566",
    "postcode": "SW1A 1AA",
    "assets": [{"type": "electric_vehicle", "asset_model": "axle_ev_v1"}],
}

_ALL = (
    Situation("onboarding", "OnboardingFunction", lambda s: s.car(), _joins()),
    Situation("onboarding of a charger", "OnboardingFunction", lambda s: s.car("ocpp"), _joins()),
    Situation("onboarding of a Tesla", "OnboardingFunction", lambda s: s.car("tesla"), _joins()),
    Situation("onboarding of a plugged-in car", "OnboardingFunction", lambda s: s.car(), _joins(plugged_in=True)),
    Situation("onboarding repeated", "OnboardingFunction", lambda s: s.held(), _joins()),
    Situation("onboarding with another power", "OnboardingFunction", lambda s: s.held(), _joins(power_kw=11.0)),
    Situation("a car is added", "OnboardingFunction", lambda s: s.held(), _add),
    Situation("a car is swapped", "OnboardingFunction", lambda s: s.held(), _swap),
    Situation("a swap is finished", "AxleSyncFunction", lambda s: s.held(), _swap),
    Situation("opt-out", "OnboardingFunction", lambda s: s.held(), ask("POST", "{site}/unenrol")),
    Situation("opt-out while charging", "OnboardingFunction", lambda s: s.charging(), ask("POST", "{site}/unenrol")),
    Situation("re-join", "OnboardingFunction", lambda s: s.opted_out(), ask("POST", "{site}/enrol", {"rejoin": True})),
    Situation(
        "snooze",
        "OnboardingFunction",
        lambda s: s.held(),
        ask("POST", "{site}/snooze", {"until": "2026-01-16T20:00:00Z"}),
    ),
    Situation("erasure", "OnboardingFunction", lambda s: s.held(), ask("DELETE", "{site}")),
    Situation("erasure of an unplugged car", "OnboardingFunction", lambda s: s.onboarded(), ask("DELETE", "{site}")),
    # An erasure ends in its request if Axle and the car's cloud answer; else site sync finishes it.
    Situation(
        "an erasure is finished",
        "AxleSyncFunction",
        _held_and_refused("axle", "/offboard-site-and-assets", 2),
        ask("DELETE", "{site}"),
    ),
    Situation(
        "an erasure waits for its car",
        "AxleSyncFunction",
        _held_and_refused("cars", "/charging$", 3),
        ask("DELETE", "{site}"),
    ),
    Situation("an erased car is forgotten", "AnnouncerFunction", lambda s: s.onboarded(), ask("DELETE", "{site}")),
    Situation("tariff", "PreferencesFunction", lambda s: s.held(), ask("PUT", "{asset}/tariff", TARIFF)),
    Situation("intent", "PreferencesFunction", lambda s: s.held(), ask("PUT", "{asset}/intent", INTENT)),
    # Asked for by the clock: a repetition would otherwise ask for a later end.
    Situation(
        "charge-now",
        "PreferencesFunction",
        lambda s: s.held(),
        ask("PUT", "{asset}/charge-now", {"until": "2026-01-15T21:15:00Z"}),
    ),
    Situation("charge-now deleted", "PreferencesFunction", _charges_now, ask("DELETE", "{asset}/charge-now")),
    Situation("plug-in", "VehicleEventsFunction", lambda s: s.onboarded(auto_start=True), moves("plug-in")),
    Situation("plug-in that is reported once", "VehicleEventsFunction", _reports_changes_only, moves("plug-in")),
    Situation("plug-in of two cars in a webhook", "VehicleEventsFunction", _two_cars, _both_plug_in),
    Situation("a large batch", "VehicleEventsFunction", lambda s: s.onboarded(auto_start=True), _reports_at_once),
    Situation(
        "a large batch is stored", "VehicleReportsFunction", lambda s: s.onboarded(auto_start=True), _reports_at_once
    ),
    Situation("plug-in at Smartcar", "VehicleEventsFunction", lambda s: s.onboarded("smartcar"), moves("plug-in")),
    Situation("plug-in at Tesla", "VehicleEventsFunction", lambda s: s.onboarded("tesla"), moves("plug-in")),
    Situation("plug-in at a charger", "VehicleEventsFunction", lambda s: s.onboarded("ocpp"), moves("plug-in")),
    Situation("the app reports", "VehicleEventsFunction", lambda s: s.held(), reports),
    Situation("plug-out", "VehicleEventsFunction", lambda s: s.held(), moves("plug-out")),
    Situation("a driver drives off", "VehicleEventsFunction", lambda s: s.charging(), moves("drive-away")),
    Situation("a profile", "SchedulesFunction", lambda s: s.held(), issue("profile")),
    Situation("a profile request", "SchedulesFunction", lambda s: s.held(), issue("set_charging_profile_request")),
    Situation("an envelope", "SchedulesFunction", lambda s: s.held(), issue("envelope")),
    Situation("a clear", "SchedulesFunction", lambda s: s.held(), clear),
    Situation("Axle gets a new car", "AxleSyncFunction", lambda s: s.car(), _joins(), "/event/"),
    Situation("Axle gets a plug-in", "AxleSyncFunction", lambda s: s.onboarded(), moves("plug-in"), "/event/plug-in"),
    Situation("Axle gets a plug-out", "AxleSyncFunction", lambda s: s.charging(), moves("plug-out"), "/event/plug-out"),
    Situation(
        "Axle gets a tariff",
        "AxleSyncFunction",
        lambda s: s.held(),
        ask("PUT", "{asset}/tariff", TARIFF),
        "/event/tariff",
    ),
    Situation(
        "charge-now deleted at once",
        "AxleSyncFunction",
        lambda s: s.held(),
        _charges_now_for_seconds,
        "/event/charge-now",
    ),
    Situation("a stop is planned", "ChargeControlFunction", lambda s: s.onboarded(auto_start=True), moves("plug-in")),
    Situation("a start is planned", "ChargeControlFunction", _before_plan, _nothing),
    Situation("a stop is sent", "VehicleCommandsFunction", lambda s: s.onboarded(auto_start=True), moves("plug-in")),
    Situation("a start is sent", "VehicleCommandsFunction", _before_edge, _nothing),
    Situation("a start comes early", "VehicleCommandsFunction", _before_plan, _nothing),
    Situation("a start at Smartcar", "VehicleCommandsFunction", _before_edge_at("smartcar"), _nothing),
    Situation(
        "a start at Tesla",  # at the edge its own schedule starts it
        "VehicleCommandsFunction",
        lambda s: s.held("tesla"),
        ask("PUT", "{asset}/charge-now", {"for_minutes": 45}),
        "/command/charge_start",
    ),
    Situation("a start at a charger", "VehicleCommandsFunction", _before_edge_at("ocpp"), _nothing),
    Situation("a state read", "VehicleCommandsFunction", lambda s: s.car(), _joins()),
    Situation("readings", "MeterReadingsFunction", before_report, _nothing),
    Situation(
        "a day is judged", "MeterReadingsFunction", _before_the_day_is_judged, _nothing, "update_item ASSET#car-1"
    ),
    Situation("the minute clock", "ClockFunction", _before_edge, _nothing),
    Situation("the announcer", "AnnouncerFunction", lambda s: s.onboarded(auto_start=True), moves("plug-in")),
    Situation("the authorizer", "AuthorizerFunction", lambda s: s.held(), ask("PUT", "{asset}/intent", INTENT)),
    Situation("an asset is shown", "StatusFunction", lambda s: s.held(), ask("GET", "{asset}")),
    Situation("a timeline is shown", "StatusFunction", lambda s: s.held(), ask("GET", "{asset}/timeline")),
    Situation("a home is exported", "StatusFunction", lambda s: s.held(), ask("GET", "{site}/export")),
    Situation("flex events", "AxleServicesFunction", lambda s: s.held(), ask("GET", "{site}/flex-events")),
    Situation("a test charge is asked for", "PreferencesFunction", lambda s: s.held(), TEST_CHARGE, app_webhook=True),
    Situation(
        "a test charge goes on",
        "ChargeControlFunction",
        lambda s: s.held(),
        TEST_CHARGE,
        "update_item ASSET#car-1",
        app_webhook=True,
    ),
    Situation(
        "a test charge starts the car",
        "VehicleCommandsFunction",
        lambda s: s.held(),
        TEST_CHARGE,
        "charging",
        app_webhook=True,
    ),
    Situation("a test charge is announced", "AnnouncerFunction", lambda s: s.held(), TEST_CHARGE, app_webhook=True),
    Situation("a car obeys a test charge", "VehicleEventsFunction", lambda s: s.held(), TEST_CHARGE, app_webhook=True),
    Situation(
        "the end of a test charge is reported", "VehicleEventsFunction", _before_verdict, _nothing, app_webhook=True
    ),
    Situation("a test charge ends", "ChargeControlFunction", _before_verdict, _nothing, app_webhook=True),
    Situation("a verdict is announced", "AnnouncerFunction", _before_verdict, _nothing, app_webhook=True, nth=1),
    Situation("a verdict goes to the app", "AppEventsFunction", _before_verdict, _nothing, app_webhook=True, nth=1),
    Situation(
        "an event goes to the app", "AppEventsFunction", lambda s: s.onboarded(), moves("plug-in"), app_webhook=True
    ),
    Situation(
        "a driver gets a page", "OnboardingFunction", lambda s: s.car(linked=False), _asks_for_a_page, app_webhook=True
    ),
    Situation(
        "Enode reports a new car", "VehicleEventsFunction", _asked_to_connect, _driver_opens_page, app_webhook=True
    ),
    Situation("a new car is announced", "AnnouncerFunction", _asked_to_connect, _driver_opens_page, app_webhook=True),
    Situation(
        "onboarding names a new car", "OnboardingFunction", _asked_to_connect_a_tesla, _joins(), app_webhook=True
    ),
    Situation("pages are shown", "OnboardingFunction", _asked_to_connect, ask("GET", "{site}/connections")),
    Situation("every car is released", "OperatorFunction", lambda s: s.held(), operator("released")),
    Situation("control is resumed", "OperatorFunction", _released, operator("running")),
)

SITUATIONS: Mapping[str, Situation] = {one.name: one for one in _ALL}
