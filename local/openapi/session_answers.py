"""The schemas of what is answered of an asset's sessions."""

from typing import get_args

from driveway.domain.lifecycle import ADVICE, Condition, Lifecycle
from driveway.domain.lifecycle import SENTENCES as STATES
from driveway.domain.metering.pieces import Quality
from driveway.domain.sessions.night import SENTENCES as NO_SESSIONS
from driveway.domain.sessions.verdict import SENTENCES as VERDICTS
from driveway.domain.twin import CommandAction
from local.openapi.codes import as_list, named
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
)


def session_answers() -> dict[str, Schema]:
    """The schemas by name."""
    every: dict[str, str] = {**named(VERDICTS), **named(NO_SESSIONS)}
    return {
        "Verdict": one_of(list(every), "How a night went. Codes are added, never renamed.\n\n" + as_list(every)),
        "Sessions": record(
            {
                "timezone": text("The site's zone, in which nights are counted."),
                "sessions": array(record({"night": text("The local date on which the night begins."), **_summary()})),
                "next": nullable(text("Give it as `before` for the next page; null at the end.")),
            }
        ),
        "Session": record(
            {
                "asset": text("The app's id."),
                "timezone": text("The site's zone."),
                "asked_at": instant("When this was answered."),
                **_summary(),
                **_details(),
            }
        ),
    }


def banner_schema() -> Schema:
    """The banner of an asset."""
    unmet = record(
        {"condition": one_of(list(Condition), as_list(named(ADVICE))), "text": text("What the driver can do.")}
    )
    return record(
        {
            "state": one_of(list(Lifecycle), as_list(named(STATES))),
            "text": text("The state in a sentence."),
            "unmet": array(unmet, "What is missing for smart charging."),
        },
        "The state that an app can show as its banner.",
    )


def forecast_schema() -> Schema:
    """The forecast for the next departure."""
    return nullable(
        record(
            {
                "ready_by": instant("The next departure."),
                "wanted_kwh": number("What was asked for.", least=0),
                "missing_kwh": number("What will be missing if the plan is carried out.", least=0),
                "text": text("A sentence for the driver."),
            },
            "Null while the car is not plugged in at home, or has no departure.",
        )
    )


def _summary() -> dict[str, Schema]:
    return {
        "session": nullable(text("The session's id; null in a night without one.")),
        "plugged_in_at": nullable(instant("When the car was plugged in.")),
        "opened_at": nullable(instant("When it was known to be plugged in at home.")),
        "closed_at": nullable(instant("When it was unplugged; null while the session runs.")),
        "vehicle_id": nullable(text("The car that the app named.")),
        "energy_kwh": nullable(number("What the session took so far.", least=0)),
        "ready_by": nullable(instant("The departure that the verdict is about.")),
        "verdict": ref("Verdict"),
        "text": text("The verdict in a sentence."),
    }


def _details() -> dict[str, Schema]:
    limit = {
        "start": instant("Inclusive."),
        "end": instant("Exclusive."),
        "limit_kw": number("0 holds.", least=0),
        "source": one_of(("axle", "default", "charge_now", "minimum_soc")),
    }
    in_force = limit | {
        "limit_kw": nullable(number("0 holds; null: not known.", least=0)),
        "source": one_of(("axle", "default", "charge_now", "minimum_soc", "unknown")),
        "reason": ref("Reason"),
        "left_alone": nullable(ref("Reason")),
    }
    entry = record(
        {
            "at": instant("When."),
            "event": ref("Event"),
            "reason": ref("Reason"),
            "text": text("A sentence for the driver."),
            "detail": nullable(typed("object", additionalProperties=True)),
        }
    )
    need = {
        "ready_by": instant("The departure."),
        "energy_kwh": number("What was asked for.", least=0),
        "is_estimated": flag("Whether that is an estimate."),
        "target_soc_pct": nullable(number("The state of charge that was asked for.")),
    }
    plan = {
        "at": instant("When it was made."),
        "changed": array(
            one_of(("left_alone", "limits", "needs", "off_peak", "prices", "power_kw", "session")),
            "What differs from the plan before it.",
        ),
        "needs": array(record(need), "What was needed by each departure."),
        "left_alone": nullable(ref("Reason")),
        "limits": array(record(limit), "Contiguous, ascending."),
    }
    return {
        "soc_pct": nullable(number("The latest state of charge in the session.")),
        "battery_full": nullable(flag("Whether it was full, or at its charge limit.")),
        "charge_limit_pct": nullable(number("The charge limit in the car.")),
        "departures": array(record(_need()), "Each departure of the session and its verdict."),
        "half_hours": array(record(_half_hour()), "From the plug-in on."),
        "energy": record(
            {
                "in_plan_kwh": number("Within the limits in force.", least=0),
                "out_of_plan_kwh": number("Beyond them.", least=0),
                "off_peak_kwh": number("In the off-peak windows.", least=0),
                "peak_kwh": number("Outside of them.", least=0),
            }
        ),
        "cost": record(
            {
                "pence": nullable(number("By the driver's prices; null where the app gave none.")),
                "at_once_pence": nullable(number("The same energy at full power from the plug-in on.")),
            }
        ),
        "completeness": number("Half-hours that were measured over all, 0 to 1.", least=0, most=1),
        "off_peak": array(
            record({"start": instant("Inclusive."), "end": instant("Exclusive.")}), "By the tariff of each time."
        ),
        "measured": array(
            record(
                {
                    "at": instant("When it was measured."),
                    "power_kw": nullable(number("The power, at the charger's side.", least=0)),
                    "soc_pct": nullable(number("The state of charge.")),
                }
            ),
            "Power and state of charge, at most one of each in five minutes. Samples are kept for 30 days.",
        ),
        "in_force": array(
            record(in_force),
            "The limit in force over time, contiguous, up to the end of the session, or to the departure ahead.",
        ),
        "plans": array(record(plan), "Every plan as it was made, up to the last departure, in order of time."),
        "commands": array(entry, "What was commanded and what came of it, in order of time."),
        "command_runs": array(record(_command()), "The same by command: its attempts, its outcome and its delays."),
        "warnings": array(entry, "What the driver was warned of, in order of time."),
    }


def _need() -> dict[str, Schema]:
    return {
        "ready_by": nullable(instant("The departure.")),
        "wanted_kwh": nullable(number("What was asked for.", least=0)),
        "is_estimated": nullable(flag("Whether that is an estimate.")),
        "target_soc_pct": nullable(number("The state of charge that was asked for.")),
        "got_kwh": number("What the car had taken by then.", least=0),
        "missing_kwh": number("What was missing.", least=0),
        "missing_by_cause_kwh": typed("object", additionalProperties=number("kWh", least=0)),
        "verdict": ref("Verdict"),
        "text": text("The verdict in a sentence."),
    }


def _command() -> dict[str, Schema]:
    return {
        "action": one_of(get_args(CommandAction)),
        "due_at": instant("When the plan wanted it."),
        "reason": ref("Reason"),
        "text": text("Why it was planned, in a sentence."),
        "sent_at": nullable(instant("When it was first sent; null: never.")),
        "sent_after_s": nullable(number("How long after it was due it was first sent.")),
        "attempts": number("How often it was sent.", least=0),
        "outcome": nullable(ref("Event")),
        "outcome_text": nullable(text("The outcome in a sentence.")),
        "ended_at": nullable(instant("When it was confirmed or given up; null while it is open.")),
        "ended_after_s": nullable(number("How long that was after it was first sent.", least=0)),
    }


def _half_hour() -> dict[str, Schema]:
    return {
        "start": instant("When it begins."),
        "energy_kwh": nullable(number("What the session took; null: not measured.", least=0)),
        "quality": nullable(one_of(get_args(Quality))),
        "flags": array(text("See the readings of the asset.")),
        "axle_accepted_kwh": nullable(number("What Axle accepted.", least=0)),
        "axle_rejected": nullable(text("Axle's own words.")),
    }
