"""The schemas of what Axle offers besides schedules, and of the export of a home."""

from local.openapi.schema import Schema, array, flag, instant, nullable, number, record, ref, text, typed


def offered_schemas() -> dict[str, Schema]:
    """The schemas by their names."""
    return {
        "Meters": record({"meters": array(ref("FoundMeter"))}),
        "FoundMeter": record(
            {"meter_ref": text("For `POST /meters/by-ref`."), "address": text("To show to the driver.")}
        ),
        "Meter": record(
            {
                "mpan": text("13 digits, for the site's `PUT`."),
                "half_hourly_settled": nullable(flag("Whether it is settled half-hourly. Null: Axle does not say.")),
                "supplier_name": nullable(text("The supplier.")),
                "eligible_markets": array(text(), "As Axle names them."),
            }
        ),
        "ComponentToken": record(
            {
                "site": text("The app's id."),
                "access_token": text("For Axle's components."),
                "token_type": text("`bearer`."),
                "expires_at": instant("When it ends."),
            }
        ),
        "FlexEvents": record(
            {
                "site": text("The app's id."),
                "gross_revenue_means": text("What the amounts are, and are not."),
                "events": array(ref("FlexEvent")),
            }
        ),
        "FlexEvent": record(
            {
                "start_at": instant("Its start."),
                "end_at": instant("Its end."),
                "estimated_gross_revenue_gbp": number("Before the market has reviewed the data. May be negative."),
                "final_gross_revenue_gbp": nullable(number("Null until it is known. May be negative.")),
            }
        ),
        "Export": _export(),
    }


def _export() -> Schema:
    held = typed("object", "The items by kind, as they are stored.", additionalProperties=array(typed("object")))
    account = record(
        {
            "provider": text("The car maker."),
            "user_id": text("The account there."),
            "has_tokens": flag("Whether we hold tokens of it; they are not shown."),
            "signed_in_at": nullable(instant("When the driver last signed in.")),
            "renewed_at": nullable(instant("When the tokens were last renewed.")),
            "lost_at": nullable(instant("When the access was lost.")),
        },
        optional=("signed_in_at", "renewed_at", "lost_at"),
    )
    return record(
        {
            "site": text("The app's id."),
            "exported_at": instant("When this was read."),
            "consent": record({"at": nullable(instant("When.")), "version": nullable(text("To which text."))}),
            "held": held,
            "assets": array(typed("object", "An asset: its items by kind, and its aliases.")),
            "accounts": array(account),
            "not_held": array(text(), "What is not kept."),
        }
    )
