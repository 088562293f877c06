"""The schemas of what Driveway answers. Tests hold every answer of the documented calls to them, member by member."""

from typing import get_args

from driveway.domain.metering.pieces import Quality
from driveway.domain.metering.registers import Flag
from driveway.domain.metering.slot import Label, ReportState
from driveway.domain.presence.observation import MeasuringPoint
from driveway.domain.schedules.effective_schedule import Source
from driveway.domain.sites.record import SiteState
from driveway.domain.twin import (
    CHARGE_TEST_STEPS,
    AssetType,
    ChargingMode,
    CommandAction,
    CommandState,
    TariffType,
    Weekday,
)
from driveway.runtime.problems import PROBLEM_BASE
from local.openapi.codes import EVENTS, REASONS, as_list
from local.openapi.console_answers import console_schemas
from local.openapi.offered_answers import offered_schemas
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
from local.openapi.session_answers import banner_schema, forecast_schema, session_answers

REVISION = whole("Counts the changes of what is wanted or observed; for `If-Match`.", least=0)
WARNINGS = array(text(), "What was lost or assumed, in sentences.")


def response_schemas() -> dict[str, Schema]:
    """Every response schema by its name."""
    return {**_sites(), **_preferences(), **_asset(), **session_answers(), **_others()}


TO_COME = array(text(), "What is still to come, in sentences; it goes on by itself.")


def _sites() -> dict[str, Schema]:
    membership = {
        "site": text("The app's id."),
        "state": one_of(get_args(SiteState)),
        "enrolment": nullable(text("`enrolled` or `unenrolled`, as Axle acknowledged it; null: not known.")),
        "snoozed_until": nullable(instant("Until when smart charging is paused.")),
    }
    onboarded_asset = {
        "asset": text("The app's id."),
        "axle_asset_id": text("Axle's id."),
        "created": flag("Whether the asset is new."),
        "changed": array(
            text(), "The fields that changed: `power_kw`, `vehicle`, `home`, `tariff`, ...; empty if none did."
        ),
        "warnings": WARNINGS,
        "tariff": ref("TariffAnswer"),
        "intent": ref("IntentAnswer"),
        "plugged_in": nullable(flag("Whether it is plugged in at home. Null: nothing is known yet.")),
    }
    asset_line = {
        "asset": text("The app's id."),
        "state": one_of(("active", "unenrolled", "leaving", "unfinished")),
        "axle_asset_id": text("Axle's id."),
        "type": one_of(get_args(AssetType)),
        "enrolled": flag("Whether it takes part."),
        "plugged_in": flag("Whether it is plugged in at home."),
        "in_sync": flag("Whether Axle knows everything."),
    }
    return {
        "EligibilityAnswer": record(
            {
                "eligible": flag("Whether the driver can join."),
                "half_hourly_settled": flag("Whether the meter is settled by the half-hour."),
                "issues": array(
                    record({"code": text("Axle's code."), "text": text("A sentence for the driver.")}),
                    "What stands in the way.",
                ),
            }
        ),
        "OnboardedSite": record(
            {
                "site": text("The app's id."),
                "state": one_of(get_args(SiteState)),
                "axle_site_id": text("Axle's id."),
                "enrolment": nullable(text("`enrolled` or `unenrolled`, as Axle acknowledged it; null: not known.")),
                "warnings": array(text(), "Axle's, about the site."),
                "assets": array(record(onboarded_asset)),
                "removed": array(text(), "The assets that `remove_assets` took out."),
                "to_come": TO_COME,
            },
            optional=("to_come",),
        ),
        "Site": record(
            membership
            | {
                "axle_site_id": nullable(text("Axle's id; null while it is not onboarded.")),
                "timezone": nullable(text("IANA.")),
                "consent_at": nullable(instant("When consent for the boundary meter was given.")),
                "consent_version": nullable(text("The text that was consented to, as the app named it.")),
                "warnings": array(text(), "Axle's, about the site."),
                "assets": array(
                    record(asset_line, optional=("axle_asset_id", "type", "enrolled", "plugged_in", "in_sync"))
                ),
                "unfinished": nullable(
                    record(
                        {
                            "begun_at": nullable(instant("When it was begun.")),
                            "text": text("What is still to come, and what to do."),
                            "last_error": nullable(text("Why the last try failed.")),
                        },
                        "What was begun and is not finished.",
                    )
                ),
            }
        ),
        "Membership": record(membership | {"to_come": TO_COME}, optional=("to_come",)),
        "Erasing": record({"site": text("The app's id."), "state": one_of(("leaving",)), "to_come": TO_COME}),
        "ControlSwitch": record(_switch()),
        "ControlStatus": record(
            {
                **_switch(),
                "cars_held": record(
                    {
                        "held": whole("Cars that are not released.", least=0),
                        "counted_all": flag("False: there are too many to count in time."),
                    }
                ),
            }
        ),
        "Rewards": _rewards(),
        **offered_schemas(),
        **console_schemas(),
        "Withdrawal": record(
            {"url": text("Temporary; open it in a browser.", format="uri"), "expires_at": instant("When it ends.")}
        ),
    }


def _switch() -> dict[str, Schema]:
    return {
        "state": one_of(("running", "released")),
        "since": nullable(instant("When it was put there. Null: never.")),
    }


def _rewards() -> Schema:
    transaction = {
        "type": nullable(text("As Axle names it.")),
        "status": one_of(("estimated", "settled"), "Estimated ones may still change."),
        "transaction_id": text(),
        "start_time": nullable(instant("")),
        "end_time": nullable(instant("")),
        "settlement_date": nullable(text(format="date")),
        "flex_kwh": nullable(number("Energy moved.")),
        "credit_pence": whole("Negative for a withdrawal."),
        "payment_status": nullable(text("Of a withdrawal.")),
    }
    return record(
        {
            "site": text("The app's id."),
            "balance_pence": whole("What can be withdrawn."),
            "total_earnings_pence": whole("All that was ever earned."),
            "can_withdraw": flag("Whether it can be withdrawn now."),
            "minimum_withdrawal_pence": whole("The least that can be withdrawn at once."),
            "withdrawal_min_wait_days": whole("Days from the first reward to the first withdrawal."),
            "estimated_pence": whole("The sum of the estimated transactions."),
            "settled_pence": whole("The sum of the settled transactions."),
            "transactions": array(record(transaction)),
            "withdrawal": ref("Withdrawal"),
        }
    )


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


def _asset() -> dict[str, Schema]:
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
    stretch = {
        "start": instant("Inclusive."),
        "end": instant("Exclusive."),
        "limit_kw": nullable(number("0 holds; null: no record says what was in force then.", least=0)),
        "source": one_of((*get_args(Source), "unknown")),
        "reason": reason,
    }
    return {
        "Reason": one_of(list(REASONS), "Why. Codes are added, never renamed.\n\n" + as_list(REASONS)),
        "Event": one_of(list(EVENTS), "What happened. Names are added, never renamed.\n\n" + as_list(EVENTS)),
        "Asset": record(asset),
        "Schedule": record(
            {"from": instant(""), "to": instant(""), "stretches": array(record(stretch), "Contiguous, ascending.")}
        ),
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
