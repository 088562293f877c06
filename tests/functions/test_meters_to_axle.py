"""Meters as they are, from the webhook of their provider to the rows that Axle accepts and the session reported."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from driveway.auth.signatures import hmac_hex
from driveway.domain.twin import Home
from tests.support.functions.assets import (
    ENODE_CAR,
    SAMPLE_SECRETS,
    SMARTCAR_CAR,
    TESLA_CAR,
    called,
    set_secret,
)
from tests.support.functions.rig import Rig, function
from tests.support.functions.sites import car, put, site_body

EVENING = datetime(2026, 1, 15, 18, tzinfo=UTC)
HOME = Home(52.0907, 5.1214)
NUMBERS = count()


class Context:
    """What Lambda passes: how long the run may still take."""

    def get_remaining_time_in_millis(self) -> int:
        return 600_000


def webhook(provider: str, body: Any, headers: Callable[[str], dict[str, str]]) -> None:
    raw = json.dumps(body)
    event = {
        "version": "2.0",
        "routeKey": "POST /webhooks/{provider}",
        "rawPath": f"/webhooks/{provider}",
        "headers": headers(raw),
        "pathParameters": {"provider": provider},
        "requestContext": {"requestId": "request-1"},
        "body": raw,
        "isBase64Encoded": False,
    }
    assert called("vehicle_events", event).status == 200


def enode(at: datetime, **charge: Any) -> None:
    stamp = at.isoformat()
    vehicle = {
        "id": ENODE_CAR.vehicle_id,
        "lastSeen": stamp,
        "chargeState": {"isPluggedIn": True, "lastUpdated": stamp, **charge},
        "location": {"id": ENODE_CAR.home_location_id, "lastUpdated": stamp},
    }
    event = {"event": "user:vehicle:updated", "createdAt": stamp, "user": {"id": "app-user-77"}, "vehicle": vehicle}
    secret = SAMPLE_SECRETS["enode"][0]
    webhook("enode", [event], lambda raw: {"X-Enode-Signature": "sha1=" + hmac_hex(secret, raw.encode(), "sha1")})


def tesla(at: datetime, state: str | None = None, *, signed_at: datetime | None = None, **fields: Any) -> None:
    record = {"Vin": TESLA_CAR.vehicle_id, "CreatedAt": at.isoformat(), "LocatedAtHome": True, **fields}
    if state is not None:
        record["DetailedChargeState"] = f"DetailedChargeState{state}"
    secret, signed_s = SAMPLE_SECRETS["tesla"][0], int((signed_at or at).timestamp())

    def headers(raw: str) -> dict[str, str]:
        return {"X-Driveway-Signature": f"t={signed_s},v1={hmac_hex(secret, f'{signed_s}.{raw}'.encode())}"}

    webhook("tesla", record, headers)


def smartcar(at: datetime, **values: Any) -> None:
    codes = {
        "plugged": "charge-ischargingcableconnected",
        "charging": "charge-ischarging",
        "watts": "charge-wattage",
        "added_kwh": "charge-energyadded",
        "soc": "tractionbattery-stateofcharge",
    }
    at_ms = round(at.timestamp() * 1000)
    signals = [
        {"code": codes[name], "body": {"value": value}, "status": {"value": "SUCCESS"}, "meta": {"oemUpdatedAt": at_ms}}
        for name, value in values.items()
    ]
    place = {"latitude": HOME.latitude, "longitude": HOME.longitude, "locationType": "LAST_PARKED"}
    signals.append(
        {
            "code": "location-preciselocation",
            "body": place,
            "status": {"value": "SUCCESS"},
            "meta": {"oemUpdatedAt": at_ms},
        }
    )
    body = {
        "eventId": f"event-{next(NUMBERS)}",
        "eventType": "VEHICLE_STATE",
        "data": {"user": {"id": "u"}, "vehicle": {"id": SMARTCAR_CAR.vehicle_id}, "signals": signals},
        "meta": {"version": "4.0", "deliveredAt": at.isoformat()},
    }
    secret = SAMPLE_SECRETS["smartcar"][0]
    webhook("smartcar", body, lambda raw: {"SC-Signature": hmac_hex(secret, raw.encode())})


class Stage:
    """One car at home at a provider, known to Axle."""

    def __init__(self, rig: Rig, provider: str) -> None:
        self.rig = rig
        rig.clock.put(EVENING - timedelta(hours=1))
        known = {"enode": ENODE_CAR, "smartcar": SMARTCAR_CAR, "tesla": TESLA_CAR}.get(provider)
        names = ("provider", "vehicle_id", "user_id", "home_location_id")
        vehicle = known and {name: getattr(known, name) for name in names if getattr(known, name) is not None}
        place = {"latitude": HOME.latitude, "longitude": HOME.longitude, "radius_m": HOME.radius_m}
        answer = put(rig, site_body(car(plugged_in=None, vehicle=vehicle), home=place))
        assert answer.status == 201, answer.body
        set_secret(rig, "WEBHOOK_SECRETS", SAMPLE_SECRETS)

    def tell(self, minute: float, report: Callable[..., None], *words: Any, **values: Any) -> None:
        at = EVENING + timedelta(minutes=minute)
        self.rig.clock.put(max(at, self.rig.clock.now()))
        report(at, *words, **values)

    def app(self, *observations: dict[str, Any]) -> None:
        reported = [{**o, "at": (EVENING + timedelta(minutes=o["at"])).isoformat()} for o in observations]
        self.rig.clock.put(max(self.rig.clock.now(), EVENING + timedelta(minutes=max(o["at"] for o in observations))))
        body = {"observations": reported}
        answer = self.rig.serve("vehicle_events", "POST /assets/{asset}/observations", body, asset="car-1")
        assert answer.status == 202, answer.body

    def goes_on_to(self, minute: float) -> None:
        """Let the sessions be reported, and the half-hours sent."""
        self.rig.clock.put(EVENING + timedelta(minutes=minute))
        self.rig.look("control", "car-1")
        function("meter_readings").handler({}, Context())

    def accepted_wh(self) -> int:
        """What Axle accepted, the latest value of each half-hour."""
        return sum(round(1000 * value) for value in accepted(self.rig).values())

    def reported(self) -> list[tuple[str, float]]:
        """What the app received of sessions since the last call."""
        begun = len(self.rig.bus.events)
        self.rig.publish()
        new = self.rig.bus.events[begun:]
        return [(kind, detail["detail"]["energy_kwh"]) for kind, detail in new if kind.startswith("Session")]


def accepted(rig: Rig) -> dict[datetime, float]:
    rows = rig.axle.readings.report()["rows"]
    return {row["start_timestamp"]: row["value"] for row in rows if row["label"].startswith("charger_consumption")}


@pytest.fixture
def at_home(rig: Rig) -> Callable[[str], Stage]:
    return lambda provider: Stage(rig, provider)


def test_a_teslas_register_that_sinks_while_it_stands_is_counted_once(at_home: Callable[[str], Stage]) -> None:
    stage = at_home("tesla")
    stage.tell(0, tesla, "Stopped", ACChargingEnergyIn=0.0, ACChargingPower=0.0)
    stage.tell(330, tesla, "Charging", ACChargingPower=7.3)
    stage.tell(631, tesla, "Stopped", ACChargingEnergyIn=36.6, ACChargingPower=0.0)
    for number, shown in enumerate((36.45, 36.3, 36.15, 36.0), start=1):
        stage.tell(631 + 120 * number, tesla, ACChargingEnergyIn=shown)
    end = 631 + 4 * 120 + 10
    stage.tell(end, tesla, "Disconnected")
    stage.goes_on_to(end + 30)
    stage.goes_on_to(end + 60)
    assert stage.accepted_wh() == 36_600
    assert sum(session.energy_wh for session in stage.rig.twin("car-1").meter.sessions) == 36_600


def test_a_smartcars_register_that_alternates_with_0_is_one_register(at_home: Callable[[str], Stage]) -> None:
    stage = at_home("smartcar")
    for minute in range(0, 100, 10):
        stage.tell(minute, smartcar, plugged=True, added_kwh=round(min(5.4, 0.108 * minute), 3))
        stage.tell(minute + 0.1, smartcar, added_kwh=0.0)
    stage.tell(101, smartcar, plugged=False)
    stage.goes_on_to(140)
    assert stage.accepted_wh() == 6000
    stage.goes_on_to(160)
    assert [session.reported_wh for session in stage.rig.twin("car-1").meter.sessions] == [6000]


def test_a_lifetime_register_of_the_app_that_alternates_with_its_first_value_is_one_register(
    at_home: Callable[[str], Stage],
) -> None:
    stage = at_home("app")
    declared_values = {"plugged_in": True, "at_home": True, "measuring_point": "charger"}
    for minute in range(0, 70, 10):
        stage.app({"at": minute, "energy_lifetime_kwh": 100 + minute / 10, **declared_values})
        stage.app({"at": minute + 0.1, "energy_lifetime_kwh": 100, **declared_values})
    stage.app({"at": 61, "plugged_in": False, "at_home": False})
    stage.goes_on_to(100)
    assert stage.accepted_wh() == 6000


def test_a_cars_lifetime_register_around_a_session_counts(at_home: Callable[[str], Stage]) -> None:
    stage = at_home("app")
    declared_values = {"at_home": True, "measuring_point": "vehicle_ac_input"}
    stage.app({"at": 0, "plugged_in": False, "energy_lifetime_kwh": 50.0, **declared_values})
    stage.app({"at": 1, "plugged_in": True, **declared_values})
    stage.app({"at": 59, "plugged_in": False, **declared_values})
    stage.app({"at": 60, "plugged_in": False, "energy_lifetime_kwh": 56.18, **declared_values})
    stage.goes_on_to(100)
    stage.goes_on_to(130)
    assert stage.accepted_wh() == 6180
    assert [session.reported_wh for session in stage.rig.twin("car-1").meter.sessions] == [6180]


@pytest.mark.parametrize("with_power", [True, False])
def test_a_smartcar_that_reports_per_per_cent_is_metered(at_home: Callable[[str], Stage], *, with_power: bool) -> None:
    stage = at_home("smartcar")
    power = {"watts": 2300} if with_power else {}
    for number in range(15):
        stage.tell(18 * number, smartcar, plugged=True, charging=True, soc=40 + number, **power)
    stage.tell(18 * 14 + 1, smartcar, plugged=False, charging=False, soc=54)
    stage.goes_on_to(300)
    assert stage.accepted_wh() == pytest.approx(14 * 2300 * 18 / 60, rel=0.04)


def test_a_last_value_seconds_after_the_plug_out_counts_and_corrects_a_session_that_was_reported(
    at_home: Callable[[str], Stage],
) -> None:
    stage = at_home("tesla")
    stage.tell(0, tesla, "Charging", ACChargingEnergyIn=0.0, ACChargingPower=7.0)
    stage.tell(60, tesla, "Charging", ACChargingEnergyIn=7.0, ACChargingPower=7.0)
    stage.tell(85, tesla, "Disconnected", ACChargingPower=0.0)
    stage.goes_on_to(98)
    assert stage.reported() == [("SessionCompleted", pytest.approx(9.9, abs=0.1))]
    stage.tell(85 + 4 / 60, tesla, signed_at=stage.rig.clock.now(), ACChargingEnergyIn=9.9)
    stage.goes_on_to(120)
    stage.goes_on_to(150)
    assert stage.accepted_wh() == 9900
    (session,) = stage.rig.twin("car-1").meter.sessions
    assert (session.energy_wh, session.reported_wh) == (9900, 9900)


def test_an_enode_car_that_reports_changes_only_is_metered_at_the_charger(at_home: Callable[[str], Stage]) -> None:
    stage = at_home("enode")
    stage.tell(0, enode, isCharging=False)
    stage.tell(390, enode, isCharging=True, chargeRate=6.48)
    stage.tell(690, enode, isCharging=False)
    stage.tell(780, enode, isPluggedIn=False, isCharging=False)
    stage.goes_on_to(820)
    assert stage.accepted_wh() == 36_000
    rows = accepted(stage.rig)
    assert len(rows) == 26
    assert sum(value == 0 for value in rows.values()) == 16


def test_a_smartcar_that_is_polled_every_half_hour_is_metered(at_home: Callable[[str], Stage]) -> None:
    stage = at_home("smartcar")
    for number in range(12):
        stage.tell(30 * number, smartcar, plugged=True, charging=True, watts=7000, soc=40 + 4.9 * number)
    stage.tell(360, smartcar, plugged=False, charging=False, watts=0, soc=99)
    stage.goes_on_to(390)
    assert stage.accepted_wh() == pytest.approx(42_000, abs=1500)


def test_what_a_polled_car_did_unseen_is_no_zero_and_counts_as_missing(at_home: Callable[[str], Stage]) -> None:
    stage = at_home("smartcar")
    stage.tell(0, smartcar, plugged=True, charging=False)
    stage.tell(600, smartcar, plugged=True, charging=False)
    stage.goes_on_to(640)
    assert accepted(stage.rig) == {}
    shown = stage.rig.serve("status", "GET /assets/{asset}", asset="car-1").body["readings"]
    assert shown["completeness"] < 1
    assert shown["unknown"] == shown["expected"]


def test_energy_of_a_charge_elsewhere_that_is_read_late_is_refused_and_flagged(at_home: Callable[[str], Stage]) -> None:
    stage = at_home("smartcar")
    stage.tell(0, smartcar, plugged=True, charging=False)
    stage.tell(240, smartcar, charging=False, added_kwh=20.0)
    stage.tell(250, smartcar, plugged=False, charging=False, added_kwh=20.0)
    stage.goes_on_to(300)
    assert stage.accepted_wh() == 0
    flags = stage.rig.serve("status", "GET /assets/{asset}", asset="car-1").body["readings"]["flags"]
    assert any("refused_delta" in flagged["flags"] for flagged in flags)


@pytest.mark.parametrize(
    ("declared", "energy_wh", "flagged"),
    [({}, 3500, True), ({"register": "per_charge"}, 6500, False), ({"register": "zero_while_idle"}, 3500, False)],
)
def test_what_the_app_says_of_its_register_decides(
    at_home: Callable[[str], Stage], declared: dict[str, str], energy_wh: int, *, flagged: bool
) -> None:
    stage = at_home("app")
    values = ((0, 0.0), (30, 3.0), (90, 0.0), (120, 3.5))
    signals = {"plugged_in": True, "at_home": True, **declared}
    stage.app(*({"at": minute, "energy_session_kwh": kwh, **signals} for minute, kwh in values))
    stage.app({"at": 121, "plugged_in": False, "at_home": False})
    stage.goes_on_to(160)
    assert stage.accepted_wh() == energy_wh
    flags = stage.rig.serve("status", "GET /assets/{asset}", asset="car-1").body["readings"]["flags"]
    assert any("ambiguous_register" in found["flags"] for found in flags) == flagged


BLOCKS = {
    "a restart that a continuation could not reach": ([(0, 0.0), (30, 3.0), (90, 0.0), (120, 2.5)], None, 5500, False),
    "power of the second block": ([(0, 0.0), (30, 3.0), (90, 0.0), (120, 3.5)], {"power_kw": 7.0}, 6500, False),
    "a rise of the state of charge": ([(0, 0.0), (30, 3.0), (90, 0.0), (120, 3.5)], {"soc_pct": True}, 6500, False),
    "nothing else": ([(0, 0.0), (30, 3.0), (90, 0.0), (120, 3.5)], None, 3500, True),
    "a drain within forty minutes": ([(0, 0.0), (60, 5.0), (80, 5.0), (120, 4.94)], None, 5000, False),
}
"""Readings (minutes, kWh) of an undeclared session register, what else is reported, and the energy in Wh."""


@pytest.mark.parametrize("name", BLOCKS)
def test_an_undeclared_register_is_explained_by_what_else_is_reported(
    at_home: Callable[[str], Stage], name: str
) -> None:
    readings, beside, energy_wh, flagged = BLOCKS[name]
    stage = at_home("app")
    socs = {0: 20, 30: 26, 90: 26, 120: 33}
    for minute, kwh in readings:
        signals: dict[str, Any] = {"plugged_in": True, "at_home": True, "energy_session_kwh": kwh}
        if beside and "soc_pct" in beside:
            signals["soc_pct"] = socs[minute]
        elif beside and minute == readings[-1][0]:
            signals |= beside
        stage.app({"at": minute, **signals})
    stage.app({"at": readings[-1][0] + 1, "plugged_in": False, "at_home": False})
    stage.goes_on_to(readings[-1][0] + 40)
    assert stage.accepted_wh() == energy_wh
    flags = stage.rig.serve("status", "GET /assets/{asset}", asset="car-1").body["readings"]["flags"]
    assert any("ambiguous_register" in found["flags"] for found in flags) == flagged


def test_a_register_of_the_app_that_resets_on_reading_and_one_on_the_batterys_side(
    at_home: Callable[[str], Stage],
) -> None:
    stage = at_home("app")
    signals = {"plugged_in": True, "at_home": True, "measuring_point": "battery"}
    stage.app({"at": 0, **signals}, *({"at": 30 * n, "energy_delta_kwh": 1.8, **signals} for n in range(1, 5)))
    stage.app({"at": 125, "plugged_in": False, "at_home": False})
    stage.goes_on_to(180)
    assert stage.accepted_wh() == 8000


FOUR_DAYS = [(0, 0.0), (690, 36.6), *((690 + 1440 * n, round(36.6 - 0.55 * n, 2)) for n in range(1, 5))]
"""A session register that sinks over four plugged days, in kWh by minutes."""


@pytest.mark.parametrize("charge_is_reported", [True, False])
def test_a_teslas_register_that_sinks_on_four_plugged_days_is_counted_once(
    at_home: Callable[[str], Stage], *, charge_is_reported: bool
) -> None:
    """Its register is of a declared kind. It counts although the reports of the charge are lost."""
    stage = at_home("tesla")
    for minute, kwh in FOUR_DAYS:
        stage.tell(minute, tesla, "Complete" if minute else "Stopped", ACChargingEnergyIn=kwh)
        if charge_is_reported and not minute:
            stage.tell(330, tesla, "Charging", ACChargingPower=6.1)
    stage.tell(FOUR_DAYS[-1][0] + 10, tesla, "Disconnected")
    assert_counted_once(stage, 36_600)


def test_a_smartcars_register_that_sinks_on_four_plugged_days_is_counted_once(at_home: Callable[[str], Stage]) -> None:
    """Its register is of an unknown kind and at the battery."""
    stage = at_home("smartcar")
    for minute, kwh in FOUR_DAYS:
        stage.tell(minute, smartcar, plugged=True, charging=False, added_kwh=kwh)
    stage.tell(FOUR_DAYS[-1][0] + 10, smartcar, plugged=False, charging=False)
    assert_counted_once(stage, 40_667)


@pytest.mark.parametrize(
    ("declared", "expected_wh"),
    [({}, 36_600), ({"measuring_point": "charger"}, 36_600), ({"measuring_point": "battery"}, 40_667)],
)
def test_a_register_of_the_app_that_sinks_on_four_plugged_days_is_counted_once(
    at_home: Callable[[str], Stage], declared: dict[str, str], expected_wh: int
) -> None:
    stage, signals = at_home("app"), {"plugged_in": True, "at_home": True, **declared}
    for minute, kwh in FOUR_DAYS:
        stage.app({"at": minute, "energy_session_kwh": kwh, **signals})
    stage.app({"at": FOUR_DAYS[-1][0] + 10, "plugged_in": False, "at_home": False})
    assert_counted_once(stage, expected_wh)


def assert_counted_once(stage: Stage, energy_wh: int) -> None:
    end = FOUR_DAYS[-1][0] + 10
    stage.goes_on_to(end + 30)
    stage.goes_on_to(end + 60)
    assert stage.accepted_wh() == energy_wh
    (session,) = stage.rig.twin("car-1").meter.sessions
    assert session.energy_wh == session.reported_wh == energy_wh


@pytest.mark.parametrize(("tells_every_change", "energy_wh"), [(True, 36_000), (None, 0)])
def test_power_of_the_app_holds_until_the_change_if_the_app_reports_every_change(
    at_home: Callable[[str], Stage], tells_every_change: bool | None, energy_wh: int
) -> None:
    stage = at_home("app")
    signals = {"plugged_in": True, "at_home": True, "tells_every_change": tells_every_change}
    for minute, power_kw in ((0, 0), (390, 7.2), (690, 0)):
        stage.app({"at": minute, "charging": power_kw > 0, "power_kw": power_kw, **signals})
    stage.app({"at": 700, "plugged_in": False, "at_home": False})
    stage.goes_on_to(740)
    assert stage.accepted_wh() == energy_wh
