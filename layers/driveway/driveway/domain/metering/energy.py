"""Metering: samples become watt-hours per half-hour, exactly, in whatever order they arrive.

The energy of a half-hour is a function of the *set* of samples:

- Time is cut at every sample and every half-hour. A piece of time takes its energy from the best source that covers
  it: lifetime register, session register, power, estimate. Between two sources of one kind the measuring point decides,
  in this order: charger, car's AC input, unknown, battery.
- A register step is whole watt-hours and all of it is kept (``histories``). Inside a step the energy follows the lesser
  sources. The rest is spread evenly over the time that they leave open, up to the asset's power. Idle or unplugged time
  gets energy only if there is no other time.
- Power is linear between two power samples. It holds where the source reports every change (``power``). If it is lower
  then, it fell all along, unless the state of charge rose by more: a battery that is nearly full takes less and less.
- The state of charge decides while the car charges and no other source shows how fast (``state_of_charge``).
- For a car, only samples inside its home sessions count. The plug facts among the samples show the sessions.
- Time that no source covers is unknown. Unknown is not zero.
- Boundaries are rounded, not half-hours: the watt-hours of a step, or of a stretch of power, add up to its total.
"""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import Struct, field

from driveway.domain.metering.activity import MAX_SPAN_MS, Plugs, Span, plausible
from driveway.domain.metering.handed_on import NOTHING, HandedOn
from driveway.domain.metering.histories import Histories, histories_of
from driveway.domain.metering.pieces import UNITS_PER_WH, Pieces, Source, share_step
from driveway.domain.metering.plug_facts import plugs_of
from driveway.domain.metering.power import LineEvent, idle_spans, power_line, power_spans, unplugged_spans
from driveway.domain.metering.registers import Flagged
from driveway.domain.metering.return_unseen import flags_of
from driveway.domain.metering.samples import Rating, Sample, SampleKind, to_ms
from driveway.domain.metering.state_of_charge import lay_state_of_charge, soc_readings
from driveway.domain.presence.observation import MeasuringPoint
from driveway.values import replace

BEST_POINT_FIRST: tuple[MeasuringPoint, ...] = ("charger", "vehicle_ac_input", "unknown", "battery")
REGISTERS: tuple[SampleKind, ...] = ("session", "delta", "lifetime")
"""The registers, the least trusted first."""


class Energy(Struct):
    """The pieces of a stretch of time with the energy of the best source of each, and the flags.

    ``shared`` are the spans over which an amount of energy was divided, in proportion to the lesser sources.
    """

    pieces: Pieces
    plugs: Plugs
    line: Sequence[LineEvent]
    histories: Histories
    last_sample_ms: int
    flagged: Flagged = field(default_factory=list)
    shared: list[Span] = field(default_factory=list)


def energy_of(
    samples: Sequence[Sample],
    rating: Rating,
    before: HandedOn = NOTHING,
    *,
    from_ms: int | None = None,
    until_ms: int | None = None,
) -> Energy:
    """The energy of the time that the samples span: every source is laid over it, the lesser ones first.

    The samples are all samples of whole days. ``before`` is the state that the day before the first hands on.
    ``from_ms`` and ``until_ms`` widen the span.

    The power and the register of all energy of a charger are measured at the charger, also where the point is unknown:
    it has one meter, which several sources may report. Their registers of a session may begin at different times.
    """
    if not rating.travels:
        samples, before = [_at_the_charger(sample) for sample in samples], _all_at_the_charger(before)
    histories = histories_of(samples, before, rating)
    counting = histories.counting
    own_ms = [to_ms(sample) for sample in samples]
    first_ms = min([*own_ms, *([] if from_ms is None else [from_ms])], default=0)
    last_ms = max(own_ms, default=first_ms)
    end_ms = max(last_ms + 1 if own_ms else first_ms, until_ms or 0)
    pieces = Pieces.cut(first_ms, end_ms, [to_ms(sample) for sample in counting])
    plugs, line = plugs_of(counting), power_line(counting)
    flagged = [*histories.flagged, *flags_of(histories.returns)]
    energy = Energy(pieces, plugs, line, histories, last_ms, flagged, list(histories.returns))
    _lay_idle(energy)
    for point in reversed(BEST_POINT_FIRST):
        _lay_power(energy, point, rating)
    for _, readings in sorted(soc_readings(counting, rating).items()):
        lay_state_of_charge(pieces, readings, line, plugs, rating)
        energy.shared += [(before[0], after[0]) for before, after in pairwise(readings)]
    for kind in REGISTERS:
        for point in reversed(BEST_POINT_FIRST):
            _lay_register(energy, kind, point, rating)
    return energy


def _at_the_charger(sample: Sample) -> Sample:
    is_its_meter = sample.kind in ("lifetime", "power") and sample.measuring_point == "unknown"
    return replace(sample, measuring_point="charger") if is_its_meter else sample


def _all_at_the_charger(before: HandedOn) -> HandedOn:
    samples = tuple(_at_the_charger(sample) for sample in before.samples)
    return HandedOn(samples, tuple(proof.replace("lifetime:unknown:", "lifetime:charger:") for proof in before.proven))


def _lay_idle(energy: Energy) -> None:
    pieces, plugs = energy.pieces, energy.plugs
    for span in idle_spans(energy.line, plugs):
        pieces.lay_idle(span)
    for start_ms, end_ms in energy.histories.unseen:
        # A register rose here: the stops prove nothing.
        energy.shared.append((start_ms, end_ms))
        for piece in pieces.within(start_ms, end_ms):
            piece.doubt()
    for span in unplugged_spans(plugs):
        pieces.lay_idle(span)
    if (first_ms := plugs.first_known_ms) is not None:
        # A register's rise around the first plug-in belongs into the session.
        for piece in pieces.within(first_ms - MAX_SPAN_MS, first_ms):
            piece.is_idle = True


def _lay_power(energy: Energy, point: MeasuringPoint, rating: Rating) -> None:
    source = Source("power", point)
    for span in power_spans(energy.line, point):
        pieces = energy.pieces.within(span.start_ms, span.end_ms)
        if not plausible(max(span.start_w, span.end_w), 3_600_000, rating.power_w, 100):
            energy.flagged.append((span.end_ms, "power_above_asset"))
        elif span.kind == "at_most":
            for piece in pieces:
                piece.most_w = span.start_w if piece.most_w is None else min(piece.most_w, span.start_w)
        else:
            for piece in pieces:
                piece.lay(source, span.units_at(piece.start_ms), span.units_at(piece.end_ms))
                piece.is_held = span.kind == "held"
                if (falling := span.falling()) is not None:
                    piece.least_units = falling.units_at(piece.end_ms) - falling.units_at(piece.start_ms)


def _lay_register(energy: Energy, kind: SampleKind, point: MeasuringPoint, rating: Rating) -> None:
    for step in energy.histories.steps.get((kind, point), ()):
        energy.shared.append((step.start_ms, step.end_ms))
        pieces = energy.pieces.within(step.start_ms, step.end_ms)
        if not pieces:
            continue
        past = 0
        for piece, share in zip(pieces, share_step(pieces, step.energy_wh * UNITS_PER_WH, rating.power_w), strict=True):
            piece.lay(Source("register", point), past, past + share)
            past += share
