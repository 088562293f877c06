"""The schemas of what Driveway answers: derived from the types of the answers. Those that are not typed stand here.

Tests hold every answer of the documented calls to them, member by member.
"""

from driveway.domain.preferences import answers as preference_answers
from driveway.domain.sessions.night import SENTENCES as NO_SESSIONS
from driveway.domain.sessions.verdict import SENTENCES as VERDICTS
from driveway.observations import observation_answer
from driveway.outbox.app_events import AppEvent
from driveway.runtime.problems import PROBLEM_BASE
from driveway.sites import connections, eligibility, flex_events, meters, put_answer, rewards, site_answers
from driveway.status import (
    asset_answer,
    charge_test,
    events,
    export,
    half_hours,
    preference_answer,
    schedule_answers,
    session_answers,
    site,
    staff_answers,
    timeline,
)
from local.openapi.codes import EVENTS, REASONS, as_list, named
from local.openapi.derived import derived, joined
from local.openapi.schema import Schema, array, one_of, record, ref, text, whole

TYPED: tuple[type, ...] = (
    *asset_answer.ANSWERS,
    *session_answers.ANSWERS,
    *site.ANSWERS,
    half_hours.HalfHours,
    timeline.Timeline,
    AppEvent,
    events.AppEvents,
    export.Export,
    preference_answers.TariffAnswer,
    preference_answers.IntentAnswer,
    preference_answers.VehicleIntentAnswer,
    preference_answers.ChargeNowAnswer,
    preference_answer.Stored,
    charge_test.TestChargeAnswer,
    eligibility.EligibilityAnswer,
    put_answer.OnboardedSite,
    site_answers.Membership,
    site_answers.Erasing,
    rewards.Rewards,
    flex_events.FlexEvents,
    meters.Meters,
    meters.Meter,
    meters.ComponentToken,
    connections.SiteConnection,
    connections.SiteConnections,
    observation_answer.ObservationsStored,
)
"""The answers to the app. Those for support and operators name verdicts without the reasons for a night without one."""


PARTS = frozenset({"Stored", "ChargeNowAnswer", "TestChargeAnswer"})
"""Typed values that are only answered joined with others."""


def response_schemas() -> dict[str, Schema]:
    """Every response schema by its name."""
    typed = derived(TYPED)
    return {
        **derived((*staff_answers.ANSWERS, *schedule_answers.ANSWERS)),
        **{name: schema for name, schema in typed.items() if name not in PARTS},
        **_codes(),
        **_preferences(typed),
        **_others(),
    }


def _codes() -> dict[str, Schema]:
    verdicts: dict[str, str] = {**named(VERDICTS), **named(NO_SESSIONS)}
    return {
        "Reason": one_of(list(REASONS), "Why. Codes are added, never renamed.\n\n" + as_list(REASONS)),
        "Event": one_of(list(EVENTS), "What happened. Names are added, never renamed.\n\n" + as_list(EVENTS)),
        "Verdict": one_of(list(verdicts), "How a night went. Codes are added, never renamed.\n\n" + as_list(verdicts)),
    }


def _preferences(typed: dict[str, Schema]) -> dict[str, Schema]:
    """The answers to changes: the preference as it is stored, and what each of them answers besides."""
    stored = typed["Stored"]
    return {
        "TariffStored": joined("The tariff as it is stored.", typed["TariffAnswer"], stored),
        "IntentStored": joined("The intent as it is stored.", typed["IntentAnswer"], stored),
        "VehicleIntentStored": joined("A car's intent as it is stored.", typed["VehicleIntentAnswer"], stored),
        "VehicleIntentDeleted": joined("A car has no intent of its own.", stored),
        "ChargeNowStored": joined("The charge-now as it is stored.", typed["ChargeNowAnswer"], stored),
        "ChargeNowEnded": joined("There is no charge-now.", stored),
        "TestChargeAsked": joined("The test charge that runs.", typed["TestChargeAnswer"], stored),
    }


def _others() -> dict[str, Schema]:
    counts = {
        name: whole("Events.", least=0) for name in ("stored", "queued", "repeated", "unknown", "test", "dropped")
    }
    return {
        "Accepted": record({"status": one_of(("Accepted",))}),
        "WebhookAnswer": record(
            counts | {"challenge": text("The answer to Smartcar's check of a new webhook.")},
            "How many events were stored, queued (all, of more than ten), seen before, of unknown cars, of a test, or "
            "not read.",
            optional=(*counts, "challenge"),
        ),
        "Problem": _problem(),
    }


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
