"""The schemas of what Driveway answers about sites and the operator's switch."""

from typing import get_args

from driveway.domain.sites.record import SiteState
from driveway.domain.twin import (
    AssetType,
)
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
    whole,
)

WARNINGS = array(text(), "What was lost or assumed, in sentences.")
TO_COME = array(text(), "What is still to come, in sentences; it goes on by itself.")


def site_answers() -> dict[str, Schema]:
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
        "Rewards": _rewards(),
        **offered_schemas(),
        "Withdrawal": record(
            {"url": text("Temporary; open it in a browser.", format="uri"), "expires_at": instant("When it ends.")}
        ),
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
