"""Opting out and back in, and pausing: ``POST /sites/{site}/unenrol``, ``/enrol`` and ``/snooze``."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

from driveway.axle.client import AxleError, AxleRefusedError
from driveway.axle.connection import axle_client
from driveway.domain.instants import utc_text_or_none
from driveway.domain.schedules.order import without_schedules
from driveway.domain.twin import AxleState, Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer
from driveway.runtime.problems import ProblemError, busy, not_enrolled, not_found
from driveway.sites.axle_problems import problem_of
from driveway.sites.bodies import EnrolBody, SnoozeBody, refused
from driveway.sites.requested import PROPOSITION
from driveway.store.conditional import ContentionError
from driveway.store.sites import Pair, SiteRecord
from driveway.store.table import UnknownAssetError

MOST_TRIES = 6
LONGEST_SNOOZE = timedelta(days=366)

RecordRule = Callable[[SiteRecord], SiteRecord]
TwinRule = Callable[[Twin], Twin]


def unenrol(site: str, runtime: Runtime) -> Answer:
    """Opt out: our side first, so that the car is let go of at once, then Axle. The rewards stay in reach.

    Raises:
        ProblemError: Axle cannot answer (503): the site is ``unenrolling`` until the call is repeated.
    """
    record = onboarded_site(site, runtime)
    if record.state == "unenrolled":
        return Answer(200, site_state(record))
    now = runtime.now()

    def out(twin: Twin) -> Twin:
        if not twin.link.enrolled:
            return twin
        entry = Entry(now, Event.UNENROLLED, Reason.UNENROLLED, "The site opted out; the car charges as it likes.")
        return without_schedules(replace(twin, link=replace(twin.link, enrolled=False)), now).tell(entry)

    record = change_site(site, lambda r: replace(r, state="unenrolling"), out, runtime)
    try:
        axle_client(runtime).post(f"/entities/site/{record.axle_site_id}/unenrol", {"proposition": PROPOSITION})
    except AxleError as error:
        if not (isinstance(error, AxleRefusedError) and error.status == 404):
            raise problem_of(error, "unenrol") from None
    done = change_site(site, lambda r: replace(r, state="unenrolled", enrolment="unenrolled"), out, runtime)
    return Answer(200, site_state(done))


def enrol(site: str, body: EnrolBody, runtime: Runtime) -> Answer:
    """Opt back in: Axle first, then our side; Axle is told tariff, intent and plug state anew.

    Raises:
        ProblemError: Axle refuses, who withdrew before without ``rejoin`` for one, or cannot answer (503).
    """
    record, now = onboarded_site(site, runtime), runtime.now()
    consent_at = body.gave_boundary_meter_consent_at
    asked: dict[str, Any] = {"proposition": PROPOSITION, "override_withdrawal": body.rejoin}
    if consent_at is not None:
        asked["gave_boundary_meter_consent_at"] = consent_at.astimezone(UTC).isoformat()
    try:
        answer = axle_client(runtime).post(f"/entities/site/{record.axle_site_id}/enrol", asked)
    except AxleError as error:
        raise problem_of(error, "enrol") from None
    newly = answer["status"] == "enrolled"

    def back(twin: Twin) -> Twin:
        if twin.link.enrolled and not newly:
            return twin
        entry = Entry(now, Event.ENROLLED, Reason.ENROLLED, "The site takes part in smart charging.")
        return replace(twin, link=replace(twin.link, enrolled=True), axle=AxleState()).tell(entry)

    done = change_site(
        site,
        lambda r: replace(r, state="active", enrolment="enrolled", consent_at=consent_at or r.consent_at),
        back,
        runtime,
    )
    return Answer(200, site_state(done))


def snooze(site: str, body: SnoozeBody, runtime: Runtime) -> Answer:
    """Pause until an instant, or end the pause (``until`` null). It ends by itself.

    Raises:
        ProblemError: the site is not enrolled (409), or the instant is not within the coming year (422).
    """
    record, now, until = onboarded_site(site, runtime), runtime.now(), body.until
    if record.state != "active":
        raise not_enrolled("A site that opted out cannot be snoozed.")
    if until is not None and not now < until <= now + LONGEST_SNOOZE:
        raise refused([("/until", "Give an instant within the coming year, or null to end the snooze.")])
    until = until.astimezone(UTC) if until else None

    def pause(twin: Twin) -> Twin:
        if twin.link.snoozed_until == until:
            return twin
        if until is None:
            entry = Entry(now, Event.SNOOZE_ENDED, Reason.SNOOZE_ENDED, "The snooze was ended; smart charging goes on.")
        else:
            entry = Entry(
                now, Event.SNOOZED, Reason.SNOOZED, "Smart charging is snoozed.", {"until": until.isoformat()}
            )
        return replace(twin, link=replace(twin.link, snoozed_until=until)).tell(entry)

    done = change_site(site, lambda r: replace(r, snoozed_until=until), pause, runtime)
    return Answer(200, site_state(done))


def onboarded_site(site: str, runtime: Runtime) -> SiteRecord:
    """The record of a site that Axle knows and that is not being erased. Raises ProblemError (404, 409)."""
    record = runtime.sites.get(site)
    if record is None:
        raise not_found("site", site)
    if record.state == "leaving":
        raise ProblemError(409, "site-leaving", "The site is being erased", "Finish its DELETE first.")
    if record.axle_site_id is None:
        detail = "Its onboarding was begun and not finished. Repeat the PUT first."
        raise ProblemError(409, "not-onboarded", "The site is not onboarded", detail)
    return record


def change_site(site: str, record_rule: RecordRule, twin_rule: TwinRule, runtime: Runtime) -> SiteRecord:
    """Change a site's record and all its twins in one transaction, on what they are when it is written.

    Raises:
        ProblemError: there is no such site (404), or others kept changing it (503).
    """
    for _ in range(MOST_TRIES):
        record = runtime.sites.get(site)
        if record is None:
            raise not_found("site", site)
        wanted, pairs = record_rule(record), _pairs(record, twin_rule, runtime)
        try:
            runtime.sites.commit(wanted, pairs, [], now=runtime.now())
        except ContentionError:
            continue
        return wanted
    raise busy("The site is being changed by many at once. Repeat the call.", retry_after_s=1)


def _pairs(record: SiteRecord, rule: TwinRule, runtime: Runtime) -> list[Pair]:
    pairs: list[Pair] = []
    for asset in record.known_assets:
        try:
            before = replace(runtime.table.twin(asset), news=())
        except UnknownAssetError:
            continue
        if before.link.site == record.site:
            pairs.append((before, rule(before)))
    return pairs


def site_state(record: SiteRecord) -> dict[str, Any]:
    """What the answers say of a site."""
    return {
        "site": record.site,
        "state": record.state,
        "enrolment": record.enrolment,
        "snoozed_until": utc_text_or_none(record.snoozed_until),
    }
