"""The schemas of what Driveway answers. Tests hold every answer of the documented calls to them, member by member.

Those of typed answers are derived; the others are written by hand until their answers are typed.
"""

from typing import get_args

from driveway.domain.twin import (
    CHARGE_TEST_STEPS,
    ChargingMode,
    TariffType,
    Weekday,
)
from driveway.runtime.problems import PROBLEM_BASE
from driveway.status import schedule_answers, staff_answers
from local.openapi.asset_answers import REVISION, asset_answers
from local.openapi.derived import derived
from local.openapi.schema import (
    Schema,
    array,
    flag,
    instant,
    nullable,
    number,
    one_of,
    record,
    ref,
    text,
    typed,
    whole,
)
from local.openapi.session_answers import session_answers
from local.openapi.site_answers import WARNINGS, site_answers


def response_schemas() -> dict[str, Schema]:
    """Every response schema by its name."""
    return {
        **site_answers(),
        **_preferences(),
        **asset_answers(),
        **session_answers(),
        **_others(),
        **derived((*staff_answers.ANSWERS, *schedule_answers.ANSWERS)),
    }


def _preferences() -> dict[str, Schema]:
    tariff = {
        "off_peak": array(record({"start": text("`HH:MM`"), "end": text("`HH:MM`")}), "Sorted and merged."),
        "timezone": text("IANA zone of the times."),
        "tariff_type": one_of(get_args(TariffType)),
        "prices": array(number("Pence per kWh."), "The prices of the day's 48 half-hours."),
    }
    intent = {
        "kwh": number("Energy from the grid."),
        "hours": number("Hours at the asset's power."),
        "target_soc_pct": number("State of charge to reach."),
        "minimum_soc_pct": number("Charged at once up to here."),
        "exceptions": typed("object", "Times by date.", additionalProperties=text("`HH:MM`")),
        "ready_by": {
            "anyOf": [
                text("`HH:MM`, every day."),
                record({day: text("`HH:MM`") for day in get_args(Weekday)}, optional=get_args(Weekday)),
            ]
        },
        "may_charge_peak": flag("Whether peak hours may be used."),
        "charging_mode": one_of(get_args(ChargingMode)),
    }
    optional_intent = ("kwh", "hours", "target_soc_pct", "minimum_soc_pct", "exceptions")
    boost = {
        "started_at": instant("When it began."),
        "until": instant("When it ends at the latest."),
        "kwh": number("The amount, if one was asked for."),
    }
    battery = {"battery_kwh": number("The car's own battery.")}
    stored = {"axle": ref("ToldToAxle"), "warnings": WARNINGS, "revision": REVISION}
    return {
        "TariffAnswer": record(tariff, "The tariff, normalised; it can be sent back as it is.", optional=("prices",)),
        "IntentAnswer": record(
            intent, "The intent, normalised; it can be sent back as it is.", optional=optional_intent
        ),
        "TariffStored": record(tariff | stored, optional=("prices",)),
        "VehicleIntentAnswer": record(
            intent | battery,
            "A car's own intent, normalised; it can be sent back as it is.",
            optional=(*optional_intent, *battery),
        ),
        "IntentStored": record(intent | stored, optional=optional_intent),
        "VehicleIntentStored": record(intent | battery | stored, optional=(*optional_intent, *battery)),
        "VehicleIntentDeleted": record(stored),
        "ChargeNowStored": record(boost | stored, optional=("kwh",)),
        "ChargeNowEnded": record(stored),
        "TestChargeAsked": record({"test_charge": ref("TestCharge")} | stored),
        "ToldToAxle": record(
            {
                "in_sync": flag("Whether Axle knows everything."),
                "next_call": nullable(
                    typed(
                        "object",
                        "The next call to Axle, with its body.",
                        properties={"call": text("The last part of the call's path.")},
                        required=["call"],
                        additionalProperties=True,
                    )
                ),
                "unacknowledged_since": nullable(instant("Since when a change is not acknowledged by Axle.")),
                "attempts": whole("Failed attempts in a row.", least=0),
                "last_error": nullable(text("Axle's own text.")),
            }
        ),
    }


def _others() -> dict[str, Schema]:
    counts = {
        name: whole("Events.", least=0) for name in ("stored", "queued", "repeated", "unknown", "test", "dropped")
    }
    return {
        "ObservationsStored": record(
            {
                "accepted": whole("How many were accepted.", least=1),
                "changed": flag("Whether they changed anything."),
                "session": nullable(text("The home charging session that is open.")),
                "ignored": array(
                    record(
                        {
                            "at": instant("The time of the observation."),
                            "signal": nullable(text("Its field.")),
                            "reason": ref("Reason"),
                            "text": text("Why it did not count, in a sentence."),
                        }
                    ),
                    "What did not change the state of the car. Its energy may still count.",
                ),
                "revision": REVISION,
            }
        ),
        "ConnectLink": record(
            {
                "provider": one_of(("enode", "smartcar", "tesla")),
                "asset": nullable(text("The asset whose car is connected again; null: a new car.")),
                "url": text("The page that the driver opens."),
                "key_url": nullable(text("A second page, on which a Tesla's owner lets you command the car.")),
                "state": text("Comes back at `return_url` as the parameter `state`: accept no other."),
                "return_url": text("Where the driver lands afterwards."),
                "expires_at": nullable(instant("Until when the page can be used; null: any time.")),
            }
        ),
        "TestCharge": _test_charge(),
        "AppEvent": _app_event(),
        "AppEvents": record(
            {
                "events": array(ref("AppEvent"), "In the order in which they were recorded."),
                "next": text("Give it as `after` to read on, now or later."),
                "more": flag("Whether there may be more behind these already."),
            }
        ),
        "Accepted": record({"status": one_of(("Accepted",))}),
        "WebhookAnswer": record(
            counts | {"challenge": text("The answer to Smartcar's check of a new webhook.")},
            "How many events were stored, queued (all, of more than ten), seen before, of unknown cars, of a test, or "
            "not read.",
            optional=(*counts, "challenge"),
        ),
        "Problem": _problem(),
    }


def _test_charge() -> Schema:
    step = {
        "step": one_of(CHARGE_TEST_STEPS),
        "state": one_of(
            ("waiting", "running", "passed", "failed", "left_out"),
            "`waiting`: it has not begun. `left_out`: the driver charges now, so the car is not stopped.",
        ),
        "at": nullable(instant("When it passed, or when the test ended with it.")),
        "reason": nullable(ref("Reason")),
        "text": text("A sentence for the driver."),
        "advice": nullable(text("What the driver can do.")),
    }
    return record(
        {
            "id": text("The Idempotency-Key it came with, or an id of its own."),
            "state": one_of(("running", "passed", "failed")),
            "started_at": instant("When it was asked for."),
            "ended_at": nullable(instant("When it ended: after 45 minutes at the latest.")),
            "steps": array(record(step), "In order. A step that fails ends the test."),
        },
        "The latest test charge.",
    )


def _app_event() -> Schema:
    data = {
        "asset": text("The app's id."),
        "site": text("The app's id."),
        "reason": ref("Reason"),
        "text": text("A sentence for the driver."),
        "detail": nullable(typed("object", additionalProperties=True)),
    }
    return record(
        {
            "id": text("The same each time the event is sent; also the header `webhook-id`."),
            "type": ref("Event"),
            "timestamp": instant("When it happened."),
            "data": record(data | {"connect": text("Where a link to connect again is made.")}, optional=("connect",)),
        }
    )


def _problem() -> Schema:
    return record(
        {
            "type": text(f"`{PROBLEM_BASE}<kind>`", format="uri"),
            "title": text("What this kind of problem is."),
            "status": whole("The HTTP status."),
            "detail": text("What was wrong here, and what to do."),
            "request_id": text("Names this request in the logs."),
            "errors": array(
                record({"pointer": text("RFC 6901, into the body."), "message": text("A sentence.")}),
                "Every fault of a body.",
            ),
            "revision": whole("The asset's revision (`revision-mismatch`)."),
            "owner": text("Whose it is (`owned-elsewhere`)."),
            "axle_status": whole("Axle's status (problems from Axle)."),
            "axle_detail": text("Axle's own text (problems from Axle)."),
            "call": text("Which call Axle refused (problems from Axle)."),
            "amount_pence": whole("What is outstanding (`balance-outstanding`)."),
            "withdrawal": ref("Withdrawal"),
        },
        "A problem document (RFC 9457).",
        optional=("errors", "revision", "owner", "axle_status", "axle_detail", "call", "amount_pence", "withdrawal"),
    )
