"""Stacking of charging profiles: the leading profile at every moment, and its limit.

The work goes from edge to edge of the schedules, never from second to second. Inside, times are whole seconds after
the start of the window; instants are cut to the whole second first, as OCPP counts in seconds.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from msgspec import Struct

from driveway.domain.charging_profiles.profile import ChargingProfile, Period, RateUnit
from driveway.values import replace

_SECOND = timedelta(seconds=1)
_RECURS_AFTER_S = {"Daily": 86_400, "Weekly": 604_800}
_PRECEDENCE = {"TxProfile": 1, "TxDefaultProfile": 0}


class Applied(Struct, frozen=True):
    """A period that holds: ``limit`` in ``unit``, from the profile at ``index`` of those given."""

    index: int
    limit: float
    unit: RateUnit
    number_phases: int | None


class Layers(Struct, frozen=True):
    """The periods in force from ``start_s`` to ``end_s``: of the leading transaction profile and of the maximum."""

    start_s: int
    end_s: int
    lead: Applied | None
    cap: Applied | None


class _Track(Struct):
    """The stretches ``(start_s, end_s, what)`` of one profile in ascending order, read from the front."""

    stretches: list[tuple[int, int, Applied]]
    position: int = 0

    def at(self, second: int) -> Applied | None:
        while self.position < len(self.stretches) and self.stretches[self.position][1] <= second:
            self.position += 1
        if self.position == len(self.stretches):
            return None
        start_s, _, applied = self.stretches[self.position]
        return applied if start_s <= second else None


def composite_schedule(
    profiles: Sequence[ChargingProfile],
    *,
    start: datetime,
    duration_s: int,
    unit: RateUnit = "W",
    transaction_start: datetime | None = None,
    transaction_id: int | None = None,
    default_phases: int = 3,
    voltage_v: float = 230.0,
) -> list[Period]:
    """The limit in ``unit`` that the profiles of one connector give together over ``[start, start + duration_s)``.

    Args:
        profiles: in order of installation; a later one with the same purpose and stack level replaces the earlier.
        start: aware; cut to the whole second.
        duration_s: length of the window; the result is empty unless it is positive.
        unit: of the returned limits.
        transaction_start: aware; None when there is no transaction, and then only ChargePointMaxProfile counts.
        transaction_id: of the transaction; a TxProfile that names another one does not apply.
        default_phases: converts between W and A where no layer states its phases.
        voltage_v: between phase and neutral.

    Returns:
        Ascending periods, the first at 0, no two neighbours equal, ``limit`` None where no profile applies.

    The rules are those of OCPP 1.6 §3.13; ``docs/charging-profiles.md`` decides the points that it leaves open.
    """
    periods: list[Period] = []
    for layers in resolve_layers(
        profiles,
        start=start,
        duration_s=duration_s,
        transaction_start=transaction_start,
        transaction_id=transaction_id,
    ):
        limit, phases = combined_limit(layers, unit=unit, default_phases=default_phases, voltage_v=voltage_v)
        if not periods or (periods[-1].limit, periods[-1].number_phases) != (limit, phases):
            periods.append(Period(layers.start_s, limit, phases))
    return periods


def combined_limit(
    layers: Layers, *, unit: RateUnit, default_phases: int, voltage_v: float
) -> tuple[float | None, int | None]:
    """The lower limit of the layers in ``unit``, and the lowest phase count that a layer states, if one does.

    W and A convert with that count, or with ``default_phases`` where no layer states one.
    """
    held = [applied for applied in (layers.lead, layers.cap) if applied is not None]
    phases = min((applied.number_phases for applied in held if applied.number_phases is not None), default=None)
    watts_per_ampere = voltage_v * (phases or default_phases)
    limits = [_converted(applied, unit, watts_per_ampere) for applied in held]
    return min(limits, default=None), phases


def _converted(applied: Applied, unit: RateUnit, watts_per_ampere: float) -> float:
    if applied.unit == unit:
        return applied.limit
    return applied.limit * watts_per_ampere if unit == "W" else applied.limit / watts_per_ampere


def resolve_layers(
    profiles: Sequence[ChargingProfile],
    *,
    start: datetime,
    duration_s: int,
    transaction_start: datetime | None = None,
    transaction_id: int | None = None,
) -> list[Layers]:
    """The leading and the maximum profile over ``[start, start + duration_s)``: contiguous, not merged.

    Arguments as ``composite_schedule``.
    """
    if duration_s <= 0:
        return []
    base = start.replace(microsecond=0)
    leads: list[tuple[tuple[int, int], _Track]] = []
    caps: list[tuple[tuple[int, int], _Track]] = []
    for index in _installed(profiles):
        profile = profiles[index]
        is_cap = profile.purpose == "ChargePointMaxProfile"
        if not is_cap and (transaction_start is None or _is_for_another(profile, transaction_id)):
            continue
        anchor_s = _anchor_s(profile, base, transaction_start)
        track = _Track(_stretches(profile, index, anchor_s, base, duration_s))
        rank = (_PRECEDENCE.get(profile.purpose, 0), profile.stack_level)
        (caps if is_cap else leads).append((rank, track))
    return _sweep(_by_rank(leads), _by_rank(caps), duration_s)


def _installed(profiles: Sequence[ChargingProfile]) -> Iterable[int]:
    """The places of the profiles that no later one replaced (OCPP 1.6 §5.16)."""
    return {(profile.purpose, profile.stack_level): index for index, profile in enumerate(profiles)}.values()


def _is_for_another(profile: ChargingProfile, transaction_id: int | None) -> bool:
    return (
        profile.purpose == "TxProfile"
        and profile.transaction_id is not None
        and profile.transaction_id != transaction_id
    )


def _by_rank(ranked: list[tuple[tuple[int, int], _Track]]) -> list[_Track]:
    return [track for _, track in sorted(ranked, key=lambda pair: pair[0], reverse=True)]


def _sweep(leads: list[_Track], caps: list[_Track], duration_s: int) -> list[Layers]:
    edges = {0, duration_s}
    for track in (*leads, *caps):
        for start_s, end_s, _ in track.stretches:
            edges.add(start_s)
            edges.add(end_s)
    ordered = sorted(edges)
    return [
        Layers(start_s, end_s, _highest(leads, start_s), _highest(caps, start_s))
        for start_s, end_s in pairwise(ordered)
    ]


def _highest(tracks: list[_Track], second: int) -> Applied | None:
    for track in tracks:
        if (applied := track.at(second)) is not None:
            return applied
    return None


def seconds_after(base: datetime, instant: datetime) -> int:
    """Whole seconds from ``base`` to ``instant``, both of them cut to the second."""
    return (instant.replace(microsecond=0) - base) // _SECOND


def _anchor_s(profile: ChargingProfile, base: datetime, transaction_start: datetime | None) -> int:
    """The start of the schedule's own time, in seconds after ``base``."""
    instant = transaction_start if profile.kind == "Relative" else profile.start_schedule or profile.valid_from
    return 0 if instant is None else seconds_after(base, instant)


def _stretches(
    profile: ChargingProfile, index: int, anchor_s: int, base: datetime, window_s: int
) -> list[tuple[int, int, Applied]]:
    """The stretches of a profile's periods within the window and the profile's validity."""
    low = 0 if profile.valid_from is None else max(0, seconds_after(base, profile.valid_from))
    high = window_s if profile.valid_to is None else min(window_s, seconds_after(base, profile.valid_to))
    starts, length_s = _occurrences(profile, anchor_s, high)
    ends = [period.start_s for period in profile.periods[1:]]
    found: list[tuple[int, int, Applied]] = []
    for schedule_start in starts:
        schedule_end = high if length_s is None else min(high, schedule_start + length_s)
        for period, next_start_s in zip(profile.periods, [*ends, None], strict=True):
            begins = max(low, schedule_start + period.start_s)
            ends_at = schedule_end if next_start_s is None else min(schedule_end, schedule_start + next_start_s)
            if begins < ends_at:
                applied = Applied(index, period.limit, profile.unit, period.number_phases)
                found.append((begins, ends_at, applied))
    return found


def _occurrences(profile: ChargingProfile, anchor_s: int, high: int) -> tuple[Iterable[int], int | None]:
    """The starts of the schedule that matter before ``high``, and the longest duration of each (None: without end)."""
    recurrence_s = recurs_after_s(profile)
    if recurrence_s is None:
        return (anchor_s,), profile.duration_s
    first = -(-anchor_s % recurrence_s)
    length_s = recurrence_s if profile.duration_s is None else min(profile.duration_s, recurrence_s)
    return range(first, high, recurrence_s), length_s


def recurs_after_s(profile: ChargingProfile) -> int | None:
    """The seconds after which a Recurring schedule starts again; None for the other kinds."""
    return _RECURS_AFTER_S.get(profile.recurrency or "") if profile.kind == "Recurring" else None


def anchored(profile: ChargingProfile, received_at: datetime) -> ChargingProfile:
    """The profile with a start of its own: one without startSchedule counts from validFrom, else from its receipt.

    A Relative profile stays as it is: it counts from the start of the transaction.
    """
    if profile.kind == "Relative" or profile.start_schedule is not None:
        return profile
    return replace(profile, start_schedule=profile.valid_from or received_at)


def is_over(profile: ChargingProfile, now: datetime) -> bool:
    """Whether the profile can set no limit at ``now`` (aware) or after: its validity or its schedule has ended.

    A profile that never set a limit (no duration, an empty validity) is over as well.
    """
    base = now.replace(microsecond=0)
    begins: list[int] = []
    ends: list[int] = []
    if profile.valid_from is not None:
        begins.append(seconds_after(base, profile.valid_from))
    if profile.valid_to is not None:
        ends.append(seconds_after(base, profile.valid_to))
    own_start = profile.start_schedule or profile.valid_from
    if profile.kind == "Absolute" and own_start is not None:
        start_s = seconds_after(base, own_start)
        begins.append(start_s)
        if profile.duration_s is not None:
            ends.append(start_s + profile.duration_s)
    if profile.duration_s == 0:
        return True
    end_s = min(ends, default=None)
    return end_s is not None and (end_s <= 0 or end_s <= max(begins, default=end_s - 1))
