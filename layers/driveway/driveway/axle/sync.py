"""Makes the calls of ``domain.axle_sync``: call Axle, note the answer on the twin, go on until nothing is left."""

from collections.abc import Callable

from driveway.axle.client import AxleRefusedError, AxleUnavailableError
from driveway.axle.connection import axle_client
from driveway.domain.axle_sync.answers import (
    ACTS_WITHIN,
    acknowledged,
    answered,
    claimed,
    claimed_call,
    held_back,
    put_off,
    refused,
)
from driveway.domain.axle_sync.calls import AxleCall
from driveway.domain.axle_sync.differences import at_rest, call_due
from driveway.domain.control.breaker import Permit
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.runtime.deadline import ENOUGH_S

BREAKER = "axle"
MOST_CALLS = 10

CLAIM_S = 120.0
"""The lease of a claim on a call. It exceeds the function's timeout, so the claiming instance has ended by then."""

Note = Callable[[Twin], Twin]


def sync(asset: str, runtime: Runtime) -> None:
    """Report to Axle every value of the asset that it does not know yet, one call after the other.

    A claim on the twin keeps other instances from calling for the asset meanwhile. The answer of one call and the claim
    of the next are one write. While Axle's breaker is open the twin is postponed without a call.

    Raises:
        UnknownAssetError: no such asset (any more).
        ContentionError: others kept changing the twin; the answer that was not noted is in doubt.
    """
    twin = runtime.table.twin(asset)
    note: Note = _nothing
    for _ in range(MOST_CALLS):
        now = runtime.now()
        if call_due(note(twin), now) is None or runtime.deadline.left_s() < ENOUGH_S:
            break
        permit = runtime.breakers.allow(BREAKER, now)
        if not permit.granted:
            note = _then_held_back(note, permit, runtime)
            break
        call = None
        try:
            twin, claim = _claim(asset, note, runtime)
            call = claimed_call(twin, claim)
        finally:
            if call is None:
                runtime.breakers.unused(BREAKER, permit, now)
        if call is None:
            return
        note = _answer_to(call, claim, permit, runtime)
    # Written also when nothing was noted: the due index may still name an instant that has passed.
    now = runtime.now()
    runtime.table.change_twin(asset, lambda twin: at_rest(note(twin), now), now=now)


def _nothing(twin: Twin) -> Twin:
    return twin


def _then_held_back(note: Note, permit: Permit, runtime: Runtime) -> Note:
    now = runtime.now()
    until = runtime.breakers.comeback(permit.until, now)
    detail = "Axle has not been answering; it is called again when a probe succeeds."
    return lambda twin: held_back(note(twin), detail, now=now, until=until)


def _claim(asset: str, note: Note, runtime: Runtime) -> tuple[Twin, str]:
    """The twin with the last answer noted and the next call claimed (if there is one), and the claim's id."""
    now, claim = runtime.now(), runtime.new_id()
    until = now + runtime.clock.real_time(CLAIM_S)
    change = runtime.table.change_twin(asset, lambda twin: claimed(note(twin), now, id=claim, until=until), now=now)
    return change.after, claim


def _answer_to(call: AxleCall, claim: str, permit: Permit, runtime: Runtime) -> Note:
    """Make a claimed call; returns the change of the twin that follows from the answer."""
    try:
        axle_client(runtime).send_event(call.path, call.body)
    except AxleRefusedError as error:
        now, status, words = runtime.now(), error.status, error.detail
        runtime.breakers.succeeded(BREAKER, permit, now)
        runtime.logger.warning("Axle refused", extra={"call": call.kind, "status": status})
        return lambda twin: answered(
            twin, claim, lambda twin: refused(twin, call, status=status, detail=words, now=now)
        )
    except AxleUnavailableError as error:
        now, wait_s, words, spread = runtime.now(), error.retry_after_s, error.detail, runtime.random.random()
        unanswered = call if error.may_be_carried_out else None
        acts_within = runtime.clock.real_time(ACTS_WITHIN.total_seconds())
        runtime.breakers.failed(BREAKER, permit, now, wait_s=wait_s)
        runtime.logger.info("Axle unavailable", extra={"call": call.kind, "status": error.status})
        return lambda twin: answered(
            twin,
            claim,
            lambda twin: put_off(
                twin, words, now=now, wait_s=wait_s, spread=spread, unanswered=unanswered, acts_within=acts_within
            ),
        )
    now = runtime.now()
    runtime.breakers.succeeded(BREAKER, permit, now)
    return lambda twin: answered(twin, claim, lambda twin: acknowledged(twin, call, now))
