"""The next step for a site, and its time. Pure: instants are aware UTC."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from msgspec import Struct

from driveway.domain.sites.record import Change, Disconnect, Enrolment, SiteCall, SiteRecord
from driveway.values import replace

ACTS_WITHIN = timedelta(seconds=60)
"""The time after which Axle does not carry out an unanswered call any more."""

TAKEN_BACK_AFTER = timedelta(hours=1)
"""How long the app has to repeat an onboarding that Axle has not acknowledged: only the app has what Axle needs."""

FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(minutes=10)


class LookUp(Struct, frozen=True):
    """Ask Axle whether it has the assets whose onboarding is in doubt. ``last``: assets that it lacks are dropped."""

    last: bool


class SendLastReadings(Struct, frozen=True):
    """Send Axle what the assets took until they stopped taking part: once, for a few seconds at most."""


class Enrol(Struct, frozen=True):
    """Call Axle until it acknowledges this enrolment."""

    to: Enrolment


class Remove(Struct, frozen=True):
    """Delete an asset at Axle and erase it here."""

    asset: str


class Apply(Struct, frozen=True):
    """Apply the acknowledged changes to the assets."""


class Erase(Struct, frozen=True):
    """Offboard the site at Axle and erase it here. ``last``: no call is under way at Axle that could undo it."""

    last: bool


class EndConnection(Struct, frozen=True):
    """Ask a car maker to end the connection to a vehicle that the site gave up."""

    disconnect: Disconnect


Step = SendLastReadings | LookUp | Enrol | Remove | Apply | Erase | EndConnection


def with_removals(record: SiteRecord, removed: Collection[str]) -> SiteRecord:
    """The record that removes these assets; earlier changes of them are dropped."""
    names = {*record.removals, *(asset for asset in removed if asset in record.known_assets)}
    left = tuple(change for change in record.changes if change.asset not in removed)
    return replace(record, removals=tuple(sorted(names)), changes=left)


def next_step(record: SiteRecord, *, holding: Collection[str], now: datetime) -> Step | None:
    """The next step; None when all is done, or when the rest has to wait.

    A car maker's outage delays nothing else: its connections end last, and only the record of an erased site waits.
    ``holding`` are the leaving assets whose car is not released yet.
    """
    step = _step_at_axle(record, holding, now)
    if step is not None:
        return step
    due = (one for one in record.disconnects if one.retry_at is None or one.retry_at <= now)
    return next((EndConnection(one) for one in due), None)


def _step_at_axle(record: SiteRecord, holding: Collection[str], now: datetime) -> Step | None:
    if record.last_readings_due:
        # First, whatever comes next: Axle takes no readings of an asset that it knows to be out.
        return SendLastReadings()
    if record.wanted == "erased":
        return _erasure(record, holding, now)
    look_up = _look_up(record, now)
    if look_up is not None or record.axle_site_id is None:
        return look_up
    undone = record.unsettled_until is not None and is_settled(record, now)
    if record.enrolment != record.wanted or undone:
        # An earlier call that was still under way may have undone the enrolment that Axle acknowledged since.
        return Enrol(record.wanted)
    removable = [asset for asset in record.removals if _may_be_removed(asset, record, holding, now)]
    if removable:
        return Remove(removable[0])
    waits = record.removals or any(change.asset in holding for change in record.waiting)
    return Apply() if record.waiting and not waits else None


def _look_up(record: SiteRecord, now: datetime) -> LookUp | None:
    """The question to Axle about onboardings in doubt, once no call of ours can still be carried out."""
    if not record.in_doubt or not is_settled(record, now):
        return None
    last = now >= _taken_back_at(record)
    return LookUp(last) if last or not all(change.looked_up for change in record.in_doubt) else None


def _may_be_removed(asset: str, record: SiteRecord, holding: Collection[str], now: datetime) -> bool:
    """Whether its car is released; for an asset without a twin, whether no late call may still bring it to Axle."""
    return asset not in holding if asset in record.assets else is_settled(record, now)


def _erasure(record: SiteRecord, holding: Collection[str], now: datetime) -> Step | None:
    if holding:
        return None
    last = is_settled(record, now)
    if _has_more_to_erase(record):
        return Erase(last)
    return Erase(last) if last and (_may_be_at_axle(record) or not record.disconnects) else None


def _may_be_at_axle(record: SiteRecord) -> bool:
    """Whether Axle may still have something of a site that is being erased."""
    return record.axle_site_id is not None or bool(record.changes)


def _has_more_to_erase(record: SiteRecord) -> bool:
    """Whether the site has more to erase than the assets that a late call may still bring to Axle."""
    return bool(record.assets or record.removals) or not all(change.looked_up for change in record.changes)


def is_settled(record: SiteRecord, now: datetime) -> bool:
    """Whether Axle can no longer carry out an unanswered call."""
    return record.unsettled_until is None or now >= record.unsettled_until


def _taken_back_at(record: SiteRecord) -> datetime:
    return min(change.begun_at for change in record.in_doubt) + TAKEN_BACK_AFTER


def is_finished(record: SiteRecord) -> bool:
    """Whether there is nothing left to do."""
    unfinished = record.changes or record.removals or record.disconnects or record.last_readings_due
    if unfinished or record.wanted == "erased":
        return False
    return record.axle_site_id is None or (record.enrolment == record.wanted and record.unsettled_until is None)


def site_due(record: SiteRecord, now: datetime) -> datetime | None:
    """The due time of the site (aware UTC); None when nothing is left to do."""
    if record.call is not None:
        return record.call.until
    if is_finished(record):
        return None
    ahead = [at or now for at in _steps_ahead(record)] if not record.last_readings_due else []
    return max(now, record.retry_at or now, min(ahead, default=now))


def _steps_ahead(record: SiteRecord) -> Iterator[datetime | None]:
    """The earliest time of each kind of step that is left; None: at once."""
    settled_at = record.unsettled_until
    yield from (disconnect.retry_at for disconnect in record.disconnects)
    if record.wanted == "erased":
        yield from _erasure_ahead(record)
        return
    if record.in_doubt:
        yield _taken_back_at(record) if all(change.looked_up for change in record.in_doubt) else settled_at
    if record.axle_site_id is None:
        return
    if record.enrolment != record.wanted:
        yield None
    elif settled_at is not None:
        yield settled_at
    for asset in record.removals:
        yield None if asset in record.assets else settled_at
    if record.waiting and not record.removals:
        yield None


def _erasure_ahead(record: SiteRecord) -> Iterator[datetime | None]:
    if _has_more_to_erase(record):
        yield None
    elif _may_be_at_axle(record) or not record.disconnects:
        yield record.unsettled_until


def is_free(record: SiteRecord, now: datetime) -> bool:
    """Whether nobody works on the site."""
    return record.call is None or now >= record.call.until


def claimed(record: SiteRecord, call: SiteCall, now: datetime) -> SiteRecord:
    """The record claimed by ``call``; it must be free.

    A former claim that was not given back belonged to a call that died. The result of its last call to Axle is unknown.
    """
    taken_on = replace(record, call=call, begun_at=record.begun_at or now)
    if record.call is None or record.call.id == call.id:
        return taken_on
    lapsed = record.call.until + ACTS_WITHIN
    return replace(
        taken_on,
        enrolment=None,
        unsettled_until=max(record.unsettled_until or lapsed, lapsed),
    )


def given_back(record: SiteRecord, now: datetime) -> SiteRecord:
    """The record as the call that worked on it leaves it."""
    if is_finished(record):
        return replace(record, call=None, begun_at=None, attempts=0, retry_at=None, last_error=None)
    return replace(record, call=None, begun_at=record.begun_at or now)


def failed(
    record: SiteRecord,
    error: str,
    *,
    now: datetime,
    wait_s: float | None = None,
    may_act: bool = False,
    to: Enrolment | None = None,
) -> SiteRecord:
    """The record after Axle could not carry out a call; the call is repeated after a pause that doubles.

    Args:
        record: the site as it is.
        error: the reason, without anything personal.
        now: the present (aware UTC).
        wait_s: the pause that Axle asked for.
        may_act: Axle may still carry out the call.
        to: the enrolment that the call brings about, if any.
    """
    pause = min(FIRST_RETRY * 2 ** min(record.attempts, 10), LONGEST_RETRY)
    retry_at = now + max(pause, min(timedelta(seconds=wait_s or 0), LONGEST_RETRY))
    later = replace(record, attempts=record.attempts + 1, retry_at=retry_at, last_error=error)
    if not may_act:
        return later
    until = now + ACTS_WITHIN
    enrolment = record.enrolment if to in {None, record.enrolment} else None
    return replace(later, enrolment=enrolment, unsettled_until=max(later.unsettled_until or until, until))


def acknowledged(record: SiteRecord, enrolment: Enrolment, now: datetime) -> SiteRecord:
    """The record once Axle acknowledged an enrolment: final, unless an earlier call may still be carried out."""
    done = replace(record, enrolment=enrolment, attempts=0, retry_at=None, last_error=None)
    return replace(done, unsettled_until=None) if is_settled(done, now) else done


def to_come(record: SiteRecord) -> list[str]:
    """The steps that are left, in sentences for the app."""
    found = [
        f"{name} has not acknowledged yet that its connection to the car ended. It is asked until it does."
        for name in sorted({one.provider.capitalize() for one in record.disconnects})
    ]
    if record.wanted == "erased":
        text = "The site is being erased. That goes on by itself. Readings that arrive from now on are lost."
        return [text, *found]
    found += [_of_change(change) for change in record.changes]
    found += [f"{asset} is removed once its car is released." for asset in record.removals]
    if record.axle_site_id is not None and record.enrolment != record.wanted:
        act = "the enrolment" if record.wanted == "enrolled" else "the opt-out"
        found.append(f"Axle has not acknowledged {act} yet. It is repeated until Axle does.")
    if record.last_readings_due and not found:
        found.append("The last readings from before the opt-out are sent to Axle.")
    if record.state == "taken_back":
        found.append("The onboarding was not finished within an hour and was taken back. Repeat the PUT.")
    return found


def _of_change(change: Change) -> str:
    if change.axle_asset_id is None:
        return f"Axle has not acknowledged the onboarding of {change.asset}. Repeat the PUT; that does no harm."
    return f"{change.asset} changes once the vehicle that it replaces is released."
