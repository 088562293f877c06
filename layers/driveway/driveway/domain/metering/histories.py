"""The histories of an asset's registers, day by day. Each day hands on to the next the state that it needs.

A day is from noon to noon UTC, so that it holds a whole night. How a day's readings are explained depends only on that
day's samples and on the state that the day before handed on. So a late sample changes its own day and those after it,
and only these days are read again.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from driveway.domain.metering.activity import MAX_SPAN_MS, Activity, Plugs, Span
from driveway.domain.metering.deltas import delta_histories
from driveway.domain.metering.handed_on import AT_HOME, NOTHING, HandedOn, Register, hand_on, register_readings
from driveway.domain.metering.lifetime_register import lifetime_history
from driveway.domain.metering.plug_facts import plugs_of, samples_at_home
from driveway.domain.metering.power import LineEvent, begins_of_charging, idle_spans, power_line, unplugged_spans
from driveway.domain.metering.registers import Flagged, History, Reading, Step
from driveway.domain.metering.return_unseen import returns_unseen
from driveway.domain.metering.samples import Rating, Sample, to_ms
from driveway.domain.metering.session_register import session_history
from driveway.domain.metering.state_of_charge import soc_readings, soc_step_wh
from driveway.domain.presence.observation import RegisterKind

DAY_MS = 24 * 3_600_000
NOON_MS = 12 * 3_600_000


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

    def add(self, register: Register, history: History) -> None:
        """Add what a register counted in a day."""
        self.steps.setdefault(register, []).extend(history.steps)
        self.unseen += history.unseen
        self.flagged += history.flagged


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
        readings, declared = register_readings(self.own), _declared(self.known)
        after: list[tuple[Register, History]] = []
        for register in sorted({*readings, *register_readings(self.before.samples)}):
            before = self.before.of_register(register)
            history = self._history(register, readings.get(register, []), before, declared.get(register))
            histories.add(register, history)
            after.append((register, history))
        for point, history in delta_histories(self.own, self.known, self._activity(believes_stops=False)).items():
            histories.add(("delta", point), history)
        histories.returns += returns_unseen(self.plugs, self.known, self.line, self.soc, dict(after))
        return hand_on(self.known, self.plugs, self.line, after, declared)

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


def _declared(samples: Iterable[Sample]) -> dict[Register, RegisterKind]:
    """The latest declaration of each register's kind."""
    found: dict[Register, RegisterKind] = {}
    for sample in sorted(samples, key=lambda s: (s.at, s.register or "")):
        if sample.kind == "session" and sample.register is not None:
            found[sample.kind, sample.measuring_point] = sample.register
    return found


def _says_power(event: LineEvent) -> bool:
    return bool(event.power_w) or event.fact == "stopped"
