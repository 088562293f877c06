"""Where the car is: reports of home and of away, the doubt between them, and the odometer (rules in ``observe``)."""

from datetime import datetime, timedelta
from math import isfinite

from driveway.domain.presence.evidence import has_moved_since
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.plug import close, with_movement
from driveway.domain.presence.rules import (
    FLOWING_KW,
    Effect,
    EffectKind,
    ObservationContext,
    Ruled,
    is_newer,
    seconds,
    utc,
)
from driveway.domain.twin import AwayDoubt, HeldPlugOut, Observed, Presence, Session
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

DRIVEN_KM = 0.5
MOST_KM_PER_HOUR = 250.0
ODOMETER_LAG = timedelta(minutes=10)
"""The odometer of an arrival may be dated this long before the place of it."""

MOST_STRAYS = 4


def take_departure(presence: Presence, context: ObservationContext) -> Ruled:
    """Take in signs that a car has left although its plug-out is held or was never reported."""
    held = presence.held_plug_out
    if held is not None and _is_news_of_away(presence, context) and context.at >= held.reported_at:
        return close(presence, held, Reason.PLUG_OUT_CONFIRMED_AWAY)
    return _odometer(presence, context)


def _is_news_of_away(presence: Presence, context: ObservationContext) -> bool:
    if context.seen.at_home is not False or not is_newer(context.at, presence.at_home):
        return False
    return not _is_known_stray(presence, context)


def _odometer(presence: Presence, context: ObservationContext) -> Ruled:
    """An odometer that grew since its last reading shows that the car was driven after that reading."""
    value, known = context.seen.odometer_km, presence.odometer_km
    if value is None or not isfinite(value) or value <= 0 or not is_newer(context.at, known):
        return presence, ()
    undriven_since = presence.undriven_since if known is not None and known.value == value else None
    after = replace(presence, odometer_km=Observed(value, context.at), undriven_since=undriven_since or context.at)
    if known is None or not _is_a_drive(value - known.value, context.at - known.at):
        return after, ()
    driven_after = _driven_after(presence, known, value - known.value)
    after = replace(after, driven_after=driven_after, reopen_before=None)
    session, held = after.session, after.held_plug_out
    if session is None or known.at < session.opened_at:
        return after, ()
    if held is not None and context.at >= held.reported_at:
        return close(after, held, Reason.PLUG_OUT_CONFIRMED_BY_MOVEMENT)
    return _left(after, _home_until(after, session, context, value - known.value))


def _home_until(presence: Presence, session: Session, context: ObservationContext, driven_km: float) -> datetime:
    """Until when a car that was driven was at home: to its last plug or charge, if it drove after that.

    Not if the drive was reported with a plug: that may be another one.
    """
    home_at, plugged = _last_home_at(presence, session), presence.plugged_in
    if plugged is None or not plugged.value or context.seen.plugged_in is not False:
        return home_at
    seen = (plugged.at, _charged_here_at(presence, context, context.at) or plugged.at)
    return max([home_at, *(at for at in seen if _is_a_drive(driven_km, context.at - at))])


def _charged_here_at(presence: Presence, context: ObservationContext, away_at: datetime) -> datetime | None:
    """When the battery was last seen filling up; None if that may have been elsewhere.

    A source that reports whenever the car leaves home says nothing of a plug that stays. ``away_at`` is when the car
    was away: what it charged after that, it charged there.
    """
    rose_at = presence.rose_at
    if rose_at is None or not context.rules.reports_home_changes or context.seen.plugged_in:
        return None
    return rose_at if rose_at <= away_at else None


def _driven_after(presence: Presence, known: Observed, driven_km: float) -> datetime:
    """After which time the car was driven: after its last reading, or after it parked where it was last seen.

    A reading from a little before the parking proves a later drive if the rest of the arrival cannot be as long.
    """
    measured_at = presence.place_measured_at
    if measured_at is None or not known.at < measured_at <= known.at + ODOMETER_LAG:
        return known.at
    arrival_km = MOST_KM_PER_HOUR * ((measured_at - known.at) / timedelta(hours=1))
    return measured_at if driven_km > arrival_km + DRIVEN_KM else known.at


def _is_a_drive(driven_km: float, took: timedelta) -> bool:
    """Whether the odometer grew by a drive; one that grew faster than a car drives has changed its unit."""
    return DRIVEN_KM < driven_km <= 1 + MOST_KM_PER_HOUR * (took / timedelta(hours=1))


def take_sight(presence: Presence, context: ObservationContext) -> Presence:
    """Record for how long the car was seen plugged in or charging without a gap in which it could have left."""
    seen, seen_until = context.seen, presence.seen_until
    if seen_until is None or presence.session is None or context.at <= seen_until or not _shows_plug(seen):
        return presence
    gap = context.at - seen_until >= seconds(context.rules.leaving_s)
    return presence if gap else replace(presence, seen_until=context.at)


def _shows_plug(seen: Observation) -> bool:
    flowing = seen.power_kw is not None and isfinite(seen.power_kw) and abs(seen.power_kw) >= FLOWING_KW
    return bool(seen.plugged_in or seen.charging or flowing)


def take_home(presence: Presence, context: ObservationContext) -> Ruled:
    """Take in whether the car is at home. The newest report counts; in a session, "away" begins a doubt first."""
    home = context.seen.at_home
    if home is None:
        return presence, ()
    if not is_newer(context.at, presence.at_home):
        same = presence.at_home is not None and presence.at_home.value == home
        return _home_before_doubt(presence, context), () if same else (
            context.ignored("at_home", Reason.OBSERVED_TOO_LATE),
        )
    measured_at = _measured_at(context)
    if home:
        return _home(presence, context, measured_at)
    if presence.session is not None:
        return _away_in_session(presence, presence.session, context, measured_at)
    if _within(presence.last_session, context.at):
        return presence, (context.ignored("at_home", Reason.AWAY_WHILE_PLUGGED),)
    return _away(presence, context.at, measured_at), ()


def _measured_at(context: ObservationContext) -> datetime:
    measured_at = context.seen.place_measured_at
    return context.at if measured_at is None else min(utc(measured_at), context.at)


def _within(session: Session | None, at: datetime) -> bool:
    return session is not None and session.closed_at is not None and session.opened_at <= at < session.closed_at


def _is_known_stray(presence: Presence, context: ObservationContext) -> bool:
    """Whether this is the measurement that was found wrong; a clear one only if no car could be there by then."""
    measured_at, home_at = _measured_at(context), presence.stray_home_at
    if measured_at != presence.stray_measured_at:
        return False
    no_time = home_at is not None and measured_at - home_at <= seconds(context.rules.at_once_s)
    return no_time or not context.seen.clearly_away


def _home(presence: Presence, context: ObservationContext, measured_at: datetime) -> Ruled:
    if has_moved_since(presence, measured_at, context.rules):
        return presence, (context.ignored("at_home", Reason.PLACE_BEFORE_MOVE),)
    effects: tuple[Effect, ...] = ()
    if presence.doubt is not None:
        presence, effects = _stray(presence, presence.doubt, context.at, Reason.HOME_SEEN_AGAIN)
    known, known_at = presence.at_home, presence.place_measured_at
    goes_on = known is not None and known.value and not has_moved_since(presence, known_at or known.at, context.rules)
    after = replace(
        presence,
        at_home=Observed(True, context.at),
        place_measured_at=measured_at,
        home_since=presence.home_since if goes_on else measured_at,
        seen_until=context.at,
    )
    return after, effects


def _home_before_doubt(presence: Presence, context: ObservationContext) -> Presence:
    """A late report of home may show the car at home until later than was known when the doubt began."""
    doubt = presence.doubt
    if doubt is None or not context.seen.at_home or not doubt.home_at < context.at < doubt.since:
        return presence
    return replace(presence, doubt=replace(doubt, home_at=context.at))


def _away(presence: Presence, at: datetime, measured_at: datetime) -> Presence:
    after = replace(
        presence,
        at_home=Observed(False, at),
        place_measured_at=measured_at,
        home_since=None,
        away_seen_at=max(at, presence.away_seen_at or at),
    )
    return with_movement(after, measured_at)


def _away_in_session(presence: Presence, session: Session, context: ObservationContext, measured_at: datetime) -> Ruled:
    """A report of being away from a plugged-in car: it begins a doubt, repeats it, or ends the session."""
    known_at, doubt = presence.place_measured_at, presence.doubt
    if known_at is not None and measured_at < known_at:
        return presence, (context.ignored("at_home", Reason.OBSERVED_TOO_LATE),)
    if _is_known_stray(presence, context):
        return presence, (context.ignored("at_home", Reason.PLACE_WAS_STRAY),)
    held = presence.held_plug_out
    if held is not None and context.at >= held.reported_at:
        after, effects = close(presence, held, Reason.PLUG_OUT_CONFIRMED_AWAY)
        return _away(after, context.at, measured_at), effects
    home_at = _last_home_at(presence, session)
    home_at = max(home_at, _charged_here_at(presence, context, measured_at) or home_at)
    clearly = context.seen.clearly_away and (bool(session.strays) or not _is_undriven(presence, home_at, measured_at))
    if clearly or (doubt is not None and measured_at > doubt.measured_at):
        after, effects = _left(presence, home_at)
        return _away(after, context.at, measured_at), effects
    after = replace(presence, at_home=Observed(False, context.at))
    if doubt is not None:
        return after, ()
    seen_until = presence.seen_until
    begun = AwayDoubt(
        since=context.at,
        measured_at=measured_at,
        home_at=home_at,
        until=context.at + seconds(context.rules.doubt_s),
        may_have_left=seen_until is None or context.at - seen_until >= seconds(context.rules.leaving_s),
    )
    effect = Effect(EffectKind.HOME_DOUBTED, context.at, Reason.HOME_IN_DOUBT, session_id=session.id)
    return replace(after, doubt=begun), (effect,)


def _is_undriven(presence: Presence, home_at: datetime, measured_at: datetime) -> bool:
    """Whether the odometer showed the same before the car was last seen at home and when a place away was measured.

    That makes a place far away doubtful, and no more: many odometers count whole kilometres or miles.
    """
    odometer, since = presence.odometer_km, presence.undriven_since
    return odometer is not None and since is not None and since <= home_at and measured_at <= odometer.at


def _last_home_at(presence: Presence, session: Session) -> datetime:
    """The time at which the car was last seen at home in the session."""
    if presence.doubt is not None:
        return presence.doubt.home_at
    home = presence.at_home
    return max(home.at, session.opened_at) if home is not None and home.value else session.opened_at


def settle_doubt(presence: Presence, doubt: AwayDoubt) -> Ruled:
    """The presence once the time of a doubt is over: the car was away, or the report was a stray."""
    if not doubt.may_have_left:
        return _stray(presence, doubt, doubt.until, Reason.PLACE_WAS_STRAY)
    known = presence.at_home
    after, effects = _left(presence, doubt.home_at)
    return _away(after, known.at if known is not None else doubt.since, doubt.measured_at), effects


def _stray(presence: Presence, doubt: AwayDoubt, at: datetime, reason: Reason) -> Ruled:
    """The report of being away was wrong: the session goes on, and energy that was measured in the doubt counts."""
    session, known = presence.session, presence.at_home
    if session is not None:
        session = replace(session, strays=(*session.strays, doubt.since)[-MOST_STRAYS:])
    after = replace(
        presence,
        doubt=None,
        session=session,
        at_home=Observed(True, known.at if known is not None else doubt.since),
        stray_measured_at=doubt.measured_at,
        stray_home_at=doubt.home_at,
        seen_until=doubt.since,
    )
    return after, (Effect(EffectKind.HOME_CONFIRMED, at, reason, session_id=session.id if session else None),)


def _left(presence: Presence, home_at: datetime) -> Ruled:
    """The session ended without a report, at the last report of home; a plug that was seen since is another one."""
    known = presence.plugged_in
    held = HeldPlugOut(reported_at=home_at, until=home_at, seen_at=home_at)
    after, effects = close(presence, held, Reason.LEFT_HOME_UNSEEN)
    if known is not None and known.value and known.at > home_at and presence.held_plug_out is None:
        after = replace(after, plugged_in=known, plugged_at=known.at, unplugged_seen_at=home_at)
    return after, effects
