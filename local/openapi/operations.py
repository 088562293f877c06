"""What the code of a route does not show: its group, its description, its schemas and its problems."""

from driveway.status.events import MOST
from local.openapi.asset_operations import ASSETS
from local.openapi.operation import SCHEDULE, Operation
from local.openapi.schema import text, typed
from local.openapi.site_operations import SITES
from local.openapi.staff_operations import STAFF

TAGS = {
    "Sites": "From eligibility to erasure.",
    "Meters": "From an address to its MPAN.",
    "Preferences": "What the driver wants.",
    "Observations": "What cars and chargers show.",
    "Status": "What an asset does, why, and what comes next.",
    "Events": "What the app's webhook receives.",
    "Axle": "Axle's charging schedules.",
    "Operator": "The switch for everything.",
    "Console": "The page for support and operators, and what it asks for.",
}

OPERATIONS: dict[str, Operation] = {
    **SITES,
    **STAFF,
    **ASSETS,
    "GET /events": Operation(
        "Status",
        "getEvents",
        "What the app's webhook was sent, of all assets, in the order in which it was recorded; sort by `timestamp` "
        "for the order in which it happened. Read on with `after` = `next` while `more` is true, and keep the last "
        "`next` for the next time. An event is here a minute and a half after it happened, for 13 months "
        "(`VehicleConnected`: 30 days), unless its asset was erased. 404 where `AppWebhookUrl` is not set.",
        {200: ("AppEvents", "The events.")},
        ("malformed", "not-found", "unavailable"),
        query={
            "after": text("The `next` of an earlier answer, or an instant. Default: a day ago."),
            "limit": typed("integer", minimum=1, maximum=MOST, default=MOST),
        },
    ),
    "POST /axle/assets/{axle_asset_id}/charging-profile": Operation(
        "Axle",
        "postChargingProfile",
        "It replaces the one at its purpose and stack level. A 2xx means stored, a 4xx is final, a 5xx is worth "
        "repeating.",
        {200: ("Accepted", "Stored.")},
        SCHEDULE,
        ("ChargingProfile", "SetChargingProfileRequest"),
    ),
    "DELETE /axle/assets/{axle_asset_id}/charging-profile": Operation(
        "Axle",
        "deleteChargingProfile",
        "The default schedule holds from then on.",
        {200: ("Accepted", "Cleared.")},
        ("not-found", "unavailable"),
    ),
    "POST /axle/webhooks": Operation(
        "Axle",
        "postAxleWebhook",
        "Axle's envelope, signed in `x-axle-sig` with a replay window of 300 s. Repetitions are known by `id`. A "
        "schedule that is older, by `created_at`, than what was received for its purpose and stack level (a bare "
        "profile and a clear count from their arrival) is accepted and changes nothing. A `created_at` more than five "
        "minutes ahead counts as the time of arrival.",
        {200: ("Accepted", "Stored, known already, or left alone.")},
        ("bad-signature", "invalid-body", *SCHEDULE),
        ("AxleEnvelope",),
    ),
}
