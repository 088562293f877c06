"""Deltas: energies that a source reports for each of its intervals, as some chargers and telematics do."""

from collections.abc import Iterable, Mapping, Sequence

from driveway.domain.metering.activity import MAX_SPAN_MS, Activity
from driveway.domain.metering.registers import History, Reading, Step, resolution_wh
from driveway.domain.metering.samples import Sample, to_ms
from driveway.domain.presence.observation import MeasuringPoint


def delta_histories(
    own: Sequence[Sample], known: Iterable[Sample], activity: Activity
) -> Mapping[MeasuringPoint, History]:
    """What the deltas of a day count, by measuring point. ``known`` holds ``own`` and the last delta before the day.

    Of two deltas at one instant the higher counts.
    """
    own_ms = {to_ms(sample) for sample in own}
    deltas: dict[MeasuringPoint, dict[int, int]] = {
        sample.measuring_point: {} for sample in own if sample.kind == "delta"
    }
    for sample in known:
        if sample.kind == "delta" and (of_point := deltas.get(sample.measuring_point)) is not None:
            of_point[to_ms(sample)] = max(sample.value, of_point.get(to_ms(sample), 0))
    return {point: _history(sorted(of_point.items()), own_ms, activity) for point, of_point in deltas.items()}


def _history(deltas: Iterable[Reading], own_ms: set[int], activity: Activity) -> History:
    history = History()
    previous_ms: int | None = None
    for delta in deltas:
        if delta[0] in own_ms:
            _add(history, previous_ms, delta, activity)
        previous_ms = delta[0]
    return history


def _add(history: History, previous_ms: int | None, delta: Reading, activity: Activity) -> None:
    """A delta counts from the one before it in the same session, or from the session's beginning."""
    at_ms, energy_wh = delta
    session = activity.plugs.session_at(at_ms - 1)
    since_ms = previous_ms
    if session is not None and (previous_ms is None or previous_ms < session[0]):
        since_ms = session[0]
    if since_ms is None or at_ms - since_ms > MAX_SPAN_MS:
        history.flag([delta], "gap")
        return
    flow = (energy_wh, since_ms, at_ms, resolution_wh(energy_wh))
    if not activity.could_flow(*flow):
        if not activity.could_flow_unseen(*flow):
            history.flag([delta], "refused_delta")
            return
        history.unseen.append((since_ms, at_ms))
    history.steps.append(Step(since_ms, at_ms, energy_wh))
