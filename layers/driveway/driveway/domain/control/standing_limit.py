"""A limit of ours that stays in the car or charger until we remove it. Pure.

Some cars keep a charging current until somebody sets another, also while they are unplugged. So the driver's own
current is read before ours is set, ours never exceeds it, and it is restored on release. The twin records a limit
before the call that sets it, because the result of a call that died is unknown.
"""

from datetime import datetime

from msgspec import Struct

from driveway.domain.control.command_states import OPEN, REFUSED, TAKEN
from driveway.domain.control.desired import left_alone
from driveway.domain.control.required_command import keeps_current
from driveway.domain.twin import Command, Control, OutcomeKind, StandingLimit, Twin
from driveway.values import replace


class CurrentChange(Struct, frozen=True):
    """A change of the charging current of a car.

    Attributes:
        set_amps: the current to set; None: the car's current is right.
        before: the limit that may be in the car once the call is under way; it is written first.
        after: the limit in the car once it has accepted the current.
    """

    set_amps: int | None
    before: StandingLimit | None
    after: StandingLimit | None


def change_to_limit(standing: StandingLimit, *, shown_amps: int | None, limit_amps: int) -> CurrentChange:
    """The change to ``limit_amps``, given the current that the car shows (None: it does not report one).

    The driver's own current is the upper bound. Where it is not known, nothing is set.
    """
    own = driver_amps(standing, shown_amps)
    if own is None:
        return CurrentChange(None, standing, standing)
    wanted = min(limit_amps, own)
    if wanted == own:
        return change_to_own(standing, shown_amps=shown_amps)
    ours = tuple(sorted({*_ours_shown(standing, shown_amps), wanted}))
    before = replace(standing, driver_amps=own, our_amps=ours)
    after = replace(before, our_amps=(wanted,))
    if shown_amps == wanted:
        return CurrentChange(None, after, after)
    return CurrentChange(wanted, before, after)


def change_to_own(standing: StandingLimit, *, shown_amps: int | None) -> CurrentChange:
    """The change back to the driver's own current.

    If the present current is not one of ours, the driver chose it since, so it stays.
    """
    stands = bool(standing.our_amps) and (shown_amps is None or shown_amps in standing.our_amps)
    if not stands or standing.driver_amps is None:
        return CurrentChange(None, None, None)
    return CurrentChange(standing.driver_amps, standing, None)


def driver_amps(standing: StandingLimit, shown_amps: int | None) -> int | None:
    """The driver's own current: the one that the car shows, unless that may be ours; None if it is not known."""
    if shown_amps is None or shown_amps in standing.our_amps:
        return standing.driver_amps
    return shown_amps


def _ours_shown(standing: StandingLimit, shown_amps: int | None) -> tuple[int, ...]:
    """Those of our currents that may still be in force."""
    return standing.our_amps if shown_amps is None or shown_amps in standing.our_amps else ()


def claimed_limit(control: Control, command: Command, now: datetime) -> StandingLimit | None:
    """The limit that may be in the car once a command is under way at ``now`` (aware UTC)."""
    standing = control.standing_limit
    if command.action != "start" or command.limit_kw is None:
        return standing
    if standing is None:
        return StandingLimit(command.limit_kw, now)
    return replace(standing, limit_kw=command.limit_kw, since=now)


def answered_limit(twin: Twin, command: Command, outcome: OutcomeKind) -> StandingLimit | None:
    """The limit that may be in the car once a start or stop was answered with ``outcome`` (an OutcomeKind).

    A charger holds one command of ours at a time, so an accepted command replaces a limit. For a car that keeps its
    current only the current that was set counts, whatever the answer to the start was.
    """
    control, standing = twin.control, twin.control.standing_limit
    if standing is None:
        return None
    if keeps_current(twin):
        return standing if standing.our_amps else None
    if outcome in TAKEN:
        return standing if command.action == "start" and command.limit_kw is not None else None
    surely_refused = outcome in REFUSED and not command.may_have_been_obeyed and command.limit_kw is not None
    if not surely_refused:
        return standing
    return None if control.last_limit_kw is None else replace(standing, limit_kw=control.last_limit_kw)


def with_standing_limit(twin: Twin, command_id: str, standing: StandingLimit | None) -> Twin:
    """The twin with the limit that may be in the car since the start of that id; unchanged after a newer command."""
    command = twin.control.command
    if command is None or command.id != command_id or command.action != "start":
        return twin
    return replace(twin, control=replace(twin.control, standing_limit=standing))


def must_restore_limit(twin: Twin, now: datetime) -> bool:
    """Whether we must restore the driver's own current at ``now``: a limit of ours is there that is not needed.

    A start that is under way sets the current itself.
    """
    control, command = twin.control, twin.control.command
    if control.standing_limit is None or not keeps_current(twin):
        return False
    if command is not None and command.state in OPEN and command.action == "start":
        return False
    return control.last_limit_kw is None or left_alone(twin, now) is not None
