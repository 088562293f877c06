"""What the code of a route does not show: its group, its description, its schemas and its problems."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from driveway.domain.preferences.charge_now import LONGEST
from driveway.domain.preferences.vehicle_intent import MOST_VEHICLES
from driveway.status.events import MOST
from driveway.status.half_hours import MOST_ON_A_PAGE
from driveway.status.schedule import LONGEST_SCHEDULE
from driveway.status.timeline import ENTRIES
from local.openapi.schema import Schema, instant, number, text, typed

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
FROM_AXLE = ("axle-conflict", "axle-invalid", "axle-not-eligible", "axle-not-found", "axle-refused", "unavailable")
STORED = ("invalid-body", "idempotency-key-reused", "malformed", "not-found", "revision-mismatch", "unavailable")
SCHEDULE = (
    "invalid-profile",
    "not-enrolled",
    "not-found",
    "not-plugged-in",
    "schedule-over",
    "too-many-periods",
    "unavailable",
)
OF_AN_ONBOARDED_SITE = ("not-found", "not-onboarded", "site-leaving")


@dataclass(frozen=True, slots=True)
class Operation:
    """A route. ``answers`` gives schema and description by status; an empty schema name means that there is no body."""

    tag: str
    name: str
    words: str
    answers: Mapping[int, tuple[str, str]]
    problems: tuple[str, ...]
    request: tuple[str, ...] = ()
    request_optional: bool = False
    headers: tuple[str, ...] = ()
    query: Mapping[str, Schema] = field(default_factory=dict)


HEADERS: dict[str, Schema] = {
    "Idempotency-Key": text("Repeating a call with its key gives the first answer again, for 24 hours.", maxLength=128),
    "If-Match": text('The revision that the change builds on, such as `"17"`; otherwise 412.'),
}
WRITES = ("Idempotency-Key", "If-Match")

OPERATIONS: dict[str, Operation] = {
    "POST /eligibility": Operation(
        "Sites",
        "checkEligibility",
        "The MPAN (13 digits, or 21 with its top line; spaces allowed) is checked here, then by Axle.",
        {200: ("EligibilityAnswer", "Whether the driver can join, and if not, why.")},
        ("invalid-body", "no-import-meter", "unknown-asset-model", *FROM_AXLE),
        ("EligibilityBody",),
    ),
    "PUT /sites/{site}": Operation(
        "Sites",
        "putSite",
        "Synchronous with Axle. Repeating the call changes nothing and answers the same; after a 503 it finishes what "
        "was begun. What nobody repeats is finished if Axle has taken it, and taken back after an hour if not. MPAN, "
        "address and email go through to Axle and are not kept. Tariff, intent and plug state are then sent to "
        "Axle by themselves. Without a tariff or intent a new asset gets a default, with a warning. A body without "
        "`home` or `timezone` keeps the site's, and `\"home\": null` erases the home; an asset's `battery_kwh` cannot "
        "be left out while an intent has a target state of charge.",
        {
            201: ("OnboardedSite", "The site is new."),
            200: ("OnboardedSite", "It was known: what changed is listed."),
            202: (
                "OnboardedSite",
                "Axle has it. What waits for a car's release is in `to_come` and goes on by itself.",
            ),
        },
        ("invalid-body", "owned-elsewhere", "site-leaving", "withdrew-before", *FROM_AXLE),
        ("SiteBody",),
    ),
    "GET /sites/{site}": Operation(
        "Sites",
        "getSite",
        "What was begun and is not finished is in `unfinished`.",
        {200: ("Site", "The site.")},
        ("not-found",),
    ),
    "POST /sites/{site}/unenrol": Operation(
        "Sites",
        "unenrolSite",
        "The car is released at once, able to charge; the rewards stay available. Axle's schedules are refused "
        "from then on. Axle receives the half-hours that had ended before, and none later. No body is needed.",
        {
            200: ("Membership", "The site has left the proposition."),
            202: ("Membership", "It has left here; Axle is asked until it acknowledges it."),
        },
        ("invalid-body", *OF_AN_ONBOARDED_SITE, *FROM_AXLE),
        ("EmptyBody",),
        request_optional=True,
    ),
    "POST /sites/{site}/enrol": Operation(
        "Sites",
        "enrolSite",
        "Tariff, intent and plug state are sent to Axle again, and half-hours that begin from then on. After a "
        "withdrawal `rejoin` is needed.",
        {
            200: ("Membership", "The site takes part."),
            202: ("Membership", "Axle is asked until it acknowledges it."),
        },
        ("invalid-body", "withdrew-before", *OF_AN_ONBOARDED_SITE, *FROM_AXLE),
        ("EnrolBody",),
        request_optional=True,
    ),
    "POST /sites/{site}/snooze": Operation(
        "Sites",
        "snoozeSite",
        "The site stays enrolled; cars are not controlled, and Axle receives a plug-out. It ends by itself.",
        {200: ("Membership", "The snooze is set, or ended.")},
        ("invalid-body", "not-enrolled", "unavailable", *OF_AN_ONBOARDED_SITE),
        ("SnoozeBody",),
    ),
    "POST /sites/{site}/connections": Operation(
        "Sites",
        "postConnection",
        "With `asset` its car is connected again: the event `Reconnected` says when that is done, and for a Tesla the "
        "new refresh token goes into the site's `PUT`. With `provider` a new car is connected: the driver comes back "
        "to `return_url`, and the car goes into the site's `PUT`, which may be the site's first. Enode: Link UI and "
        "relinking. Smartcar: Connect. Tesla: sign-in, and `key_url` for the virtual key. Nothing is stored.",
        {201: ("ConnectLink", "The link.")},
        ("invalid-body", "no-connect-link", "not-found", "unavailable"),
        ("ConnectionBody",),
    ),
    "DELETE /sites/{site}": Operation(
        "Sites",
        "deleteSite",
        "Sends the half-hours that had ended to Axle, releases the car, offboards at Axle and erases everything stored "
        "of the site. Data that arrives from then on is lost. What takes longer goes on by itself; repeating the call "
        "answers 202 until it is done, and 204 after.",
        {
            204: ("", "Nothing is stored of the site."),
            202: ("Erasing", "The erasure was begun and goes on by itself."),
        },
        ("balance-outstanding", "malformed", *FROM_AXLE),
        query={"forfeit_balance": typed("boolean", "Give up what has not been withdrawn.", default=False)},
    ),
    "GET /sites/{site}/rewards": Operation(
        "Sites",
        "getRewards",
        "In pence. Transactions are `settled` from their settlement date on, and `estimated` before.",
        {200: ("Rewards", "Balance, earnings, transactions and a temporary link to withdraw.")},
        ("malformed", *OF_AN_ONBOARDED_SITE, *FROM_AXLE),
        query={
            "redirect_uri": text(
                "Where the driver lands after withdrawing: a deep link back to the app, or a text that an app which "
                "shows the page itself looks for. Nothing about success or failure is added to it.",
                maxLength=2000,
            ),
            "hide_transactions": typed("boolean", "Show no history, for an app that shows its own."),
            "auto_redirect_to_setup": typed("boolean", "Without a linked bank, go straight to linking one."),
            "enforce_two_factor_auth": typed(
                "boolean", "Ask for a code by email before a bank is linked. Default: what Axle has set for you."
            ),
        },
    ),
    "GET /sites/{site}/flex-events": Operation(
        "Sites",
        "getFlexEvents",
        "Axle's estimated and final gross revenues in GBP, before the shares of Axle and of the driver are taken off. "
        "They are not what the driver earns (that is in the rewards), and may be negative.",
        {200: ("FlexEvents", "The events that the site took part in.")},
        (*OF_AN_ONBOARDED_SITE, *FROM_AXLE),
    ),
    "GET /sites/{site}/export": Operation(
        "Sites",
        "getExport",
        "For an access request of the driver: everything that is held about the home, as it is stored, and what is "
        "not held. Tokens are left out. An answer of more than 4 MB is sent with `Content-Encoding: gzip`.",
        {200: ("Export", "All that is held.")},
        ("not-found",),
    ),
    "POST /sites/{site}/component-token": Operation(
        "Sites",
        "postComponentToken",
        "For the components that Axle hosts, such as the one that finds an address. Axle knows the household by the "
        "app's id of the site, and needs the time of consent on the first call. Valid for 24 hours; not stored here.",
        {201: ("ComponentToken", "The token.")},
        ("invalid-body", *FROM_AXLE),
        ("ComponentTokenBody",),
    ),
    "POST /meters/search": Operation(
        "Meters",
        "searchMeters",
        "The recommended way to an MPAN: search by postcode, let the driver pick an address, then "
        "`POST /meters/by-ref`. Nothing is stored.",
        {200: ("Meters", "The addresses with a meter; may be empty.")},
        ("invalid-body", *FROM_AXLE),
        ("MeterSearchBody",),
    ),
    "POST /meters/by-ref": Operation(
        "Meters",
        "getMeterByReference",
        "Nothing is stored.",
        {200: ("Meter", "The meter of the address.")},
        ("invalid-body", *FROM_AXLE),
        ("MeterReferenceBody",),
    ),
    "POST /meters/by-address": Operation(
        "Meters",
        "getMeterByAddress",
        "The whole address, the house first, with the postcode. Nothing is stored.",
        {200: ("Meter", "The meter of the address.")},
        ("invalid-body", "no-unique-meter", *FROM_AXLE),
        ("MeterAddressBody",),
    ),
    "PUT /control": Operation(
        "Operator",
        "putControl",
        "`released` ends all control and releases every car, whatever Axle, tariffs and drivers want, until `running` "
        "is put. It takes about a minute; `make release-all` waits for it.",
        {202: ("ControlSwitch", "The switch is set.")},
        ("invalid-body",),
        ("ControlState",),
    ),
    "GET /control": Operation(
        "Operator",
        "getControl",
        "A car counts as held while anything of ours may keep it from charging as its driver chose.",
        {200: ("ControlStatus", "The switch, and how many cars are held.")},
        (),
    ),
    "GET /console": Operation(
        "Console",
        "getConsole",
        "It needs no token and shows nothing before its reader gives one, which stays in the browser's tab.",
        {200: ("Page", "The page.")},
        (),
    ),
    "GET /console/{file}": Operation(
        "Console",
        "getConsoleFile",
        "Nothing is loaded from elsewhere.",
        {200: ("Page", "The file.")},
        ("not-found",),
    ),
    "GET /caller": Operation(
        "Console",
        "getCaller",
        "A token of the app's is refused: the console is for support and operators.",
        {200: ("Caller", "The token.")},
        (),
    ),
    "GET /assets": Operation(
        "Console",
        "getAssets",
        "Those that need attention are listed by how long they have needed it, the longest first. `find` looks for one "
        "whole id: an asset's or a site's own, a vehicle's at its maker, or one of Axle's.",
        {200: ("ListedAssets", "The assets.")},
        ("malformed",),
        query={
            "attention": text("`any`, or a reason."),
            "find": text("An id, in place of `attention`."),
            "after": text("The `next` of an earlier answer."),
        },
    ),
    "GET /nights/{night}": Operation(
        "Console",
        "getNight",
        "The sums over all homes, made at 11 and 41 minutes past each hour from the sessions whose departure or end is "
        "over. A session that goes on over several nights counts in each.",
        {200: ("NightOfAll", "The night.")},
        ("malformed",),
    ),
    "GET /nights/{night}/sessions": Operation(
        "Console",
        "getNightSessions",
        "In the order of verdict and asset.",
        {200: ("NightSessions", "Fifty sessions of the night at most.")},
        ("malformed",),
        query={"verdict": text("Only these."), "after": text("The `next` of an earlier answer.")},
    ),
    "POST /assets/{asset}/look": Operation(
        "Console",
        "postLook",
        "The request goes the way of a command: budgets and a service that is down hold it back. The log has the name "
        "of the token.",
        {202: ("Looked", "It is queued.")},
        ("no-car-linked", "not-found"),
    ),
    "POST /assets/{asset}/retell": Operation(
        "Console",
        "postRetell",
        "Those of all days, or of a local `day`. The log has the name of the token.",
        {202: ("ReportedAgain", "They are due.")},
        ("invalid-body", "not-found"),
        ("RetellBody",),
        request_optional=True,
    ),
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
    "GET /events": Operation(
        "Status",
        "getEvents",
        "What the app's webhook was sent, of all assets, in the order in which it was recorded; sort by `timestamp` "
        "for the order in which it happened. Read on with `after` = `next` while `more` is true, and keep the last "
        "`next` for the next time. An event is here a minute and a half after it happened, for 13 months, unless its "
        "asset was erased. 404 where `AppWebhookUrl` is not set.",
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
