"""What the code of the routes of assets does not show."""

from driveway.domain.preferences.charge_now import LONGEST
from driveway.domain.preferences.vehicle_intent import MOST_VEHICLES
from driveway.status.half_hours import MOST_ON_A_PAGE
from driveway.status.schedule import LONGEST_SCHEDULE
from driveway.status.timeline import ENTRIES
from local.openapi.operation import STORED, WRITES, Operation
from local.openapi.schema import instant, number, text, typed

ASSETS: dict[str, Operation] = {
    "PUT /assets/{asset}/tariff": Operation(
        "Preferences",
        "putTariff",
        "Windows or opening hours; overnight windows either way. Weekday selectors are refused with an explanation, "
        "prices are kept for the driver's cost, and reduced to windows, with a warning, where no windows are given.",
        {202: ("TariffStored", "Stored, normalised; sent to Axle by itself.")},
        STORED,
        ("Tariff",),
        headers=WRITES,
    ),
    "PUT /assets/{asset}/intent": Operation(
        "Preferences",
        "putIntent",
        "A departure for one time of day, or by weekday, with exceptions by date. When one passes, the next is sent to "
        "Axle by itself. Axle knows a time of day and no weekday: a weekday without a departure is a warning. `kwh` "
        "above the battery is cut to it, with a warning. What keeps the intent from acting now is in `warnings`, too.",
        {202: ("IntentStored", "Stored, normalised; sent to Axle by itself.")},
        STORED,
        ("Intent",),
        headers=WRITES,
    ),
    "PUT /assets/{asset}/vehicles/{vehicle_id}/intent": Operation(
        "Preferences",
        "putVehicleIntent",
        "For several cars at one charger: it counts, as a whole, in place of the asset's while this car is plugged in. "
        "An observation names that car with `vehicle_id`. At most "
        f"{MOST_VEHICLES} cars.",
        {202: ("VehicleIntentStored", "Stored, normalised; sent to Axle at the next plug-in at the latest.")},
        STORED,
        ("VehicleIntent",),
        headers=WRITES,
    ),
    "DELETE /assets/{asset}/vehicles/{vehicle_id}/intent": Operation(
        "Preferences",
        "deleteVehicleIntent",
        "The asset's intent counts for this car again.",
        {202: ("VehicleIntentDeleted", "The car has no intent of its own (any more).")},
        STORED,
        headers=WRITES,
    ),
    "PUT /assets/{asset}/charge-now": Operation(
        "Preferences",
        "putChargeNow",
        f"Bounded to {LONGEST.total_seconds() / 3600:.0f} hours; a new one replaces the last, so give repetitions of "
        "`for_minutes` and `kwh` an Idempotency-Key. What keeps it from acting now is in `warnings`.",
        {202: ("ChargeNowStored", "Stored; the car starts within seconds, if it is plugged in at home.")},
        ("not-enrolled", *STORED),
        ("ChargeNow",),
        headers=WRITES,
    ),
    "DELETE /assets/{asset}/charge-now": Operation(
        "Preferences",
        "deleteChargeNow",
        "The plan goes on.",
        {202: ("ChargeNowEnded", "There is no charge-now (any more).")},
        tuple(kind for kind in STORED if kind != "invalid-body"),
        headers=WRITES,
    ),
    "POST /assets/{asset}/test-charge": Operation(
        "Preferences",
        "postTestCharge",
        "For sign-up: is the car connected, at home and plugged in, does it start, does it stop? Ten minutes for the "
        "first three, which leaves time to plug in, then at most 20 for the start and 15 for the stop. Start and stop "
        "are ordinary commands within the car's budgets; afterwards the plan counts again. `GET /assets/{asset}` has "
        "the steps as they go on, each with its reason and what the driver can do; `TestChargePassed` and "
        "`TestChargeFailed` say when it is over. While one runs, another call changes nothing and answers the same. A "
        "charge-now outranks it. The call takes no body.",
        {202: ("TestChargeAsked", "It runs.")},
        ("not-enrolled", *STORED),
        headers=WRITES,
    ),
    "POST /assets/{asset}/observations": Operation(
        "Observations",
        "postObservations",
        "Late and repeated observations do no harm. All are taken, or none.",
        {202: ("ObservationsStored", "Stored.")},
        ("invalid-body", "not-found", "unavailable"),
        ("Observations",),
    ),
    "POST /webhooks/{provider}": Operation(
        "Observations",
        "postWebhook",
        "Called by the car maker (`enode`, `smartcar`) or a Fleet Telemetry relay (`tesla`), signed over the raw body.",
        {200: ("WebhookAnswer", "Everything in it is stored.")},
        ("bad-signature", "not-found", "unavailable"),
        ("ProviderEvents",),
    ),
    "GET /assets/{asset}": Operation(
        "Status",
        "getAsset",
        "The ETag is the revision. What was never observed is null.",
        {200: ("Asset", "The asset.")},
        ("not-found",),
    ),
    "GET /assets/{asset}/schedule": Operation(
        "Status",
        "getSchedule",
        "What limit holds when, from where, and why. The past is what was in force then, or `unknown`; before the "
        "onboarding there is nothing. With `Accept: image/svg+xml` it is a picture.",
        {200: ("Schedule", "The effective schedule.")},
        ("malformed", "not-found"),
        query={
            "from": instant("Default: now."),
            "to": instant(f"At most {LONGEST_SCHEDULE.days} days after `from`; default: 36 hours after it."),
        },
    ),
    "GET /assets/{asset}/readings": Operation(
        "Status",
        "getReadings",
        "Half-hours of UTC in which the car was plugged in at home, or took energy, that start in the time asked for. "
        "Energy that is not known is null (empty in CSV), never 0. Half-hours of a home that opted out are here, too; "
        "their report is `withheld`. Kept for 26 months, unless the operator chose otherwise. With `Accept: text/csv` "
        "it is CSV, and the next page is in the header `Link`.",
        {200: ("HalfHours", "The half-hours, oldest first.")},
        ("malformed", "not-found"),
        query={
            "from": instant("Default: a day before `to`."),
            "to": instant("Default: now."),
            "limit": typed(
                "integer",
                "The half-hours that a page covers.",
                minimum=1,
                maximum=MOST_ON_A_PAGE,
                default=MOST_ON_A_PAGE,
            ),
        },
    ),
    "GET /assets/{asset}/sessions": Operation(
        "Status",
        "getSessions",
        "Newest first, a week of nights on a page. A night begins at noon. A night without a session has a row, too, "
        "with the reason. Kept for 13 months.",
        {200: ("Sessions", "The nights, each with its verdict.")},
        ("malformed", "not-found"),
        query={
            "from": instant("Default: the onboarding."),
            "to": instant("Default: now."),
            "before": text("The `next` of an earlier answer."),
        },
    ),
    "GET /assets/{asset}/sessions/{session}": Operation(
        "Status",
        "getSession",
        "What was wanted and why, what the car got, the plans as they were made, the limits in force, commands, "
        "warnings, cost and the verdict. The verdict is derived from these facts whenever it is asked for, so late "
        "readings correct it. With `Accept: image/svg+xml` it is a picture, `width` pixels wide (320 to 2000).",
        {200: ("Session", "The session.")},
        ("malformed", "not-found"),
        query={"width": number("The width of the picture in pixels; default: 960.", least=320, most=2000)},
    ),
    "GET /assets/{asset}/timeline": Operation(
        "Status",
        "getTimeline",
        "Kept for 13 months.",
        {200: ("Timeline", "The entries, newest first.")},
        ("malformed", "not-found"),
        query={
            "limit": typed("integer", minimum=1, maximum=ENTRIES, default=ENTRIES),
            "before": text("The `next` of an earlier answer."),
            "from": instant("The earliest entry."),
            "to": instant("Entries before this instant."),
            "session": text("The entries of a session, in place of `from` and `to`."),
        },
    ),
}
