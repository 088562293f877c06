"""The histories of an asset's registers, day by day. Each day hands on to the next the state that it needs.

A day is from noon to noon UTC, so that it holds a whole night. How a day's readings are explained depends only on that
day's samples and on the state that the day before handed on. So a late sample changes its own day and those after it,
and only these days are read again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from msgspec import Struct, field

from driveway.domain.metering.activity import EVER_MS, LATE_MS, MAX_SPAN_MS, Activity, Plugs, Span
from driveway.domain.metering.lifetime_register import lifetime_history
from driveway.domain.metering.plug_facts import OPENINGS, PLUG_FACTS, closings, plugs_of, samples_at_home
from driveway.domain.metering.power import LineEvent, begins_of_charging, idle_spans, power_line, unplugged_spans
from driveway.domain.metering.registers import Flagged, History, Proof, Reading, Step, resolution_wh
from driveway.domain.metering.return_unseen import returns_unseen
from driveway.domain.metering.samples import Rating, Sample, SampleKind, end_of_line, to_ms
from driveway.domain.metering.session_register import session_history
from driveway.domain.metering.state_of_charge import soc_readings, soc_step_wh
from driveway.domain.presence.observation import MeasuringPoint, RegisterKind

DAY_MS = 24 * 3_600_000
NOON_MS = 12 * 3_600_000
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
        readings = _readings(self.samples).get(register, [])
        # A lifetime register has no pending reading. Two are those of one meter that were stored at two points.
        readings = readings[-1:] if register[0] == "lifetime" else readings
        prefix = f"{register[0]}:{register[1]}:"
        texts = {text[len(prefix) :] for text in self.proven if text.startswith(prefix)}
        proven = frozenset(cast("Proof", text) for text in texts - {STALE, CONTRADICTED})
        live, pending = (*readings[:2], None, None)[:2]
        return History(live, pending, proven, STALE in texts, CONTRADICTED in texts)


NOTHING = HandedOn()


class Histories(Struct):
    """The steps that the registers counted, and the spans of rises ``unseen`` by the reports of charging.

    ``returns`` are those of ``returns_unseen``. ``counting`` are the samples that count, including those of ``before``:
    the state handed on to the first day. ``handed_on`` are the states handed on, by the start of the next day.
    """

    before: HandedOn = NOTHING
    counting: list[Sample] = field(default_factory=list)
    steps: dict[Register, list[Step]] = field(default_factory=dict)
    unseen: list[Span] = field(default_factory=list)
    returns: list[Span] = field(default_factory=list)
    flagged: Flagged = field(default_factory=list)
    handed_on: dict[int, HandedOn] = field(default_factory=dict)


def day_of(at_ms: int) -> int:
    """The start (milliseconds since 1970) of the day, from noon to noon UTC, that an instant lies in."""
    return (at_ms - NOON_MS) // DAY_MS * DAY_MS + NOON_MS


def histories_of(samples: Iterable[Sample], before: HandedOn, rating: Rating) -> Histories:
    """The histories of the registers in samples of whole days. ``before`` comes from the day before the first."""
    days: dict[int, list[Sample]] = {}
    for sample in sorted(samples, key=lambda s: (s.at, s.kind, s.value)):
        days.setdefault(day_of(to_ms(sample)), []).append(sample)
    histories = Histories(before, list(before.samples))
    for day_ms in sorted(days):
        before = _Day.of(days[day_ms], before, rating).add_to(histories)
        histories.handed_on[day_ms + DAY_MS] = before
    return histories


class _Day(Struct, frozen=True):
    """The samples of a day that count, and its plugs, power line and states of charge."""

    own: Sequence[Sample]
    known: Sequence[Sample]
    before: HandedOn
    rating: Rating
    plugs: Plugs
    line: Sequence[LineEvent]
    soc: Mapping[str, Sequence[Reading]]

    @classmethod
    def of(cls, samples: Sequence[Sample], before: HandedOn, rating: Rating) -> "_Day":
        plugs = plugs_of([*before.samples, *samples])
        own = samples_at_home(samples, plugs) if rating.travels else list(samples)
        known = [*before.samples, *own]
        return cls(own, known, before, rating, plugs, power_line(known), soc_readings(known, rating))

    def add_to(self, histories: Histories) -> HandedOn:
        """Add the steps of the day's registers. Returns the state that the day hands on."""
        histories.counting += self.own
        readings, declared = _readings(self.own), _declared(self.known)
        after: list[tuple[Register, History]] = []
        for register in sorted({*readings, *_readings(self.before.samples)}):
            before = self.before.of_register(register)
            history = self._history(register, readings.get(register, []), before, declared.get(register))
            histories.steps.setdefault(register, []).extend(history.steps)
            histories.unseen += history.unseen
            histories.flagged += history.flagged
            after.append((register, history))
        self._add_deltas(histories)
        histories.returns += returns_unseen(self.plugs, self.known, self.line, self.soc, dict(after))
        return self._hands_on(after, declared)

    def _history(
        self, register: Register, readings: Sequence[Reading], before: History, declared: RegisterKind | None
    ) -> History:
        kind, point = register
        if kind == "session":
            return session_history(readings, before, self._activity(believes_stops=declared is None), declared)
        return lifetime_history(readings, before, self._activity(believes_stops=False), at_home=point in AT_HOME)

    def _activity(self, *, believes_stops: bool) -> Activity:
        """What other samples than registers show of the day.

        ``believes_stops``: two stops of a source that polls count as idle time, however far apart they are. They
        outweigh what a register of unknown kind shows first after a plug-in, which may be energy of a charge elsewhere.
        A declared register outweighs stops of a source that polls.
        """
        return Activity(
            self.plugs,
            self.rating.power_w,
            travels=self.rating.travels,
            idle=idle_spans(self.line, self.plugs, polled_ms=MAX_SPAN_MS if believes_stops else 0),
            unplugged=unplugged_spans(self.plugs),
            certain_idle=idle_spans(self.line, self.plugs),
            seeming_idle=idle_spans(self.line, self.plugs, polled_ms=MAX_SPAN_MS),
            powers=[(event.at_ms, max(event.power_w.values(), default=0)) for event in self.line if _says_power(event)],
            charging_ms=[event.at_ms for event in self.line if event.is_charging],
            begins_ms=begins_of_charging(self.line, self.plugs),
            soc=next(iter(self.soc.values())) if len(self.soc) == 1 else (),
            soc_step_wh=soc_step_wh(self.rating),
        )

    def _add_deltas(self, histories: Histories) -> None:
        activity = self._activity(believes_stops=False)
        for point in {sample.measuring_point for sample in self.own if sample.kind == "delta"}:
            deltas: dict[int, int] = {}
            for sample in self.known:
                if sample.kind == "delta" and sample.measuring_point == point:
                    deltas[to_ms(sample)] = max(sample.value, deltas.get(to_ms(sample), 0))
            own_ms = {to_ms(sample) for sample in self.own}
            previous_ms: int | None = None
            for at_ms, energy_wh in sorted(deltas.items()):
                if at_ms in own_ms:
                    _add_delta(histories, point, previous_ms, (at_ms, energy_wh), activity)
                previous_ms = at_ms

    def _hands_on(
        self, after: Iterable[tuple[Register, History]], declared: Mapping[Register, RegisterKind]
    ) -> HandedOn:
        samples, proven, closed_ms = self._plug_facts(), [], self._closed_ms()
        if self.line and self.line[-1].at_ms != closed_ms:
            samples += end_of_line(self.known, self.line[-1].at_ms)
        for kind, kept in (("soc", 2), ("delta", 1)):
            samples += _last(self.known, kind, kept, after_ms=None if closed_ms == EVER_MS else closed_ms)
        for register, history in after:
            for reading in (history.live, history.pending):
                if reading is not None:
                    samples.append(_sample(register, reading, declared.get(register)))
            proven += _proofs(register, history)
        return HandedOn(tuple(sorted(set(samples), key=_order)), tuple(sorted(proven)))

    def _closed_ms(self) -> int:
        """When the last session closed; ``EVER_MS`` while one is open, or none is known."""
        begun_ms = self.plugs.sessions[-1][0] if self.plugs.sessions else -EVER_MS
        closed_ms = self.plugs.closed_ms[-1] if self.plugs.closed_ms else -EVER_MS
        return closed_ms if closed_ms > begun_ms else EVER_MS

    def _plug_facts(self) -> list[Sample]:
        """The opening of the last session, its closing, and an open doubt."""
        begun_ms = self.plugs.sessions[-1][0] if self.plugs.sessions else -EVER_MS
        closed_ms = self.plugs.closed_ms[-1] if self.plugs.closed_ms else -EVER_MS
        ends = closings(self.known)
        doubted = {since_ms for since_ms, until_ms in self.plugs.doubts if until_ms == EVER_MS}
        return [
            sample
            for sample in self.known
            if (sample.kind in OPENINGS and to_ms(sample) == begun_ms)
            or (sample.kind == "unplugged" and sample.at in ends and begun_ms <= to_ms(sample) == closed_ms)
            or (sample.kind == "doubted" and to_ms(sample) in doubted)
        ]


def _add_delta(
    histories: Histories, point: MeasuringPoint, previous_ms: int | None, delta: Reading, activity: Activity
) -> None:
    """A delta counts from the one before it in the same session, or from the session's beginning."""
    at_ms, energy_wh = delta
    session = activity.plugs.session_at(at_ms - 1)
    since_ms = previous_ms
    if session is not None and (previous_ms is None or previous_ms < session[0]):
        since_ms = session[0]
    if since_ms is None or at_ms - since_ms > MAX_SPAN_MS:
        histories.flagged.append((at_ms, "gap"))
        return
    flow = (energy_wh, since_ms, at_ms, resolution_wh(energy_wh))
    if not activity.could_flow(*flow):
        if not activity.could_flow_unseen(*flow):
            histories.flagged.append((at_ms, "refused_delta"))
            return
        histories.unseen.append((since_ms, at_ms))
    histories.steps.setdefault(("delta", point), []).append(Step(since_ms, at_ms, energy_wh))


def _readings(samples: Iterable[Sample]) -> dict[Register, list[Reading]]:
    """The readings of each register in order of time; of two at one instant the higher."""
    found: dict[Register, dict[int, int]] = {}
    for sample in samples:
        if sample.kind in ("lifetime", "session"):
            readings = found.setdefault((sample.kind, sample.measuring_point), {})
            readings[to_ms(sample)] = max(sample.value, readings.get(to_ms(sample), 0))
    return {register: sorted(readings.items()) for register, readings in found.items()}


def _declared(samples: Iterable[Sample]) -> dict[Register, RegisterKind]:
    """The latest declaration of each register's kind."""
    found: dict[Register, RegisterKind] = {}
    for sample in sorted(samples, key=lambda s: (s.at, s.register or "")):
        if sample.kind == "session" and sample.register is not None:
            found[sample.kind, sample.measuring_point] = sample.register
    return found


def _proofs(register: Register, history: History) -> list[str]:
    marks = {STALE: history.is_stale, CONTRADICTED: history.is_contradicted}
    found = {*history.proven, *(mark for mark, is_set in marks.items() if is_set)}
    return [f"{register[0]}:{register[1]}:{proof}" for proof in found]


def _says_power(event: LineEvent) -> bool:
    return bool(event.power_w) or event.fact == "stopped"


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
