"""Which reports of being at home count for the present plug, and from when."""

from datetime import datetime

from driveway.domain.presence.rules import POLLED, PresenceRules, seconds
from driveway.domain.twin import Presence

LOST_CHARGE_PCT = 5.0


def has_moved_since(presence: Presence, measured_at: datetime, rules: PresenceRules) -> bool:
    """Whether the car has moved since a place was measured (aware UTC), so that it is elsewhere now.

    A car that reports home as it arrives is seen moving for a little longer; that is no departure. A place that is
    measured at the same instant as the place away from home is that place under another name.
    """
    driven_after, moved_at = presence.driven_after, presence.moved_at
    if driven_after is not None and measured_at <= driven_after:
        return True
    if moved_at is None or measured_at > moved_at:
        return False
    known = presence.at_home
    if known is not None and not known.value:
        return measured_at < moved_at or presence.place_measured_at != measured_at
    since = presence.home_since
    return known is None or since is None or moved_at - since > seconds(rules.arrival_s)


def was_elsewhere_since(presence: Presence, plugged_at: datetime) -> bool:
    """Whether the car was seen moving or away since it was plugged in: it may have been plugged in elsewhere."""
    seen = (presence.moved_at, presence.away_seen_at, presence.driven_after)
    return any(at is not None and at >= plugged_at for at in seen)


def home_evidence_at(presence: Presence, rules: PresenceRules) -> datetime | None:
    """The time from which the present plug is known to be at home; None if no evidence counts.

    A report of home that came with the plug-in or after it counts from when the place was measured. If the car was
    seen elsewhere since it was plugged in, the report counts from its own time only, and the plug must have been seen
    since about when the place was measured: otherwise the plug-out was missed, and the car may stand at home unplugged.

    A report from before the plug-in counts if nothing suggests that the car left between: its place must not have been
    measured longer than ``home_stands_s`` ago nor before the last plug-out, and not just after that plug-out, when the
    car may have been about to leave, unless the car was arriving.
    """
    home, plug, plugged_at = presence.at_home, presence.plugged_in, presence.plugged_at
    if home is None or plug is None or plugged_at is None or not home.value or not plug.value:
        return None
    measured_at = presence.place_measured_at or home.at
    if has_moved_since(presence, measured_at, rules):
        return None
    if home.at < plugged_at:
        return measured_at if rules.reports_home_changes or _stands(presence, measured_at, plugged_at, rules) else None
    if rules.reports_home_changes or not was_elsewhere_since(presence, plugged_at):
        return measured_at
    lost_sight = measured_at - plug.at > seconds(rules.at_once_s + rules.refresh_s)
    return None if lost_sight else home.at


def may_have_been_driven(presence: Presence) -> bool:
    """Whether the battery lost charge while the car was unplugged and its place was not measured since.

    This does not prove a drive, since a parked car draws power as well. It asks for a state read before the first
    command.
    """
    before, now = presence.soc_at_unplug, presence.soc_pct
    unplugged_at, measured_at = presence.unplugged_at, presence.place_measured_at
    if before is None or now is None or unplugged_at is None or measured_at is None:
        return False
    return measured_at <= unplugged_at and before.value - now.value >= LOST_CHARGE_PCT


def _stands(presence: Presence, home_at: datetime, plugged_at: datetime, rules: PresenceRules) -> bool:
    """Whether a place that was measured before the plug-in still holds at the plug-in."""
    unplugged_at, moved_at = presence.unplugged_at, presence.moved_at
    if plugged_at - home_at > seconds(rules.home_stands_s):
        return False
    if unplugged_at is None:
        return True
    arrived = moved_at is not None and moved_at >= unplugged_at
    may_leave = home_at - unplugged_at < seconds(rules.departure_s) and not arrived
    soon = plugged_at - home_at <= seconds(rules.at_once_s)
    return home_at >= unplugged_at and (soon or not may_leave)


def metered_from(presence: Presence, plugged_at: datetime, home_at: datetime, rules: PresenceRules) -> datetime | None:
    """When metering begins in a session that evidence of this time opens; None: with the plug-in.

    Evidence from soon after the plug-in covers the time since the plug-in, unless the car was seen elsewhere in
    between: then it may have been plugged in there first.
    """
    elsewhere = was_elsewhere_since(presence, plugged_at)
    vouches = not elsewhere and home_at - plugged_at <= seconds(rules.vouches_s)
    return None if vouches or home_at <= plugged_at else home_at


def lower_before_plug_in(presence: Presence, plugged_at: datetime) -> datetime | None:
    """When the car may have had a lower state of charge, at most a poll ago, if the report of its plug-in showed more.

    What it gained may have been charged at home if that was within a poll, or if it was seen nowhere else since.
    """
    lower_at, risen_at = presence.lower_at, presence.soc_since
    if lower_at is None or risen_at is None or not lower_at < plugged_at == risen_at:
        return None
    if risen_at > lower_at + POLLED and was_elsewhere_since(presence, lower_at):
        return None
    return max(lower_at, plugged_at - POLLED)
