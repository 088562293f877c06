"""Sets the charging current of a car that keeps it: read first, noted on the twin, then set.

The rules are in ``domain.control.standing_limit``.
"""

from msgspec import Struct

from driveway.domain.control.command_states import TAKEN
from driveway.domain.control.outcome import Outcome
from driveway.domain.control.standing_limit import CurrentChange, change_to_limit, change_to_own
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import Command, OutcomeKind, StandingLimit, Twin, Vehicle
from driveway.runtime.context import Runtime
from driveway.values import replace
from driveway.vehicles.provider import Call, Commands, SetsCurrent


class Sending(Struct, frozen=True):
    """A claimed command on its way: with what it is sent, to which car, for which twin."""

    provider: Commands
    call: Call
    vehicle: Vehicle
    command: Command
    twin: Twin
    runtime: Runtime

    @property
    def standing(self) -> StandingLimit | None:
        """The limit of ours that may stand in the car before the command is sent."""
        return self.twin.control.standing_limit


class CurrentSet(Struct, frozen=True):
    """What became of a car's current.

    Attributes:
        standing: the limit of ours that may stand in the car now.
        refused: the answer that keeps the car from being started; None: it may be started.
        detail: why a limit was not set, fit to show.
        observations: what the car showed meanwhile.
    """

    standing: StandingLimit | None
    refused: Outcome | None = None
    detail: str = ""
    observations: tuple[Observation, ...] = ()


def set_for_start(sending: Sending) -> CurrentSet | None:
    """Bring the current to what a start asks for; None where there is nothing to set and nothing to give back.

    A car that is asleep or busy is not started: the command is repeated. A car that does not say its current, or
    refuses ours, is started at the current that it has.
    """
    standing, provider, limit_kw = sending.standing, sending.provider, sending.command.limit_kw
    if standing is None or not isinstance(provider, SetsCurrent):
        return None
    seen = provider.read_state(sending.call, sending.vehicle)
    if seen.kind not in TAKEN:
        if seen.kind is OutcomeKind.RETRYABLE and (limit_kw is not None or seen.asleep):
            return CurrentSet(standing, refused=seen)
        return CurrentSet(standing, detail=_not_set(seen), observations=seen.observations)
    if limit_kw is None:
        change = change_to_own(standing, shown_amps=seen.current_amps)
    else:
        limit_amps = provider.limit_amps(sending.call, limit_kw)
        change = change_to_limit(standing, shown_amps=seen.current_amps, limit_amps=limit_amps)
    return _carried_out(change, seen, provider, sending)


def restore(sending: Sending) -> Outcome:
    """Give the car its driver's own current back, and look whether it took it."""
    standing, provider = sending.standing, sending.provider
    if standing is None:
        return Outcome(OutcomeKind.ALREADY_IN_STATE, "No limit of ours stands in the car.")
    if not isinstance(provider, SetsCurrent):
        return Outcome(OutcomeKind.UNSUPPORTED, "The car keeps no charging current.")
    seen = provider.read_state(sending.call, sending.vehicle)
    if seen.kind not in TAKEN:
        return seen
    change = change_to_own(standing, shown_amps=seen.current_amps)
    done = _carried_out(change, seen, provider, sending)
    if done.refused is not None:
        return replace(done.refused, observations=(*done.observations, *done.refused.observations))
    if done.standing is not None:
        detail = done.detail or "The car did not take its own charging current back."
        return Outcome(OutcomeKind.RETRYABLE, detail, observations=done.observations)
    return Outcome(OutcomeKind.ACCEPTED, observations=done.observations)


def _carried_out(change: CurrentChange, seen: Outcome, provider: SetsCurrent, sending: Sending) -> CurrentSet:
    """Note what may stand, then set it. A current that is given back is looked at once more."""
    if change.set_amps is None:
        return CurrentSet(change.after, observations=seen.observations)
    if not _noted(change.before, sending):
        gone = Outcome(OutcomeKind.RETRYABLE, "Another command is wanted now.")
        return CurrentSet(sending.standing, refused=gone, observations=seen.observations)
    answer = provider.set_current(sending.call, sending.vehicle, change.set_amps)
    if answer.kind in {OutcomeKind.RETRYABLE, OutcomeKind.NEEDS_USER, OutcomeKind.NOT_PLUGGED_IN}:
        return CurrentSet(change.before, refused=answer, observations=seen.observations)
    if answer.kind not in TAKEN:
        return CurrentSet(change.before, detail=_not_set(answer), observations=seen.observations)
    if change.after is not None:
        return CurrentSet(change.after, observations=seen.observations)
    checked = provider.read_state(sending.call, sending.vehicle)
    stays = checked.current_amps is None or (
        change.before is not None and checked.current_amps in change.before.our_amps
    )
    return CurrentSet(change.before if stays else None, observations=(*seen.observations, *checked.observations))


def _noted(standing: StandingLimit | None, sending: Sending) -> bool:
    """Whether the twin says what may stand in the car, with the command still under way."""
    if standing == sending.standing:
        return True
    command, runtime = sending.command, sending.runtime

    def rule(twin: Twin) -> Twin:
        if not _is_under_way(twin, command):
            return twin
        return replace(twin, control=replace(twin.control, standing_limit=standing))

    change = runtime.table.change_twin(sending.twin.link.asset, rule, now=runtime.now())
    return _is_under_way(change.after, command)


def _is_under_way(twin: Twin, command: Command) -> bool:
    slots = (twin.control.command, twin.control.schedule_command)
    return any(one is not None and one.id == command.id and one.state == "sent" for one in slots)


def _not_set(answer: Outcome) -> str:
    return f"The charging current was not set: {answer.detail}"
