"""The power line: power samples and the facts of charging in order of time, and the spans between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from driveway.domain.metering.plug_facts import closings
from driveway.domain.metering.registers import MAX_SPAN_MS, Plugs
from driveway.domain.metering.samples import Sample, to_ms
from driveway.domain.presence.observation import MeasuringPoint

BIG_GAP_MS = 15 * 60_000


@dataclass(slots=True)
class LineEvent:
    """What is known of charging at one instant: power by measuring point (watts), and the fact if one was told."""

    at_ms: int
    power_w: dict[MeasuringPoint, int] = field(default_factory=dict)
    fact: Literal["charging", "stopped"] | None = None


@dataclass(frozen=True, slots=True)
class PowerSpan:
    """A span of time between neighbours of one measuring point, over which power changes evenly."""

    start_ms: int
    end_ms: int
    start_w: int
    end_w: int

    def units_at(self, at_ms: int) -> int:
        """Energy from the start of the span until ``at_ms``, in half watt-milliseconds."""
        past_ms, whole_ms = at_ms - self.start_ms, self.end_ms - self.start_ms
        return 2 * self.start_w * past_ms + (self.end_w - self.start_w) * past_ms * past_ms // whole_ms


def power_line(samples: Iterable[Sample]) -> list[LineEvent]:
    """The line in order of time. At one instant ``stopped`` outdoes power, power ``charging``, and high outdoes low."""
    samples = tuple(samples)
    events: dict[int, LineEvent] = {}
    ends = closings(samples)
    for sample in samples:
        ends_session = sample.kind == "unplugged" and sample.at in ends
        if sample.kind not in ("power", "charging", "stopped") and not ends_session:
            continue
        at_ms = to_ms(sample)
        event = events.setdefault(at_ms, LineEvent(at_ms))
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
    return sorted(events.values(), key=lambda event: event.at_ms)


def power_spans(line: Sequence[LineEvent], point: MeasuringPoint) -> list[PowerSpan]:
    """The spans one measuring point gives: between two of its samples, to a stop, and from a start to its sample."""
    spans = []
    events = [event for event in line if point in event.power_w or (event.fact and not event.power_w)]
    for before, after in pairwise(events):
        start_w, end_w = before.power_w.get(point), after.power_w.get(point)
        if start_w is not None:
            spans.append(PowerSpan(before.at_ms, after.at_ms, start_w, start_w if end_w is None else end_w))
        elif before.fact == "charging" and end_w is not None:
            spans.append(PowerSpan(before.at_ms, after.at_ms, end_w, end_w))
    return spans


def idle_spans(line: Sequence[LineEvent], plugs: Plugs) -> list[tuple[int, int]]:
    """The time (milliseconds since 1970) known to be idle: from a stop until the next event, and between sessions."""
    spans = [
        (before.at_ms, after.at_ms)
        for before, after in pairwise(line)
        if before.fact == "stopped" and after.at_ms - before.at_ms <= MAX_SPAN_MS
    ]
    begun_ms = plugs.begun_ms()
    for closed_ms in plugs.closed_ms:
        opened_ms = next((at_ms for at_ms in begun_ms if at_ms >= closed_ms), None)
        if opened_ms is not None and opened_ms - closed_ms <= MAX_SPAN_MS:
            spans.append((closed_ms, opened_ms))
    return spans
