"""What the code of the routes of sites and meters does not show."""

from local.openapi.operation import FROM_AXLE, OF_AN_ONBOARDED_SITE, Operation
from local.openapi.schema import text, typed

SITES: dict[str, Operation] = {
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
        "to `return_url`, and the car goes into the site's `PUT`, which may be the site's first. The event "
        "`VehicleConnected` has its id: from Enode, before the `PUT`; from the `PUT` at the other makers. Enode: Link "
        "UI and relinking. Smartcar: Connect. Tesla: sign-in, and `key_url` for the virtual key. A call that is "
        "repeated with its own `state` answers 200 with the same page; any other makes a new one, in place of the "
        "page that this car or this driver had.",
        {
            201: ("SiteConnection", "The page."),
            200: ("SiteConnection", "The page that this `state` got before."),
        },
        ("invalid-body", "no-connect-link", "not-found", "site-leaving", "unavailable"),
        ("ConnectionBody",),
    ),
    "GET /sites/{site}/connections": Operation(
        "Sites",
        "getConnections",
        "A page is listed until a week after its end. None is listed for a site that nothing is known of.",
        {200: ("SiteConnections", "What drivers were asked to connect, and how far it is.")},
        ("internal",),
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
}
