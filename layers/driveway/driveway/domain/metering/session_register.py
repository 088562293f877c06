"""Session registers: the history of one rising register that explains its readings.

These decide, in this order: the declaration of the register by the provider's table or the app; power, state of charge
and charging of the same time; earlier readings that prove how the register behaves. If two histories still fit, the one
with less energy counts and is flagged ``ambiguous_register``.
"""

from collections.abc import Sequence

from driveway.domain.metering.activity import LATE_MS, MAX_SPAN_MS, Activity
from driveway.domain.metering.alternation import ByValue, by_value
from driveway.domain.metering.near_zero import explain_near_zero, is_a_pause
from driveway.domain.metering.plug_in_reading import count_from_0, first_after_plug_in
from driveway.domain.metering.registers import (
    JITTER_WH,
    NEAR_ZERO_WH,
    History,
    Reading,
    back_on_track,
    drains,
    goes_on,
    rises,
)
from driveway.domain.metering.series import Series
from driveway.domain.presence.observation import RegisterKind
from driveway.values import replace

RESTARTING: tuple[RegisterKind | None, ...] = ("per_charge", "zero_while_idle")
"""Registers whose low readings are explained by their declaration."""


def session_history(
    readings: Sequence[Reading], before: History, activity: Activity, declared: RegisterKind | None
) -> History:
    """The history of a session register's readings, in order. It continues ``before``.

    A later reading may prove how the register behaves. So the series is explained a second time with those proofs.
    """
    # A pending reading takes part again, as the first one.
    readings = [*([before.pending] if before.pending else []), *readings]
    before = replace(before, pending=None)
    plugs = [] if declared in RESTARTING else _by_plug(readings, before.live, activity)
    own = [reading for plug in plugs for reading in plug.own] if plugs else readings
    history = _Explanation(own, activity, declared, before.proven, before).run()
    if history.proven != before.proven:
        history = _Explanation(own, activity, declared, history.proven, before).run()
    for plug in plugs:
        history.flag(plug.other, "outlier")
        if plug.is_undecided:
            history.leave_open(plug.own)
    return history


def _by_plug(readings: Sequence[Reading], live: Reading | None, activity: Activity) -> list[ByValue]:
    """The readings up to each plug-in, by value."""
    groups: list[list[Reading]] = []
    starts: list[Reading | None] = []
    before = live
    for reading in readings:
        is_plug_in = before is not None and activity.plugs.last_opening(before[0], reading[0]) is not None
        if is_plug_in or not groups:
            groups.append([])
            starts.append(None if is_plug_in else live)
        groups[-1].append(reading)
        before = reading
    return [by_value(group, start, activity, may_restart=True) for group, start in zip(groups, starts, strict=True)]


class _Explanation(Series, frozen=True):
    before: History

    def run(self) -> History:
        history = replace(self.before, proven=self.known, steps=[], unseen=[], flagged=[])
        index, peak_wh = 0, 0
        while index < len(self.readings):
            live = history.live
            index = self._take(index, history, peak_wh)
            history.is_contradicted &= history.live is live
            sank = live is not None and history.live is not None and drains(live, history.live)
            fell = live is not None and history.live is not None and history.live[1] < live[1] and not sank
            peak_wh = max(0 if fell else peak_wh, history.live[1] if history.live else 0)
        return history

    def _take(self, index: int, history: History, peak_wh: int) -> int:
        """Explain the reading at ``index``. Returns the index of the next reading to explain."""
        at_ms, value_wh = reading = self.readings[index]
        live = history.live
        after_ms = at_ms - MAX_SPAN_MS if live is None else max(live[0], at_ms - MAX_SPAN_MS)
        opened_ms = self.activity.plugs.last_opening(after_ms, at_ms)
        if is_a_pause(self, index, opened_ms, live):
            return index + 1
        if opened_ms is not None:
            first_after_plug_in(self, index, opened_ms, history)
        elif live is None or at_ms - live[0] > MAX_SPAN_MS or self.activity.plugs.rejoined_in(live[0], at_ms):
            # The session was joined under way: the register may have counted elsewhere since it was last seen.
            history.live = reading
        elif self.is_outside(live, at_ms):
            self._outside(reading, live, history)
        elif value_wh < live[1] and not drains(live, reading):
            return self._fallen(index, live, history)
        elif (restarted_ms := self._restarted(live, reading)) is not None:
            history.count(restarted_ms, at_ms, value_wh)
            history.live = reading
        elif goes_on(live, reading, self.activity):
            self._went_on(live, reading, history, peak_wh)
        elif not history.extend(live, reading, self.activity):
            return self._jumped(index, live, history, peak_wh)
        return index + 1

    def _went_on(self, live: Reading, reading: Reading, history: History, peak_wh: int) -> None:
        energy_wh = max(0, reading[1] - live[1])
        is_jitter = energy_wh <= JITTER_WH and reading[1] <= peak_wh and self.declared is None
        if is_jitter and not self.activity.charged_in(live[0], reading[0]):
            energy_wh = 0
        is_certain = self.is_certain(live, reading)
        history.is_stale &= energy_wh <= JITTER_WH  # a register that rises counts this session
        history.count_on(live, reading, energy_wh, is_certain=is_certain)
        if is_certain or reading[1] != live[1]:
            # Otherwise the value may be late: what it misses is counted from the reading before.
            history.live = reading

    def _restarted(self, live: Reading, reading: Reading) -> int | None:
        """When a register declared ``per_charge`` restarted, although its reading did not fall."""
        if self.declared != "per_charge":
            return None
        begun_ms = self.activity.last_begin(live[0] - 1, reading[0])
        return begun_ms if begun_ms is not None and self.could_count(reading, begun_ms) else None

    def _fallen(self, index: int, live: Reading, history: History) -> int:
        at_ms, value_wh = reading = self.readings[index]
        begun_ms = self.activity.last_begin(live[0] - 1, at_ms)
        charged = begun_ms is not None or self.activity.charged_in(live[0], at_ms)
        if history.is_stale or (self.declared == "per_charge" and charged and value_wh > NEAR_ZERO_WH):
            # A register may restart only at the first charge after the plug-in.
            since_ms = live[0] if begun_ms is None else begun_ms
            if self.could_count(reading, since_ms):
                history.live, history.is_stale = reading, False
                count_from_0(self, reading, since_ms, history)
                return index + 1
        if value_wh <= NEAR_ZERO_WH:
            return explain_near_zero(self, index, live, history)
        returned = back_on_track(live, self.readings, index, self.activity, in_plug=True)
        end = len(self.readings) if returned is None else returned
        if returned is None and self.is_settled(index):
            history.flag([reading], "restarted")
            history.live = reading
            return index + 1
        end = self.end_of_plug(index, end)
        history.flag(self.readings[index:end], "outlier")
        history.is_contradicted = True
        return end

    def _jumped(self, index: int, live: Reading, history: History, peak_wh: int) -> int:
        """Explain a rise of more than could flow."""
        reading = self.readings[index]
        is_idle = not self.activity.open_ms(live[0], reading[0])
        if is_idle and reading[1] - live[1] <= JITTER_WH and reading[1] <= peak_wh:
            history.count(live[0], reading[0], 0)
            history.live = reading
            return index + 1
        returned = back_on_track(live, self.readings, index, self.activity, in_plug=True)
        if returned is not None:
            history.flag(self.readings[index:returned], "outlier")
            history.is_contradicted |= self.activity.charged_in(live[0], self.readings[returned - 1][0])
            history.is_contradicted |= self._may_have_charged(live, self.readings[returned])
            return returned
        if history.rise_unseen(live, reading, self.activity, is_declared=self.declared is not None):
            return index + 1
        history.flag([reading], "refused_delta")
        history.live = reading
        return index + 1

    def _may_have_charged(self, live: Reading, returned: Reading) -> bool:
        """Whether a charge may lie between two polls: an undeclared register rose, and shows 0 again after it."""
        return self.declared is None and not self.activity.is_certainly_idle(live[0], returned[0])

    def _outside(self, reading: Reading, live: Reading, history: History) -> None:
        """Explain a reading after the session, or in a later one. Only a late last value counts."""
        closed_ms = self.activity.plugs.closed_before(reading[0])
        history.live = reading
        if closed_ms is None or reading[0] - closed_ms > LATE_MS or live[0] > closed_ms or reading[1] < live[1]:
            return
        final = (closed_ms, reading[1])
        if live[0] < closed_ms and rises(live, final, self.activity):
            history.count_on(live, final, reading[1] - live[1], is_certain=self.is_certain(live, final))
            history.live = final
        else:
            history.extend(live, final, self.activity)
