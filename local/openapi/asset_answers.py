"""The schemas of what Driveway answers about an asset: its state, its schedule, its half-hours, its timeline."""

from typing import get_args

from driveway.domain.metering.pieces import Quality
from driveway.domain.metering.registers import Flag
from driveway.domain.metering.slot import Label, ReportState
from driveway.domain.presence.observation import MeasuringPoint
from driveway.domain.schedules.effective_schedule import Source
from driveway.domain.twin import (
    AssetType,
    CommandAction,
    CommandState,
)
from local.openapi.codes import EVENTS, REASONS, as_list
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
from local.openapi.session_answers import banner_schema, forecast_schema

REVISION = whole("Counts the changes of what is wanted or observed; for `If-Match`.", least=0)


def asset_answers() -> dict[str, Schema]:
    reason = ref("Reason")
    figure = {
        "completeness": number("Accepted over expected, 0 to 1; 1 when none is expected.", least=0, most=1),
        "expected": whole("Half-hours that are over and to be reported.", least=0),
        "accepted": whole("Accepted by Axle.", least=0),
        "rejected": whole("Rejected by Axle.", least=0),
        "unknown": whole("Of which not all was measured: not reported as 0, and not counted as accepted.", least=0),
    }
    day = {
        "day": text("The date in the site's zone."),
        "half_hours": whole("How many the day has: 48, in Britain 46 or 50 when the clocks change.", least=0),
    }
    rejection = {
        "start": instant("When the half-hour begins."),
        "label": one_of(get_args(Label), "Axle's label of the value."),
        "kwh": number("The value that was reported.", least=0),
        "detail": text("Axle's own text. The half-hour is reported again when the value changes."),
    }
    flags = {
        "start": instant("When the half-hour begins."),
        "flags": array(
            one_of(get_args(Flag)),
            "Where energy may be missing: `gap` (no report for too long), `power_above_asset` (more power than "
            "the asset has), `outlier`, `refused_delta` (a register rose by more than power and time allow), "
            "`before_plug_in` (it shows energy that may have flowed before the car was seen plugged in), "
            "`restarted` (it fell), `not_reset` (a session's began where the last ended). `rolled_over`: from 0 again. "
            "`ambiguous_register`: two histories explain the register, and the one with less energy was counted.",
        ),
    }
    refused = {
        "half_hours": whole("How many half-hours Axle refuses now, however old.", least=0),
        "since": nullable(instant("Since when it refuses the longest refused one.")),
        "words": array(text(), "Axle's different words, five at most."),
    }
    power = {
        "onboarded_kw": number("The power that the asset was onboarded with.", least=0),
        "suggested_kw": nullable(number("What it was seen to draw three times; energy above its own is not counted.")),
        "since": nullable(instant("When it was first seen to.")),
    }
    command = {
        "state": one_of(get_args(CommandState)),
        "action": one_of(get_args(CommandAction)),
        "at": instant("When it came to this state."),
        "reason": reason,
        "attempts": whole("How often it was sent.", least=0),
        "detail": nullable(text("The provider's own text.")),
    }
    boost = {
        "id": text("The Idempotency-Key it came with, or an id of its own."),
        "started_at": instant("When it began."),
        "until": instant("When it ends at the latest."),
        "kwh": nullable(number("The amount, if one was asked for.")),
        "metered_wh": nullable(whole("What the session had taken when it began.")),
    }
    signals = {
        "plugged_in": nullable(flag("Null: nothing is known.")),
        "at_home": nullable(flag("Null: nothing is known.")),
        "charging": nullable(flag("Null: nothing is known.")),
        "power_kw": nullable(number("Charging power.")),
        "soc_pct": nullable(number("State of charge.")),
    }
    desired = {
        "charge": flag("Whether it should charge now."),
        "limit_kw": nullable(number("At most; null while the car is left alone.")),
        "source": nullable(
            one_of((*get_args(Source), "test_charge"), "What decides; null while the car is left alone.")
        ),
        "reason": reason,
        "text": text("A sentence for the driver."),
    }
    asset = {
        "asset": text("The app's id."),
        "site": text("The app's id."),
        "type": one_of(get_args(AssetType)),
        "axle_asset_id": text("Axle's id."),
        "enrolled": flag("Whether it takes part."),
        **signals,
        "session": nullable(
            record({"id": text(), "opened_at": instant("When it was plugged in and at home.")}, "Plugged in at home.")
        ),
        "tariff": ref("TariffAnswer"),
        "intent": ref("IntentAnswer"),
        "vehicle_intents": typed(
            "object",
            "The own intents of cars, by vehicle id.",
            additionalProperties=ref("VehicleIntentAnswer"),
        ),
        "intent_in_force": record(
            {
                "of": one_of(("asset", "vehicle"), "Whose intent it is."),
                "vehicle_id": nullable(text("The car that was named as plugged in; null: it is not known.")),
                "intent": ref("IntentAnswer"),
                "text": text("Why it counts, in a sentence."),
            },
            "The intent that counts, and that is sent to Axle.",
        ),
        "charge_now": nullable(record(boost)),
        "desired": record(desired),
        "held_back": nullable(
            record(
                {
                    "reason": reason,
                    "text": text("A sentence for the driver."),
                    "until": nullable(instant("When it is tried again; null: when something changes.")),
                },
                "Why a command that is wanted waits.",
            )
        ),
        "next_edge": nullable(record({"at": instant("When the limit changes."), "charge": flag("To what.")})),
        "command": nullable(record(command, "The latest command to the car.")),
        "axle": ref("ToldToAxle"),
        "readings": record(
            figure
            | {
                "days": array(record(day | figure), "By local day, the running one first."),
                "refused": record(refused, "What Axle refuses and is not sent again by itself."),
                "rejections": array(record(rejection), "The latest ten of these days, newest first."),
                "flags": array(record(flags), "What was noticed in the half-hours of the last 24 hours."),
            },
            "What Axle has accepted of the half-hours of the last 24 hours, and by day.",
        ),
        "power": record(power, "Whether it draws more than it was onboarded with."),
        "banner": banner_schema(),
        "forecast": forecast_schema(),
        "test_charge": nullable(ref("TestCharge")),
        "needs_user": nullable(text("What the driver must do at the car's maker.")),
        "connect": nullable(text("Where the app gets the link to connect the account again (`POST` with the asset).")),
        "snoozed_until": nullable(instant("Until when smart charging is paused.")),
        "revision": REVISION,
    }
    return {
        "Reason": one_of(list(REASONS), "Why. Codes are added, never renamed.\n\n" + as_list(REASONS)),
        "Event": one_of(list(EVENTS), "What happened. Names are added, never renamed.\n\n" + as_list(EVENTS)),
        "Asset": record(asset),
        "HalfHours": record(
            {
                "asset": text("The app's id."),
                "from": instant(""),
                "to": instant(""),
                "timezone": text("The site's IANA zone. All instants are UTC."),
                "half_hours": array(_half_hour(), "Oldest first."),
                "next": nullable(instant("Give it as `from` for the next page; null at the end.")),
            }
        ),
        "Timeline": record(
            {
                "entries": array(
                    record(
                        {
                            "at": instant("When."),
                            "event": ref("Event"),
                            "reason": reason,
                            "text": text("A sentence for the driver."),
                            "detail": nullable(typed("object", additionalProperties=True)),
                        }
                    ),
                    "Newest first.",
                ),
                "next": nullable(text("Give it as `before` for the next page; null at the end.")),
            }
        ),
    }


def _half_hour() -> Schema:
    return record(
        {
            "start": instant(""),
            "end": instant(""),
            "kwh": nullable(number("Null where it is not known whether anything flowed.", least=0)),
            "known": flag("Whether all of it is measured, but for seconds."),
            "quality": nullable(one_of(get_args(Quality))),
            "source": one_of(get_args(MeasuringPoint), "Where it was measured."),
            "flags": array(text(), "What was noticed about the samples."),
            "report": record(
                {
                    "state": one_of(get_args(ReportState), "`withheld`: the home did not take part."),
                    "accepted_kwh": nullable(number("What Axle accepted last.", least=0)),
                    "accepted_at": nullable(instant("When Axle first accepted an energy of this half-hour.")),
                    "answer": nullable(text("Axle's words, of a refusal.")),
                }
            ),
        }
    )
