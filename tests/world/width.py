"""The width of what simulators can be set to: what a seed draws of it, and what no seed draws, with the reason."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

CARS = frozenset({"enode", "smartcar", "tesla"})
CLOUDS = frozenset({"enode", "smartcar"})
ALL = CARS | {"ocpp"}

Draw = Callable[[random.Random], Mapping[str, Any]]


@dataclass(frozen=True)
class Behaviour:
    """A behaviour of a car or of its cloud, with its chance, the providers that know it, and what it changes."""

    name: str
    chance: float
    providers: frozenset[str]
    draw: Draw


def _always(**change: Any) -> Draw:
    return lambda rng: change


def _one_of(name: str, *values: Any) -> Draw:
    return lambda rng: {name: rng.choice(values)}


def _meter(**change: Any) -> Draw:
    return lambda rng: {"meter": {name: rng.choice(values) for name, values in change.items()}}


BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour("starts by itself", 0.4, CARS, _always(auto_start=True)),
    Behaviour("seems unplugged while stopped", 0.1, CLOUDS, _always(seems_unplugged_while_stopped=True)),
    Behaviour("lies after a stop", 0.15, CLOUDS, _one_of("lie_unplugged_after_stop_s", 60, 240, 900)),
    Behaviour("sticks at starting", 0.15, CLOUDS, _always(starting_sticks=True)),
    Behaviour("leaves out the state", 0.15, CLOUDS, _always(reports_charging=False)),
    Behaviour("leaves out the power", 0.15, CLOUDS, _always(reports_power=False)),
    Behaviour("leaves out the cable", 0.03, CLOUDS, _always(reports_cable=False)),
    Behaviour("dates its place by parking", 0.3, CLOUDS, _always(place_dated_by_parking=True)),
    Behaviour("loses a plug-out", 0.1, CLOUDS, _always(loses_plug_out=True)),
    Behaviour("is polled", 0.3, CLOUDS, _one_of("report_every_s", 300, 900, 3600)),
    Behaviour("has no odometer", 0.3, CARS, _always(reports_odometer=False)),
    Behaviour("obeys late", 0.3, frozenset({"enode", "ocpp", "tesla"}), _one_of("command_delay_s", 20, 90, 600)),
    Behaviour("is reported per per cent", 0.15, CLOUDS, _always(reports_per_percent=True)),
    Behaviour("has no home flag", 0.3, frozenset({"smartcar"}), _always(home_flag=False)),
    Behaviour("has a charge limit", 0.15, CARS, _one_of("charge_limit_pct", 50, 80, 90)),
    Behaviour("waits when its limit is raised", 0.2, CARS, _always(waits_when_limit_raised=True)),
    Behaviour("wears out", 0.1, CARS, _one_of("refuses_after_starts", 10)),
    Behaviour("draws at a current of its driver", 0.15, frozenset({"tesla"}), _one_of("driver_amps", 10, 16)),
    Behaviour("keeps its current", 0.1, frozenset({"tesla"}), _always(ignores_amps=True)),
    Behaviour("reports a wrong state of charge", 0.05, CLOUDS, _one_of("claimed_soc_pct", 0, 50)),
    Behaviour("dates nothing", 0.04, frozenset({"enode"}), _one_of("no_time", "0", "1970-01-01T00:00:00Z")),
    Behaviour("pauses by itself", 0.06, CARS, _one_of("pauses_after_s", 3000)),
    Behaviour("keeps schedules", 0.2, frozenset({"tesla", "ocpp"}), _always(schedule_edges_override=True)),
    Behaviour("below the least", 0.3, ALL, _one_of("below_least", "pause", "draw_least", "draw_all")),
    Behaviour(
        "defaults at the next plug-in", 0.25, frozenset({"ocpp"}), _always(default_profiles_apply="next_transaction")
    ),
    Behaviour(
        "takes no profile of a transaction", 0.15, frozenset({"ocpp"}), _always(takes_transaction_profiles=False)
    ),
    Behaviour("has another battery", 0.3, ALL, _one_of("battery_kwh", 40.0, 64.0, 77.0)),
    Behaviour("loses more", 0.3, ALL, _one_of("efficiency", 0.85, 0.95)),
    Behaviour("is of another make", 0.5, frozenset({"enode"}), _one_of("vendor", "VOLKSWAGEN", "VOLVO", "TESLA")),
    Behaviour(
        "goes astray",
        0.2,
        ALL,
        lambda rng: {
            "webhook_faults": {
                "drop": rng.choice([0.0, 0.03]),
                "duplicate": rng.choice([0.0, 0.3]),
                "late": rng.choice([0.0, 0.2]),
                "late_s": rng.choice([120.0, 600.0]),
                "reorder": rng.choice([0.0, 0.1]),
                "reorder_s": rng.choice([60.0, 300.0]),
            }
        },
    ),
    Behaviour("register of another kind", 0.3, CLOUDS, _meter(register_kind=("per_charge", "zero_while_idle"))),
    Behaviour("last value late", 0.2, CLOUDS, _meter(last_value_late_s=(120,))),
    Behaviour("register sinks", 0.2, CLOUDS, _meter(drain_w=(15, 60))),
    Behaviour("register shows zero, too", 0.1, CLOUDS, _meter(shows_zero_too=(True,))),
    Behaviour("register is coarse", 0.2, ALL, _meter(resolution_wh=(10, 100))),
    Behaviour("meter is old", 0.5, ALL, _meter(lifetime_start_wh=(1_234_567, 99_990_000))),
    Behaviour("meter rolls over", 0.1, frozenset({"ocpp"}), _meter(lifetime_modulus_wh=(100_000_000,))),
    Behaviour("meter is replaced", 0.1, frozenset({"ocpp"}), _meter(replaced_at_plug_out=(True,))),
)

TIMED = frozenset({"asleep", "reachable", "governed", "account_connected", "action_fault", "stray"})
"""The settings of a car that a seed changes in the night (``weather``)."""


def spec_of(provider: str, rng: random.Random) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The drawn settings of a car, and the names of its behaviours."""
    spec: dict[str, Any] = {}
    names = []
    for one in BEHAVIOURS:
        if provider not in one.providers or rng.random() >= one.chance:
            continue
        change = dict(one.draw(rng))
        names.append(one.name)
        spec |= change | ({"meter": spec.get("meter", {}) | change["meter"]} if "meter" in change else {})
    return spec, tuple(names)


def axle_settings(rng: random.Random) -> dict[str, Any]:
    """How Axle is."""
    unit = rng.choice(["W", "A"])
    limits = {"W": [99999.0] * 4 + [3680.0, 900.0], "A": [99999.0] * 4 + [16.0, 4.0]}
    return {
        "delivery": rng.choice(["profile", "set_charging_profile_request", "envelope"]),
        "rate_unit": unit,
        "charging_limit": rng.choice(limits[unit]),
        "number_phases": rng.choice([1, 1, 3, None]),
        "clock_ahead_s": rng.choice([0.0, 0.0, 2.0, -2.0]),
        "events_of_unenrolled": rng.choice(["refuse", "refuse", "accept"]),
        "readings_of_unenrolled": rng.choice(["refuse", "refuse", "accept"]),
        "delivery_faults": {
            "drop": rng.choice([0, 0, 0, 1, 3]),
            "duplicate": rng.choice([0, 0, 1]),
            "delay_s": rng.choice([0.0, 0.0, 30.0, 300.0]),
            "reorder_s": rng.choice([0.0, 0.0, 0.0, 90.0]),
            "lose_answers": rng.choice([0, 0, 1, 3]),
        },
    }


def maker_settings(provider: str, rng: random.Random) -> dict[str, Any]:
    """How a maker's cloud is."""
    common = {
        "sample_every_s": rng.choice([0, 300, 600, 900, 1800]),
        "queue_deleted_after_s": rng.choice([0.0, 7200.0]),
        "report_delay_s": rng.choice([0.0, 0.0, 0.0, 60.0, 300.0]),
        "webhook_faults": {
            "drop": rng.choice([0.0, 0.0, 0.0, 0.02]),
            "duplicate": rng.choice([0.0, 0.1]),
            "late": rng.choice([0.0, 0.1]),
            "reorder": rng.choice([0.0, 0.05]),
        },
    }
    return common | OWN_SETTINGS[provider](rng)


def _enode(rng: random.Random) -> dict[str, Any]:
    return {
        "version": rng.choice(["2024-10-01", "2023-08-01"]),
        "unnecessary": rng.choice(["400", "cancelled_action"]),
        "action_timeout_s": rng.choice([1800.0, 300.0]),
        "action_retry_s": rng.choice([60.0, 20.0]),
        "heartbeat_every_s": rng.choice([0.0, 3600.0]),
        "batch_size": rng.choice([1, 10, 100]),
    }


def _smartcar(rng: random.Random) -> dict[str, Any]:
    return {
        "timestamps": rng.choice(["epoch_ms", "epoch_s", "iso"]),
        "leaves_out_status": rng.random() < 0.3,
        "hold_open_s": rng.choice([1.0, 5.0, 60.0]),
        "early_202_after_s": rng.choice([175.0, 30.0]),
        "signals_per_page": rng.choice([None, None, 5]),
        "home_flag_capable": rng.random() < 0.8,
        "car_month_requests": rng.choice([None, 500]),
        "bucket_requests": rng.choice([None, 20]),
        "bucket_refill_per_min": rng.choice([2.0, 4.0]),
    }


def _tesla(rng: random.Random) -> dict[str, Any]:
    return {
        "form": rng.choice(["decoded", "proto_json"]),
        "refresh_tokens": rng.choice(["strict", "24h", "reuse_ends"]),
        "access_token_s": rng.choice([28800.0, 3600.0]),
        "wake_s": rng.choice([5.0, 20.0, 60.0]),
        "asleep_status": rng.choice([408, 500]),
        "sign_in_ends_older": rng.random() < 0.3,
    }


def _ocpp(rng: random.Random) -> dict[str, Any]:
    return {"names_transactions": rng.random() < 0.7}


OWN_SETTINGS: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    "enode": _enode,
    "smartcar": _smartcar,
    "tesla": _tesla,
    "ocpp": _ocpp,
}

NOT_DRAWN: Mapping[str, Mapping[str, str]] = {
    "CarSpec": {
        **dict.fromkeys(("provider", "vehicle_id", "user_id", "asset", "home_location_id"), "who it is"),
        **dict.fromkeys(("home", "away"), "one place: distances have their own tests"),
        "reports_place": "a home that is never known: a night of its own in test_fifteen_nights",
        **dict.fromkeys(("linked", "subscribed", "telemetry"), "the connection, which the end of a home ends"),
        **dict.fromkeys(("power_kw", "phases", "voltage_v"), "one supply: the arithmetic of phases has its own tests"),
    },
    "Settings": {
        **dict.fromkeys(
            (
                "webhook_url",
                "webhook_secret",
                "application_id",
                "client_id",
                "client_secret",
                "token",
                "observations_token",
            ),
            "the connection",
        ),
        **dict.fromkeys(
            ("resend_real_s", "answer_within_real_s", "batch_gather_real_s"), "real time, which is none here"
        ),
        "webhook_active": "changed in the night (weather)",
        "mode": "a test account shows no cars of its own",
        **dict.fromkeys(("refresh_token", "refresh_token_days"), "accounts of long ago: the connections' own tests"),
        "billing_limit_usd": "it ends every request of a month: the budgets' own tests",
    },
    "Fault": dict.fromkeys(("id", "hits"), "set by the simulator"),
    "Rejection": dict.fromkeys(
        ("asset_id", "start", "error"), "rows of any asset and half-hour, in the simulator's words"
    ),
    "Config": {
        **dict.fromkeys(("driveway_url", "bearer_token", "webhook_secret", "connector_id"), "the connection"),
        **dict.fromkeys(("timeout_s", "retry_base_s", "retry_cap_s", "retry_for_s"), "how Axle retries is not known"),
        "unknown_fields": "in answers about eligibility and rewards, which no night asks for",
        **dict.fromkeys(("mpan_check_digit", "asset_models"), "who may join at all: the onboarding's own tests"),
    },
}
"""The settings that no seed draws, by the class of the simulators, each with the reason."""
