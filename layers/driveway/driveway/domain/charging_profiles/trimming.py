"""Trimming of a charging profile: periods that cannot set a limit any more are dropped, to keep stored ones small."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from driveway.domain.charging_profiles.composite import anchored, recurs_after_s, seconds_after
from driveway.domain.charging_profiles.profile import ChargingProfile, SchedulePeriod
from driveway.values import replace


def trimmed(profile: ChargingProfile, now: datetime, *, received_at: datetime) -> ChargingProfile:
    """The profile without periods that are over at ``now`` or never begin, and with equal neighbours joined.

    From ``now`` on it sets the same limits at every moment. If periods are dropped at the front, the schedule starts
    later by their length. A schedule without a start of its own begins at ``received_at``. Instants are aware.
    """
    start = anchored(profile, received_at).start_schedule if profile.kind == "Absolute" else None
    joined = tuple(_joined(profile.periods))
    lasting = _before_the_end(joined, profile, start)
    if start is None:
        return replace(profile, periods=lasting)
    elapsed_s = seconds_after(start.replace(microsecond=0), now)
    past_s = max((period.start_s for period in lasting if period.start_s <= elapsed_s), default=0)
    if past_s == 0:
        return replace(profile, periods=lasting)
    return replace(
        profile,
        periods=tuple(replace(p, start_s=p.start_s - past_s) for p in lasting if p.start_s >= past_s),
        start_schedule=start + timedelta(seconds=past_s),
        duration_s=None if profile.duration_s is None else profile.duration_s - past_s,
    )


def _joined(periods: tuple[SchedulePeriod, ...]) -> Iterator[SchedulePeriod]:
    before: SchedulePeriod | None = None
    for period in periods:
        if before is None or (period.limit, period.number_phases) != (before.limit, before.number_phases):
            yield period
            before = period


def _before_the_end(
    periods: tuple[SchedulePeriod, ...], profile: ChargingProfile, start: datetime | None
) -> tuple[SchedulePeriod, ...]:
    """The periods that begin before the schedule, its recurrence or its validity ends; the first one in any case."""
    ends = [profile.duration_s, recurs_after_s(profile)]
    if start is not None and profile.valid_to is not None:
        ends.append(seconds_after(start.replace(microsecond=0), profile.valid_to))
    end_s = min((end for end in ends if end is not None), default=None)
    return tuple(period for period in periods if period.start_s == 0 or end_s is None or period.start_s < end_s)
