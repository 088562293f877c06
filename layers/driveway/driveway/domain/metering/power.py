"""The power line: power samples and the facts of charging in order of time, and the spans between them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from msgspec import Struct, field

from driveway.domain.metering.activity import EVER_MS, MAX_SPAN_MS, Plugs, Span, merged
from driveway.domain.metering.plug_facts import closings
from driveway.domain.metering.samples import Sample, to_ms
from driveway.domain.presence.observation import MeasuringPoint
from driveway.values import replace

MINUTE_MS = 60_000
MEASURED_MS = 15 * MINUTE_MS
"""Power changes evenly between two samples that are no further apart."""
HELD_MS = 90 * MINUTE_MS
"""How long a source that polls may be silent while power holds: some makes are polled hourly."""
POLLED_IDLE_MS = 15 * MINUTE_MS
PUSHED_MS = 24 * 60 * MINUTE_MS
SAME_POWER_PCT = 10
SAME_POWER_W = 300

SpanKind = Literal["measured", "held", "at_most"]


class LineEvent(Struct):
    """What is known of charging at one instant: power by measuring point (watts), and the reported fact if any.

    ``tells_every_change``: its source reports every change and had contact with the car, so nothing changed until the
    next event.
    """

    at_ms: int
    power_w: dict[MeasuringPoint, int] = field(default_factory=dict)
    fact: Literal["charging", "stopped"] | None = None
    tells_every_change: bool = False

    @property
    def is_stop(self) -> bool:
        return self.fact == "stopped" or (bool(self.power_w) and not any(self.power_w.values()))

    @property
    def is_charging(self) -> bool:
        return any(self.power_w.values()) or (self.fact == "charging" and not self.power_w)


class PowerSpan(Struct, frozen=True):
    """A span of time between two neighbouring events of one measuring point. Power changes evenly over it.

    ``measured`` spans are short. In ``held`` spans power is assumed to hold. In ``at_most`` spans the power is only an
    upper bound, because it changed at an unknown instant. ``fell_to_w`` is the power after a ``held`` span, if less: it
    may have fallen all along, as it does in a battery that is nearly full.
    """

    start_ms: int
    end_ms: int
    start_w: int
    end_w: int
    kind: SpanKind = "measured"
    fell_to_w: int | None = None

    def units_at(self, at_ms: int) -> int:
        """Energy from the start of the span until ``at_ms``, in half watt-milliseconds."""
        past_ms, whole_ms = at_ms - self.start_ms, self.end_ms - self.start_ms
        return 2 * self.start_w * past_ms + (self.end_w - self.start_w) * past_ms * past_ms // whole_ms

    def falling(self) -> "PowerSpan | None":
        """The span if its power fell evenly; None if power did not fall."""
        return None if self.fell_to_w is None else replace(self, end_w=self.fell_to_w, fell_to_w=None)


def power_line(samples: Iterable[Sample]) -> list[LineEvent]:
    """The line in order of time. At one instant ``stopped`` precedes power, power ``charging``, and high power low."""
    samples = tuple(samples)
    events: dict[int, LineEvent] = {}
    ends = closings(samples)
    for sample in samples:
        ends_session = sample.kind == "unplugged" and sample.at in ends
        if sample.kind not in ("power", "charging", "stopped") and not ends_session:
            continue
        at_ms = to_ms(sample)
        event = events.setdefault(at_ms, LineEvent(at_ms))
        event.tells_every_change |= sample.tells_every_change and not ends_session
        if sample.kind == "power":
            held = event.power_w.get(sample.measuring_point, 0)
            event.power_w[sample.measuring_point] = max(sample.value, held)
        elif sample.kind == "charging":
            event.fact = event.fact or "charging"
        else:
            event.fact = "stopped"
    for event in events.values():
        if event.fact == "stopped":
            event.power_w.clear()
    line = sorted(events.values(), key=lambda event: event.at_ms)
    for sample in samples:
        if sample.kind == "out_of_reach":
            _end_trust(line, to_ms(sample))
    return line


def _end_trust(line: Sequence[LineEvent], at_ms: int) -> None:
    """The source had no contact with the car at an instant: it may have missed a change since its last report."""
    index = bisect_right(line, at_ms, key=lambda event: event.at_ms) - 1
    if index >= 0:
        line[index].tells_every_change = False


def power_spans(line: Sequence[LineEvent], point: MeasuringPoint) -> list[PowerSpan]:
    """The spans of one measuring point: between two of its samples, to a stop, and from a start to a sample."""
    events = [event for event in line if point in event.power_w or (event.fact and not event.power_w)]
    spans = (_span(before, after, point) for before, after in pairwise(events))
    return [span for span in spans if span is not None]


def _span(before: LineEvent, after: LineEvent, point: MeasuringPoint) -> PowerSpan | None:
    """The span from one event to the next; None if no power flowed at its start, or none is known."""
    start_w, end_w = before.power_w.get(point), after.power_w.get(point)
    start_w = end_w if start_w is None else start_w
    gap_ms = after.at_ms - before.at_ms
    if before.is_stop or not start_w or gap_ms > MAX_SPAN_MS:
        return None
    end_w = start_w if end_w is None or after.is_stop else end_w
    if before.tells_every_change and gap_ms <= PUSHED_MS:
        kind: SpanKind = "measured" if gap_ms <= MEASURED_MS else "held"
        if kind == "held" and not _about_same(start_w, end_w):
            return PowerSpan(before.at_ms, after.at_ms, start_w, start_w, kind, end_w if end_w < start_w else None)
    else:
        kind = _polled(gap_ms, start_w, end_w, stops=after.is_stop)
        start_w, end_w = (max(start_w, end_w),) * 2 if kind == "at_most" else (start_w, end_w)
    return PowerSpan(before.at_ms, after.at_ms, start_w, end_w, kind)


def _polled(gap_ms: int, start_w: int, end_w: int, *, stops: bool) -> SpanKind:
    """The kind of the span between two samples of a source that polls.

    Power holds if both ends have about the same power. A stop came at an unknown instant in the span.
    """
    if gap_ms <= MEASURED_MS and not stops:
        return "measured"
    return "held" if gap_ms <= HELD_MS and not stops and _about_same(start_w, end_w) else "at_most"


def _about_same(one_w: int, other_w: int) -> bool:
    return abs(one_w - other_w) <= max(SAME_POWER_W, max(one_w, other_w) * SAME_POWER_PCT // 100)


def idle_spans(line: Sequence[LineEvent], plugs: Plugs, *, polled_ms: int = POLLED_IDLE_MS) -> list[Span]:
    """The time (milliseconds since 1970) in which certainly nothing flowed, in order.

    Idle are: the time between sessions; the time after a stop, until the next event or still, if the source reports
    every change; and the time between two stops of a source that polls, if they are within ``polled_ms``.
    """
    spans = [
        (before.at_ms, after.at_ms)
        for before, after in pairwise(line)
        if before.is_stop and after.at_ms - before.at_ms <= _idle_for(before, after, polled_ms)
    ]
    if line and line[-1].is_stop and line[-1].tells_every_change:
        spans.append((line[-1].at_ms, line[-1].at_ms + MAX_SPAN_MS))
    begins = [begin for begin, _ in plugs.sessions]
    # A stop before a plug-in proves nothing about the time after it.
    spans = [(start, _next(begins, start + 1, end)) for start, end in spans]
    return merged([*spans, *unplugged_spans(plugs)])


def unplugged_spans(plugs: Plugs) -> list[Span]:
    """The time between sessions and after the last one, in order."""
    begins = [begin for begin, _ in plugs.sessions]
    return merged((closed_ms, _next(begins, closed_ms, EVER_MS)) for closed_ms in plugs.closed_ms)


def _next(instants: Sequence[int], from_ms: int, until_ms: int) -> int:
    """The first of the instants from ``from_ms`` on, or ``until_ms`` if that is earlier."""
    index = bisect_left(instants, from_ms)
    return min(instants[index], until_ms) if index < len(instants) else until_ms


def _idle_for(before: LineEvent, after: LineEvent, polled_ms: int) -> int:
    if before.tells_every_change:
        return MAX_SPAN_MS
    return polled_ms if after.is_stop else 0


def begins_of_charging(line: Sequence[LineEvent], plugs: Plugs) -> list[int]:
    """When charging began. For a source that polls this is the last stop or plug-in before it."""
    return [
        after.at_ms if before.tells_every_change else plugs.last_opening(before.at_ms, after.at_ms) or before.at_ms
        for before, after in pairwise(line)
        if before.is_stop and after.is_charging
    ]


def is_idle_in(session: Span | None, line: Sequence[LineEvent], at_ms: int) -> bool:
    """Whether the car is idle at an instant of a session, by a source that reports every change."""
    index = bisect_right(line, at_ms, key=lambda event: event.at_ms) - 1
    if session is None or index < 0 or line[index].at_ms < session[0]:
        return False
    return line[index].is_stop and line[index].tells_every_change
