"""What other samples than registers show of a stretch of time: plugs, idle time, power, state of charge."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import accumulate, pairwise

from msgspec import Struct

from driveway.domain.presence.rules import POLLED

MAX_SPAN_MS = 7 * 24 * 3_600_000
POWER_TOLERANCE_PCT = 10
EVER_MS = 2**62
LATE_MS = 5 * 60_000
"""The last value of a charge may come this long after its end. A shorter absence is too short to charge elsewhere."""
POLLED_MS = POLLED // timedelta(milliseconds=1)

Span = tuple[int, int]


class Plugs(Struct, frozen=True):
    """The instants (milliseconds since 1970, sorted) at which home sessions opened and closed.

    ``joined_ms`` are the openings of sessions that were already under way: session registers did not restart there.
    ``doubts`` are the spans in which the car may be away from home.
    """

    opened_ms: Sequence[int] = ()
    closed_ms: Sequence[int] = ()
    joined_ms: Sequence[int] = ()
    sessions: Sequence[Span] = ()
    doubts: Sequence[Span] = ()

    @classmethod
    def of(
        cls,
        opened_ms: Iterable[int],
        closed_ms: Iterable[int],
        joined_ms: Iterable[int],
        doubted_ms: Iterable[int] = (),
    ) -> "Plugs":
        """The plugs, with the sessions that follow from them. An open session ends at ``EVER_MS``."""
        opened, closed, joined = sorted(opened_ms), sorted(closed_ms), sorted(joined_ms)
        changes = sorted({(at, 1) for at in (*opened, *joined)} | {(at, 0) for at in closed})
        sessions = _sessions(changes)
        return cls(opened, closed, joined, sessions, _doubts(sorted(doubted_ms), sessions, changes))

    @property
    def first_known_ms(self) -> int | None:
        """The first plug-in, if no session was under way or had closed before it."""
        changes = sorted((*self.opened_ms, *self.joined_ms, *self.closed_ms))
        return changes[0] if changes and changes[0] in self.opened_ms else None

    def last_opening(self, after_ms: int, until_ms: int) -> int | None:
        """The last plug-in in ``(after_ms, until_ms]``."""
        index = bisect_right(self.opened_ms, until_ms) - 1
        return self.opened_ms[index] if index >= 0 and self.opened_ms[index] > after_ms else None

    def session_at(self, at_ms: int) -> Span | None:
        """The session around an instant. A session includes its beginning and excludes its end."""
        index = bisect_right(self.sessions, at_ms, key=lambda session: session[0]) - 1
        return self.sessions[index] if index >= 0 and at_ms < self.sessions[index][1] else None

    def holds(self, at_ms: int, within_ms: int = 0) -> bool:
        """Whether an instant lies in a session (both its ends included), or at most ``within_ms`` from one."""
        index = bisect_right(self.sessions, at_ms + within_ms, key=lambda session: session[0]) - 1
        return index >= 0 and at_ms <= self.sessions[index][1] + within_ms

    def is_doubted(self, at_ms: int) -> bool:
        """Whether the car may be away from home at an instant."""
        return any(since <= at_ms < until for since, until in self.doubts)

    def rejoined_in(self, start_ms: int, end_ms: int) -> bool:
        """Whether a session closed in ``[start_ms, end_ms)`` and another was joined under way by the end."""
        index = bisect_left(self.closed_ms, start_ms)
        if index == len(self.closed_ms) or self.closed_ms[index] >= end_ms:
            return False
        joined = bisect_left(self.joined_ms, self.closed_ms[index])
        return joined < len(self.joined_ms) and self.joined_ms[joined] <= end_ms

    def closed_before(self, at_ms: int) -> int | None:
        """When the session before an instant closed; None within a session (its end included) and before the first."""
        index = bisect_left(self.sessions, at_ms, key=lambda session: session[0]) - 1
        if index < 0 or self.sessions[index][1] >= at_ms:
            return None
        return None if self.session_at(at_ms) else self.sessions[index][1]

    def closed_in(self, start_ms: int, end_ms: int) -> bool:
        """Whether a session closed in ``[start_ms, end_ms)``."""
        index = bisect_left(self.closed_ms, start_ms)
        return index < len(self.closed_ms) and self.closed_ms[index] < end_ms

    def outside_ms(self, start_ms: int, end_ms: int) -> int:
        """The time of ``[start_ms, end_ms)`` that lies in no session."""
        inside = sum(max(0, min(end, end_ms) - max(start, start_ms)) for start, end in self.sessions)
        return end_ms - start_ms - inside


def _sessions(changes: Sequence[tuple[int, int]]) -> list[Span]:
    """The sessions between openings (1) and closings (0), in order of time; two openings may follow each other."""
    sessions: list[Span] = []
    begun: int | None = None
    for at_ms, opens in changes:
        if begun is not None and begun < at_ms:
            sessions.append((begun, at_ms))
        if begun is not None or opens:
            begun = at_ms if opens else None
    return sessions if begun is None else [*sessions, (begun, EVER_MS)]


def _doubts(doubted_ms: Sequence[int], sessions: Sequence[Span], changes: Sequence[tuple[int, int]]) -> list[Span]:
    """The doubts. Each lasts from its beginning within a session until the plug changes."""
    ends = [at_ms for at_ms, _ in changes]
    doubts: list[Span] = []
    for since_ms in doubted_ms:
        goes_on = bool(doubts) and since_ms < doubts[-1][1]
        if not goes_on and since_ms not in ends and any(begin <= since_ms < end for begin, end in sessions):
            following = bisect_left(ends, since_ms)
            doubts.append((since_ms, ends[following] if following < len(ends) else EVER_MS))
    return doubts


class Activity(Struct, frozen=True):
    """What samples other than registers show. Times are milliseconds since 1970; all sequences are in order.

    ``idle`` are the spans in which nothing flowed as far as the reports show, ``unplugged`` those of them between
    sessions, ``certain_idle`` those that no charge between two polls can lie in, and ``seeming_idle`` those between two
    stops, however far apart. ``powers`` are (instant, watts).
    ``charging_ms`` are the instants at which the car reported that it charges, ``begins_ms`` the observed beginnings of
    charging. ``soc`` are (instant, watt-hours at the charger) of a battery, in steps of ``soc_step_wh``.
    """

    plugs: Plugs
    power_w: int
    travels: bool = False
    idle: Sequence[Span] = ()
    unplugged: Sequence[Span] = ()
    certain_idle: Sequence[Span] = ()
    seeming_idle: Sequence[Span] = ()
    powers: Sequence[tuple[int, int]] = ()
    charging_ms: Sequence[int] = ()
    begins_ms: Sequence[int] = ()
    soc: Sequence[tuple[int, int]] = ()
    soc_step_wh: int = 0

    def could_flow(self, energy_wh: int, start_ms: int, end_ms: int, allowance_wh: int) -> bool:
        """Whether the asset could draw this energy in the time that is not known to be idle.

        The limit is power x time, plus 10 %, plus one allowance. Nothing flows in time that is wholly idle, whatever
        the allowance.
        """
        open_ms = self.open_ms(start_ms, end_ms)
        return energy_wh <= 0 or (open_ms > 0 and plausible(energy_wh, open_ms, self.power_w, allowance_wh))

    def could_flow_between_polls(self, energy_wh: int, start_ms: int, end_ms: int, allowance_wh: int) -> bool:
        """Whether the asset could draw this energy in a charge between two polls."""
        open_ms = _left_ms(self.certain_idle, start_ms, end_ms)
        return open_ms > 0 and plausible(energy_wh, open_ms, self.power_w, allowance_wh)

    def could_flow_unseen(self, energy_wh: int, start_ms: int, end_ms: int, allowance_wh: int) -> bool:
        """Whether the asset could draw this energy while plugged in, if the report of a charge is missing."""
        plugged_ms = _left_ms(self.unplugged, start_ms, end_ms)
        return plugged_ms > 0 and plausible(energy_wh, plugged_ms, self.power_w, allowance_wh)

    def open_ms(self, start_ms: int, end_ms: int) -> int:
        """How much of the time is not known to be idle."""
        return _left_ms(self.idle, start_ms, end_ms)

    def is_certainly_idle(self, start_ms: int, end_ms: int) -> bool:
        """Whether no charge can lie in the time, not even between two polls."""
        return not _left_ms(self.certain_idle, start_ms, end_ms)

    def seems_idle(self, start_ms: int, end_ms: int) -> bool:
        """Whether nothing flowed by what was reported of charging, at the beginning and end of the time at least."""
        return not _left_ms(self.seeming_idle, start_ms, end_ms)

    def charged_in(self, after_ms: int, until_ms: int) -> bool:
        """Whether the car reported in ``(after_ms, until_ms]`` that it charges."""
        return bisect_right(self.charging_ms, after_ms) < bisect_right(self.charging_ms, until_ms)

    def last_begin(self, after_ms: int, until_ms: int) -> int | None:
        """The last observed beginning of charging in ``(after_ms, until_ms]``."""
        index = bisect_right(self.begins_ms, until_ms) - 1
        return self.begins_ms[index] if index >= 0 and self.begins_ms[index] > after_ms else None

    def favours_more(self, less_wh: int, more_wh: int, start_ms: int, end_ms: int) -> bool | None:
        """Whether the larger of two amounts fits the power, state of charge or charging of the same time better.

        None if none of them decides.
        """
        by_power = {
            abs(more_wh - estimate_wh) < abs(less_wh - estimate_wh) for estimate_wh in self._by_power(start_ms, end_ms)
        }
        if len(by_power) == 1:
            return by_power.pop()
        estimate_wh = self._by_soc(start_ms, end_ms)
        if estimate_wh is not None and more_wh - less_wh <= self.soc_step_wh:
            estimate_wh = None
        if estimate_wh is not None:
            return abs(more_wh - estimate_wh) < abs(less_wh - estimate_wh)
        return True if not less_wh and self.charged_in(start_ms, end_ms) else None

    def gained_wh(self, after_ms: int, start_ms: int, end_ms: int) -> int | None:
        """By how much the state of charge rose between two instants.

        None unless it was reported since a third one, or if it stayed at a value that clouds make up.
        """
        first = bisect_right(self.soc, (start_ms, EVER_MS)) - 1
        if first < 0 or self.soc[first][0] < after_ms:
            return None
        rise_wh = self._by_soc(start_ms, end_ms)
        return None if not rise_wh and is_made_up(self.soc[first][1], self.soc_step_wh) else rise_wh

    def _by_power(self, start_ms: int, end_ms: int) -> tuple[int, ...]:
        """Two estimates: each power counts until the next one is shown, or since the one before; empty: none is."""
        first, last = bisect_left(self.powers, (start_ms, 0)), bisect_right(self.powers, (end_ms, EVER_MS))
        shown = self.powers[first:last]
        if not shown:
            return ()
        times = [start_ms, *(at_ms for at_ms, _ in shown), end_ms]
        watts = [shown[0][1], *(power for _, power in shown), shown[-1][1]]
        spans_ms = [self.open_ms(since, until) for since, until in pairwise(times)]
        until_next = sum(power * span for power, span in zip(watts, spans_ms, strict=False))
        since_before = sum(power * span for power, span in zip(watts[1:], spans_ms, strict=True))
        return until_next // 3_600_000, since_before // 3_600_000

    def _by_soc(self, start_ms: int, end_ms: int) -> int | None:
        first = bisect_right(self.soc, (start_ms, EVER_MS)) - 1
        last = bisect_left(self.soc, (end_ms, 0))
        if first < 0 or last >= len(self.soc):
            return None
        return max(0, self.soc[last][1] - self.soc[first][1])


def is_made_up(value_wh: int, soc_step_wh: int) -> bool:
    """Whether a value is 0 or 50 %: what some clouds repeat in place of a state of charge that they do not know."""
    return any(abs(value_wh - soc_step_wh * pct) <= pct for pct in (0, 50))


def _left_ms(spans: Sequence[Span], start_ms: int, end_ms: int) -> int:
    """How much of a time lies outside of spans that are in order."""
    first = max(0, bisect_right(spans, (start_ms, 0)) - 1)
    inside_ms = 0
    for start, end in spans[first:]:
        if start >= end_ms:
            break
        inside_ms += max(0, min(end, end_ms) - max(start, start_ms))
    return end_ms - start_ms - inside_ms


def plausible(energy_wh: int, duration_ms: int, power_w: int, allowance_wh: int) -> bool:
    """Whether an asset of this power can draw the energy: at most power x time, plus 10 %, plus one allowance."""
    drawable = power_w * duration_ms * (100 + POWER_TOLERANCE_PCT)
    return 0 <= energy_wh * 360_000_000 <= drawable + allowance_wh * 360_000_000


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, with overlapping ones merged."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found


def running_shares(total: int, weights: Sequence[int]) -> list[int]:
    """Whole shares of a total in proportion to weights (not all of them zero). The shares add up to the total."""
    whole = sum(weights)
    ends = [total * past // whole for past in accumulate(weights)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]
