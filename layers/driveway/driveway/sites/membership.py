"""Opting out and back in, and pausing: ``POST /sites/{site}/unenrol``, ``/enrol`` and ``/snooze``.

A request writes the requested state, takes the steps that fit into its time, and answers with the state of the site.
The minute clock takes the steps that are left.
"""

import time
from datetime import UTC, datetime, timedelta

from driveway.axle.client import AxleRefusedError
from driveway.domain.sites.record import SiteCall, SiteRecord
from driveway.domain.sites.steps import is_finished
from driveway.domain.twin import Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason, local_day_and_hhmm
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer
from driveway.runtime.problems import not_enrolled, not_found
from driveway.sites import reconcile
from driveway.sites.axle_problems import problem_of
from driveway.sites.bodies import EnrolBody, SnoozeBody, refused
from driveway.sites.changing import (
    Edit,
    LostCallError,
    Rule,
    SiteGoneError,
    Twins,
    change_site,
    existing_site,
    new_call,
    refuse_leaving,
    taken_on,
)
from driveway.sites.onboarding_twins import opted_out
from driveway.sites.site_answers import membership
from driveway.values import replace

LONGEST_SNOOZE = timedelta(days=366)


def unenrol(site: str, runtime: Runtime) -> Answer:
    """Opt out: our side first, so that the car is released at once, then Axle. The rewards stay available.

    200 once Axle has acknowledged it, 202 while the clock repeats it.
    """
    record, now, call = existing_site(site, runtime), runtime.now(), new_call(runtime)
    if record.state == "unenrolled" and record.call is None:
        return Answer(200, membership(record))

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        refuse_leaving(record)
        wanted = replace(record, wanted="unenrolled", wanted_at=now)
        return Edit(taken_on(wanted, call, now), [(twin, opted_out(twin, now)) for twin in twins.values()])

    return _done(site, rule, call, "unenrol", runtime)


def enrol(site: str, body: EnrolBody, runtime: Runtime) -> Answer:
    """Opt back in: Axle first, then our side; tariff, intent and plug state are reported to Axle again.

    200 once Axle has acknowledged it, 202 while the clock repeats it.

    Raises:
        ProblemError: Axle refuses, for example a driver who withdrew before without ``rejoin``.
    """
    record, now, call = existing_site(site, runtime), runtime.now(), new_call(runtime)
    consent_at = body.gave_boundary_meter_consent_at
    known = (None, None), (record.consent_at, None), (record.consent_at, record.consent_version)
    if record.state == "active" and record.call is None and (consent_at, body.consent_version) in known:
        return Answer(200, membership(record))

    def rule(record: SiteRecord, _: Twins) -> Edit:
        refuse_leaving(record)
        wanted = replace(record, wanted="enrolled", wanted_at=now, rejoin=body.rejoin)
        if record.wanted != "enrolled":
            # An opt-out that Axle has not acknowledged yet has already reached the twins, so Axle is asked in any case.
            wanted = replace(wanted, enrolment=None)
        if consent_at is not None:
            wanted = replace(wanted.consenting(consent_at.astimezone(UTC), body.consent_version), enrolment=None)
        return Edit(taken_on(wanted, call, now))

    return _done(site, rule, call, "enrol", runtime)


def _done(site: str, rule: Rule, call: SiteCall, what: str, runtime: Runtime) -> Answer:
    try:
        record = change_site(site, rule, runtime)
        if record is not None and record.call is not None and record.call.id == call.id:
            record = reconcile.work(site, call, runtime, wait_s=0.0)
        else:
            record = wait_until_free(site, runtime)
    except AxleRefusedError as error:
        raise problem_of(error, what) from None
    except (SiteGoneError, LostCallError):
        record = runtime.sites.get(site)
    if record is None:
        raise not_found("site", site)
    return answer_of(record)


def wait_until_free(site: str, runtime: Runtime) -> SiteRecord | None:
    """Wait a little for the call that works on the site; it also carries out requests that came meanwhile."""
    deadline = time.monotonic() + reconcile.longest_wait_s(runtime)
    while (record := runtime.sites.get(site)) is not None and record.call is not None and time.monotonic() < deadline:
        time.sleep(reconcile.POLL_S)
    return record


def snooze(site: str, body: SnoozeBody, runtime: Runtime) -> Answer:
    """Pause until an instant, or end the pause (``until`` null). It ends by itself.

    Raises:
        ProblemError: the site is not enrolled (409), or the instant is not within the coming year (422).
    """
    existing_site(site, runtime)
    now, until = runtime.now(), body.until
    if until is not None and not now < until <= now + LONGEST_SNOOZE:
        raise refused([("/until", "Give an instant within the coming year, or null to end the snooze.")])
    until = until.astimezone(UTC) if until else None

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        refuse_leaving(record)
        if record.wanted != "enrolled":
            raise not_enrolled("A site that opted out cannot be snoozed.")
        return Edit(replace(record, snoozed_until=until), [(t, _snoozed(t, until, now)) for t in twins.values()])

    try:
        record = change_site(site, rule, runtime)
    except SiteGoneError:
        record = None
    if record is None:
        raise not_found("site", site)
    return Answer(200, membership(record))


def _snoozed(twin: Twin, until: datetime | None, now: datetime) -> Twin:
    if twin.link.snoozed_until == until:
        return twin
    by = {"by": "app"}
    if until is None:
        entry = Entry(now, Event.SNOOZE_ENDED, Reason.SNOOZE_ENDED, "The snooze was ended; smart charging goes on.", by)
    else:
        until_text = local_day_and_hhmm(until, twin.link.timezone)
        text = f"Smart charging is snoozed until {until_text}. The car charges as it likes."
        entry = Entry(now, Event.SNOOZED, Reason.SNOOZED, text, {**by, "until": until.isoformat()})
    return replace(twin, link=replace(twin.link, snoozed_until=until)).tell(entry)


def answer_of(record: SiteRecord) -> Answer:
    """200 with the state of a site that has nothing left to do; 202 with the steps that are left."""
    if record.call is None and is_finished(replace(record, unsettled_until=None)):
        return Answer(200, membership(record))
    return Answer(202, membership(record, is_unfinished=True))
