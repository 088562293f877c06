"""The schemas of what callers send. Where a parser is written by hand, its schema stands here, held to it by tests.

A schema may accept what the parser refuses (an empty window, an instant that has passed), never the reverse.
"""

from typing import get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from driveway.domain.charging_profiles.parsing import MOST_PERIODS
from driveway.domain.charging_profiles.profile import Kind, Purpose, RateUnit, Recurrency
from driveway.domain.preferences.charge_now import LONGEST
from driveway.domain.preferences.half_hour_prices import SLOTS
from driveway.domain.preferences.vehicle_intent import MOST_BATTERY_KWH, VEHICLE_ID
from driveway.domain.presence.observation import RegisterKind
from driveway.domain.presence.vehicle import NAMED_BEFORE
from driveway.domain.twin import ChargingMode, TariffType, Weekday
from driveway.sites import bodies
from driveway.vehicles.app import MEASURING_POINTS, MOST_ENERGY_KWH, MOST_OBSERVATIONS, MOST_POWER_KW
from local.openapi.schema import (
    Schema,
    array,
    at_least_one,
    at_most_one,
    flag,
    instant,
    nullable,
    number,
    one_of,
    ref,
    strict,
    text,
    typed,
)

LOCAL_TIME = "Wall time, such as `07:00`; `7am` and `7.30 pm` are read too."


def request_schemas() -> dict[str, Schema]:
    """Every request schema by its name."""
    return {
        **_site_schemas(),
        "Tariff": _tariff(),
        "Window": strict({"start": text(LOCAL_TIME), "end": text(LOCAL_TIME)}, "May pass midnight.", ("start", "end")),
        "HalfHourPrice": strict(
            {"start": text("Wall time of the half-hour's start."), "pence_per_kwh": _price()},
            required=("start", "pence_per_kwh"),
        ),
        "Intent": _intent(),
        "VehicleIntent": _vehicle_intent(),
        "ChargeNow": _charge_now(),
        "ControlState": strict({"state": one_of(("running", "released"))}, required=("state",)),
        "RetellBody": strict({"day": nullable(text("A local day; null: all days.", format="date"))}),
        "Observations": strict(
            {"observations": array(ref("Observation"), minItems=1, maxItems=MOST_OBSERVATIONS)},
            required=("observations",),
        ),
        "Observation": _observation(),
        "ChargingProfile": _charging_profile(),
        "ChargingSchedule": _charging_schedule(),
        "SetChargingProfileRequest": typed(
            "object",
            "OCPP 1.6 §6.43. `connectorId` is not looked at: an asset is one connector.",
            properties={"connectorId": {}, "csChargingProfiles": ref("ChargingProfile")},
            required=["csChargingProfiles"],
        ),
        "AxleEnvelope": _envelope(),
    }


def _site_schemas() -> dict[str, Schema]:
    models = [
        value
        for value in vars(bodies).values()
        if isinstance(value, type) and issubclass(value, bodies.Strict) and value is not bodies.Strict
    ]
    _, generated = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Schema] = {name: _untitled(schema) for name, schema in generated["$defs"].items()}
    asset = schemas[bodies.AssetBody.__name__]["properties"]
    in_site = "In a site its `timezone` may be left out: it is then the site's. Null or absent: see the answer."
    asset["tariff"] = nullable(ref("TariffInSite")) | {"description": in_site}
    asset["intent"] = nullable(ref("Intent")) | {"description": "Null or absent: see the answer."}
    schemas["TariffInSite"] = _tariff() | {"required": []}
    return schemas


def _untitled(schema: Schema) -> Schema:
    properties = {
        name: {key: value for key, value in member.items() if key != "title"}
        for name, member in schema.get("properties", {}).items()
    }
    rest = {key: value for key, value in schema.items() if key != "title"}
    return rest | ({"properties": properties} if properties else {})


def body_name(model: type[BaseModel]) -> str:
    """The name of a body's schema."""
    return model.__name__


def _price() -> Schema:
    return number("Pence per kWh.", least=-10_000, most=10_000)


def _tariff() -> Schema:
    hours = text(
        "Time ranges in OSM opening-hours syntax, the same every day: `23:30-05:30`, `00:00-05:30, 23:30-24:00`.",
        maxLength=2000,
    )
    windows = array(ref("Window"), maxItems=100)
    prices = array(
        {"anyOf": [_price(), ref("HalfHourPrice")]},
        "The prices of the day's local half-hours, in order from 00:00 or each with its start. They are kept for the "
        "driver's cost and never sent to Axle. Without `off_peak` the windows follow from them, with a warning.",
        minItems=SLOTS,
        maxItems=SLOTS,
    )
    schema = strict(
        {
            "off_peak": {"anyOf": [hours, windows, {"type": "null"}]},
            "prices": nullable(prices),
            "timezone": text("IANA zone of the off-peak times, such as `Europe/London`, or `UTC`."),
            "tariff_type": nullable(one_of(get_args(TariffType))) | {"default": "unknown"},
        },
        "Off-peak times, the same every day. A `single_rate` tariff without windows is off-peak all day. Windows that "
        "are a minute apart, also across midnight, are joined, with a warning.",
        ("timezone",),
    )
    is_all_day = {"properties": {"tariff_type": {"const": "single_rate"}}, "required": ["tariff_type"]}
    has_windows = {"properties": {"off_peak": {"not": {"enum": [None, [], ""]}}}, "required": ["off_peak"]}
    return schema | {"anyOf": [has_windows, at_least_one("prices"), is_all_day]}


def _intent() -> Schema:
    by_weekday = strict({day: text(LOCAL_TIME) for day in get_args(Weekday)}, "A day left out has no departure.")
    schema = strict(
        {
            "kwh": nullable(number("Energy from the grid, in kWh.", least=0, most=500)),
            "hours": nullable(number("Hours of charging at the asset's power.", least=0, most=168)),
            "target_soc_pct": nullable(number("Needs the asset's `battery_kwh`.", least=0, most=100)),
            "ready_by": {
                "anyOf": [text(LOCAL_TIME + " For every day."), by_weekday | {"minProperties": 1}],
                "description": "Wall time in the site's zone.",
            },
            "exceptions": nullable(
                typed(
                    "object",
                    "Other times by date.",
                    propertyNames={"pattern": r"^\d{4}-\d{2}-\d{2}$"},
                    additionalProperties=text(LOCAL_TIME),
                    maxProperties=366,
                )
            ),
            "may_charge_peak": nullable(flag("Whether peak hours may be used once off-peak ones are used up."))
            | {"default": False},
            "charging_mode": nullable(one_of(get_args(ChargingMode))) | {"default": "maximise_charging_time"},
            "minimum_soc_pct": nullable(
                number("Below this state of charge the car charges at once, whatever the plan.", least=0, most=100)
            ),
        },
        "What the driver needs: at most one of `kwh`, `hours` and `target_soc_pct`; none of them means four hours.",
        ("ready_by",),
    )
    return schema | {"allOf": at_most_one("kwh", "hours", "target_soc_pct")}


def _vehicle_intent() -> Schema:
    battery = typed("number", "Of this car; absent: the asset's.") | {
        "exclusiveMinimum": 0,
        "maximum": MOST_BATTERY_KWH,
    }
    schema = _intent()
    return schema | {"properties": schema["properties"] | {"battery_kwh": nullable(battery)}}


def _charge_now() -> Schema:
    minutes = LONGEST.total_seconds() / 60
    schema = strict(
        {
            "until": nullable(instant("In the future, at most 24 hours ahead.")),
            "for_minutes": nullable(typed("number", "Whole minutes.", minimum=1, maximum=int(minutes), multipleOf=1)),
            "kwh": nullable(
                typed("number", "Ends when it is delivered, or after the time it should take.")
                | {"exclusiveMinimum": 0, "maximum": 500}
            ),
        },
        "Exactly one of them: charging now always has an end.",
    )
    names = ("until", "for_minutes", "kwh")
    return schema | {"allOf": [*at_most_one(*names), at_least_one(*names)]}


def _observation() -> Schema:
    signals = {
        "plugged_in": flag("The plug is in."),
        "at_home": flag("The car is at home. Unknown is not home: leave it out."),
        "charging": flag("Power flows."),
        "power_kw": number("Charging power.", least=0, most=MOST_POWER_KW),
        "energy_session_kwh": number(
            "A register that counts from the plug-in; `register` says if yours starts again at other times.",
            least=0,
            most=MOST_ENERGY_KWH,
        ),
        "energy_lifetime_kwh": number("A register that never resets.", least=0, most=MOST_ENERGY_KWH),
        "energy_delta_kwh": number(
            "What flowed since the last observation with one: a register that resets on reading.",
            least=0,
            most=MOST_ENERGY_KWH,
        ),
        "soc_pct": number("State of charge.", least=0, most=100),
        "vehicle_id": text(
            "Which car is plugged in, where several share a charger: your own id of it, as in "
            "`/assets/{asset}/vehicles/{vehicle_id}/intent`. "
            f"Say it with the plug-in, after it, or up to {NAMED_BEFORE.total_seconds() / 60:.0f} minutes before.",
            pattern=VEHICLE_ID,
        ),
    }
    statements = {
        "measuring_point": one_of(
            MEASURING_POINTS, "Where power and energy were measured; the battery's side is converted with 90 %."
        ),
        "register": one_of(
            get_args(RegisterKind),
            "How your register behaves: it never starts again, starts again at each plug-in or each charge, or shows "
            "0 while nothing flows. Without it, what is ambiguous is counted low and flagged.",
        ),
        "tells_every_change": flag(
            "You report whenever power changes, so that silence means that nothing changed. Leave it out if you poll."
        ),
    }
    schema = strict(
        {"at": instant("When it was so, by the source; at most five minutes ahead.")}
        | {name: nullable(value) for name, value in (signals | statements).items()},
        "At least one signal. Absent, or null, is not false: it says nothing.",
        ("at",),
    )
    return schema | at_least_one(*signals)


def _charging_profile() -> Schema:
    return typed(
        "object",
        "OCPP 1.6 §7.8. Unknown members are not looked at, null is absent.",
        properties={
            "chargingProfileId": nullable(typed("number", multipleOf=1)),
            "transactionId": nullable(typed("number", multipleOf=1)),
            "stackLevel": typed("number", "A profile replaces the one at its purpose and level.", minimum=0),
            "chargingProfilePurpose": one_of(get_args(Purpose)),
            "chargingProfileKind": one_of(get_args(Kind)),
            "recurrencyKind": nullable(one_of(get_args(Recurrency), "Required for `Recurring`.")),
            "validFrom": nullable(instant("Without an offset it is UTC.")),
            "validTo": nullable(instant("Without an offset it is UTC.")),
            "chargingSchedule": ref("ChargingSchedule"),
        },
        required=["stackLevel", "chargingProfilePurpose", "chargingProfileKind", "chargingSchedule"],
    )


def _charging_schedule() -> Schema:
    period = typed(
        "object",
        properties={
            "startPeriod": typed("number", "Seconds after the start; the first is 0, they ascend.", minimum=0),
            "limit": number("Watts or amperes. 99999 is no limit, 0 holds.", least=0),
            "numberPhases": nullable(typed("number", minimum=1, maximum=3)),
        },
        required=["startPeriod", "limit"],
    )
    return typed(
        "object",
        "OCPP 1.6 §7.13.",
        properties={
            "duration": nullable(typed("number", "Seconds.", minimum=0)),
            "startSchedule": nullable(instant("Without an offset it is UTC.")),
            "chargingRateUnit": one_of(get_args(RateUnit)),
            "chargingSchedulePeriod": array(period, minItems=1, maxItems=MOST_PERIODS),
            "minChargingRate": nullable(number("Not used.", least=0)),
        },
        required=["chargingRateUnit", "chargingSchedulePeriod"],
    )


def _envelope() -> Schema:
    return typed(
        "object",
        "Axle's webhook envelope. A payload with `asset_id` and a charging profile is a schedule.",
        properties={
            "id": text("The same in every repetition.", format="uuid"),
            "version": {},
            "event_type": text(),
            "created_at": instant("Orders the schedules of an asset."),
            "payload": typed(
                "object",
                properties={"asset_id": text("Axle's id of the asset."), "charging_profile": ref("ChargingProfile")},
            ),
        },
        required=["id", "event_type", "created_at", "payload"],
    )
