"""What a day of samples hands on to the next: the state that explains the next day's readings."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from msgspec import Struct

from driveway.domain.metering.activity import EVER_MS, LATE_MS, MAX_SPAN_MS, Plugs
from driveway.domain.metering.plug_facts import OPENINGS, PLUG_FACTS, closings, plugs_of
from driveway.domain.metering.power import LineEvent
from driveway.domain.metering.registers import History, Proof, Reading
from driveway.domain.metering.samples import Rating, Sample, SampleKind, end_of_line, to_ms
from driveway.domain.presence.observation import MeasuringPoint, RegisterKind

STALE = "stale"
CONTRADICTED = "contradicted"
AT_HOME: tuple[MeasuringPoint, ...] = ("charger", "unknown")
"""Where a lifetime register counts only energy taken at home."""

Register = tuple[SampleKind, MeasuringPoint]


class HandedOn(Struct, frozen=True):
    """The state that one day hands on to the days after it.

    ``samples`` are the plug facts of the last session, the last event of the power line, whether contact was lost after
    it, the last two states of charge, and for each register the readings that its next reading builds on. ``proven``
    are the proofs of each register's behaviour, as ``kind:point:proof``.
    """

    samples: tuple[Sample, ...] = ()
    proven: tuple[str, ...] = ()

    def of_register(self, register: Register) -> History:
        """The history of a register so far."""
        readings = register_readings(self.samples).get(register, [])
        # A lifetime register has no pending reading. Two are those of one meter that were stored at two points.
        readings = readings[-1:] if register[0] == "lifetime" else readings
        prefix = f"{register[0]}:{register[1]}:"
        texts = {text[len(prefix) :] for text in self.proven if text.startswith(prefix)}
        proven = frozenset(cast("Proof", text) for text in texts - {STALE, CONTRADICTED})
        live, pending = (*readings[:2], None, None)[:2]
        return History(live, pending, proven, STALE in texts, CONTRADICTED in texts)


NOTHING = HandedOn()


def hand_on(
    known: Sequence[Sample],
    plugs: Plugs,
    line: Sequence[LineEvent],
    after: Iterable[tuple[Register, History]],
    declared: Mapping[Register, RegisterKind],
) -> HandedOn:
    """The state that a day hands on: ``after`` are its registers' histories."""
    samples, proven, closed_ms = _plug_facts(known, plugs), [], _closed_ms(plugs)
    if line and line[-1].at_ms != closed_ms:
        samples += end_of_line(known, line[-1].at_ms)
    for kind, kept in (("soc", 2), ("delta", 1)):
        samples += _last(known, kind, kept, after_ms=None if closed_ms == EVER_MS else closed_ms)
    for register, history in after:
        for reading in (history.live, history.pending):
            if reading is not None:
                samples.append(_sample(register, reading, declared.get(register)))
        proven += _proofs(register, history)
    return HandedOn(tuple(sorted(set(samples), key=_order)), tuple(sorted(proven)))


def _closed_ms(plugs: Plugs) -> int:
    """When the last session closed; ``EVER_MS`` while one is open, or none is known."""
    begun_ms = plugs.sessions[-1][0] if plugs.sessions else -EVER_MS
    closed_ms = plugs.closed_ms[-1] if plugs.closed_ms else -EVER_MS
    return closed_ms if closed_ms > begun_ms else EVER_MS


def _plug_facts(known: Sequence[Sample], plugs: Plugs) -> list[Sample]:
    """The opening of the last session, its closing, and an open doubt."""
    begun_ms = plugs.sessions[-1][0] if plugs.sessions else -EVER_MS
    closed_ms = plugs.closed_ms[-1] if plugs.closed_ms else -EVER_MS
    ends = closings(known)
    doubted = {since_ms for since_ms, until_ms in plugs.doubts if until_ms == EVER_MS}
    return [
        sample
        for sample in known
        if (sample.kind in OPENINGS and to_ms(sample) == begun_ms)
        or (sample.kind == "unplugged" and sample.at in ends and begun_ms <= to_ms(sample) == closed_ms)
        or (sample.kind == "doubted" and to_ms(sample) in doubted)
    ]


def open_from(handed_on: HandedOn, day_ms: int, rating: Rating) -> int:
    """The earliest instant whose energy depends on a day's samples; ``day_ms`` if that is none before the day."""
    plugs = plugs_of(handed_on.samples)
    is_open = bool(plugs.sessions) and plugs.sessions[-1][1] == EVER_MS
    instants = [day_ms]
    for sample in handed_on.samples:
        at_ms = to_ms(sample)
        stays_home = not rating.travels or (sample.kind == "lifetime" and sample.measuring_point in AT_HOME)
        counts = stays_home or is_open or at_ms >= day_ms - LATE_MS
        if sample.kind in PLUG_FACTS:
            # A session register's first reading counts from the plug-in.
            counts = is_open
            at_ms -= sample.value * 1000 if sample.kind == "doubted" else 0
        if counts and day_ms - at_ms <= MAX_SPAN_MS:
            instants.append(at_ms)
    return min(instants)


def register_readings(samples: Iterable[Sample]) -> dict[Register, list[Reading]]:
    """The readings of each register in order of time; of two at one instant the higher."""
    found: dict[Register, dict[int, int]] = {}
    for sample in samples:
        if sample.kind in ("lifetime", "session"):
            readings = found.setdefault((sample.kind, sample.measuring_point), {})
            readings[to_ms(sample)] = max(sample.value, readings.get(to_ms(sample), 0))
    return {register: sorted(readings.items()) for register, readings in found.items()}


def _proofs(register: Register, history: History) -> list[str]:
    marks = {STALE: history.is_stale, CONTRADICTED: history.is_contradicted}
    found = {*history.proven, *(mark for mark, is_set in marks.items() if is_set)}
    return [f"{register[0]}:{register[1]}:{proof}" for proof in found]


def _last(samples: Iterable[Sample], kind: str, kept: int, after_ms: int | None) -> list[Sample]:
    """The samples of a kind at its last ``kept`` instants, for each car."""
    found = [s for s in samples if s.kind == kind and (after_ms is None or to_ms(s) > after_ms)]
    last: list[Sample] = []
    for vehicle_id in {sample.vehicle_id for sample in found}:
        own = [sample for sample in found if sample.vehicle_id == vehicle_id]
        instants = sorted({sample.at for sample in own})[-kept:]
        last += [sample for sample in own if sample.at in instants]
    return last


def _sample(register: Register, reading: Reading, declared: RegisterKind | None) -> Sample:
    at = datetime.fromtimestamp(reading[0] / 1000, UTC)
    return Sample(at, register[0], reading[1], register[1], register=declared)


def _order(sample: Sample) -> tuple[object, ...]:
    return (
        sample.at,
        sample.kind,
        sample.value,
        sample.measuring_point,
        sample.vehicle_id or "",
        sample.register or "",
    )
