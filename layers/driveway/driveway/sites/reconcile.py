"""Site sync: takes the steps that are left for a site, one by one, until none is left or the next has to wait.

A request takes the steps of the site that it changed, within its time; the minute clock takes those that are left. Each
run claims the site first, so no other run calls Axle for it meanwhile. Every step can be repeated.
"""

import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from driveway.axle.client import AxleError, AxleRefusedError, AxleUnavailableError
from driveway.axle.connection import axle_client
from driveway.domain.sites.record import Enrolment, SiteCall, SiteRecord
from driveway.domain.sites.steps import (
    Apply,
    EndConnection,
    Enrol,
    Erase,
    LookUp,
    Remove,
    SendLastReadings,
    Step,
    acknowledged,
    failed,
    given_back,
    is_free,
    next_step,
)
from driveway.observations.metering_intake import meter_twin
from driveway.runtime.context import Runtime
from driveway.sites.apply_changes import applied, given_up, holding
from driveway.sites.changing import (
    Edit,
    LostCallError,
    SiteGoneError,
    Twins,
    change_site,
    new_call,
    of_call,
    taken_on,
    twins_of,
)
from driveway.sites.disconnect import end_connection
from driveway.sites.erase_steps import erase_site, remove_asset
from driveway.sites.last_readings import send_last_readings
from driveway.sites.leaving import longest_release, report_leftovers
from driveway.sites.onboarding_twins import opted_in, opted_out
from driveway.sites.onboardings_in_doubt import look_up
from driveway.sites.requested import PROPOSITION
from driveway.values import replace

WAIT_S = 8.0
"""How long a request waits until a car is released, or until another request is done with the site."""
BEGIN_STEPS_WITHIN_S = 12.0
"""The time after which a request leaves the remaining steps to the clock."""
BEGIN_STEP_S = 5.0
"""No step is begun with less time left; the clock goes on with it."""
POLL_S = 0.2
SYNC_S = 150.0
"""The lease of a claim by the queue's function; it exceeds that function's timeout."""


def longest_wait_s(runtime: Runtime) -> float:
    """How long this request may wait for a car or for another request: less than ``WAIT_S`` as its time runs out."""
    return min(WAIT_S, max(0.0, runtime.deadline.left_s() - BEGIN_STEP_S))


def sync_site(site: str, runtime: Runtime) -> None:
    """Take the steps that are left for a site; none while another run does."""
    now, call = runtime.now(), new_call(runtime, SYNC_S)
    record = runtime.sites.get(site)
    if record is None or not is_free(record, now) or (record.retry_at is not None and now < record.retry_at):
        return
    try:
        change_site(site, lambda record, _: Edit(taken_on(record, call, now)), runtime)
        work(site, call, runtime, wait_s=0.0)
    except (SiteGoneError, LostCallError, AxleRefusedError) as error:
        runtime.logger.info("site sync ended", extra={"site": site, "why": str(error)})


def work(site: str, call: SiteCall, runtime: Runtime, *, wait_s: float) -> SiteRecord | None:
    """Take the steps that are left for a site that this call has claimed, and give it back; None once it is erased.

    Raises:
        AxleRefusedError: Axle refused the enrolment for good. It is noted, and the site is given back.
    """
    began = time.monotonic()
    while True:
        record = runtime.sites.get(site)
        if record is None or record.call is None or record.call.id != call.id:
            return record
        now, twins = runtime.now(), twins_of(record, runtime)
        held = holding(record, twins, now, longest_release(runtime))
        step, spent_s = next_step(record, holding=held, now=now), time.monotonic() - began
        latest_s = min(BEGIN_STEPS_WITHIN_S, spent_s + runtime.deadline.left_s() - BEGIN_STEP_S)
        if step is None and held and spent_s < min(wait_s, latest_s):
            time.sleep(POLL_S)
            continue
        if step is None or spent_s > latest_s:
            return change_site(site, of_call(call, lambda r, _: Edit(given_back(r, runtime.now()))), runtime)
        if isinstance(step, (Apply, Erase, Remove)):
            for asset in given_up(record, twins, now):
                report_leftovers(asset, runtime)
        try:
            _carry_out(step, record, twins, call, runtime)
        except AxleError as error:
            _note_failure(site, step, error, call, runtime)
            if isinstance(error, AxleRefusedError):
                raise
            return runtime.sites.get(site)


def _note_failure(site: str, step: Step, error: AxleError, call: SiteCall, runtime: Runtime) -> None:
    unavailable = isinstance(error, AxleUnavailableError)
    wait_s = error.retry_after_s if isinstance(error, AxleUnavailableError) else None
    may_act = isinstance(error, AxleUnavailableError) and error.may_be_carried_out
    words = "Axle cannot answer now." if unavailable else f"Axle refused ({error.status})."

    to = step.to if isinstance(step, Enrol) else None

    def rule(record: SiteRecord, _: Twins) -> Edit:
        later = failed(record, words, now=runtime.now(), wait_s=wait_s, may_act=may_act, to=to)
        return Edit(given_back(later, runtime.now()))

    change_site(site, of_call(call, rule), runtime)


def _carry_out(step: Step, record: SiteRecord, twins: Twins, call: SiteCall, runtime: Runtime) -> None:
    match step:
        case SendLastReadings():
            send_last_readings(record.site, twins, call, runtime)
        case LookUp():
            after_change(look_up(step, record, call, runtime), runtime)
        case Enrol():
            _enrol(step, record, call, runtime)
        case Remove():
            remove_asset(step.asset, record, twins, call, runtime)
        case Apply():
            apply_changes(record.site, call, runtime)
        case EndConnection():
            end_connection(step, record, call, runtime)
        case Erase():
            erase_site(step, record, call, runtime)


def apply_changes(site: str, call: SiteCall, runtime: Runtime) -> None:
    """Apply the acknowledged changes that need not wait."""

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        done = applied(record, twins, rejoined=False, now=runtime.now(), longest=longest_release(runtime))
        pairs.clear()
        pairs.extend(done.twins)
        return Edit(done.record, done.twins)

    pairs: list[Any] = []
    change_site(site, of_call(call, rule), runtime)
    after_change(pairs, runtime)


def after_change(pairs: Sequence[Any], runtime: Runtime) -> None:
    """Record the changed plug states in the half-hours. This can be repeated."""
    for before, after in pairs:
        if after is not None and before is not after:
            meter_twin(after, (), runtime)


def _enrol(step: Enrol, record: SiteRecord, call: SiteCall, runtime: Runtime) -> None:
    path = "enrol" if step.to == "enrolled" else "unenrol"
    body: dict[str, Any] = {"proposition": PROPOSITION}
    if step.to == "enrolled":
        body["override_withdrawal"] = record.rejoin
        if record.consent_at is not None:
            body["gave_boundary_meter_consent_at"] = record.consent_at.isoformat()
    newly = False
    try:
        answer = axle_client(runtime).post(f"/entities/site/{record.axle_site_id}/{path}", body)
        newly = _enrolment_in(answer, step.to) == "enrolled"
    except AxleRefusedError as error:
        if step.to == "enrolled":
            _give_enrolment_up(record.site, call, runtime)
            raise
        if error.status != HTTPStatus.NOT_FOUND:
            raise

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        now = runtime.now()
        if record.wanted != step.to:
            return Edit(acknowledged(record, step.to, now))
        if step.to == "enrolled":
            return Edit(
                acknowledged(record, step.to, now), [(t, opted_in(t, now, newly=newly)) for t in twins.values()]
            )
        return Edit(acknowledged(record, step.to, now), [(t, opted_out(t, now)) for t in twins.values()])

    change_site(record.site, of_call(call, rule), runtime)


def _enrolment_in(answer: Any, to: Enrolment) -> str:
    status = answer.get("status") if isinstance(answer, dict) else None
    if status not in {to, f"already_{to}"}:
        raise AxleUnavailableError("Axle's answer does not acknowledge the enrolment.")
    return str(status)


def _give_enrolment_up(site: str, call: SiteCall, runtime: Runtime) -> None:
    """Axle does not enrol the site: it stays out, unless another request came meanwhile."""

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        if record.wanted != "enrolled":
            return Edit(record)
        now = runtime.now()
        return Edit(replace(record, wanted="unenrolled"), [(twin, opted_out(twin, now)) for twin in twins.values()])

    change_site(site, of_call(call, rule), runtime)
