"""What must have happened in the nights of a played life, by what had been delivered."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.support.observations.lives import MINUTE, Stay

if TYPE_CHECKING:
    from tests.support.observations.played_life import PlayedLife

HOUR = timedelta(hours=1)
SILENT = timedelta(hours=12)
HELD = timedelta(hours=11)
"""A car that is reported unplugged gets a trial start for twelve hours after our stop; an hour less is safe."""


def judged_night(life: "PlayedLife", stay: Stay) -> list[str]:
    """What went wrong in a home night, in words; the life counts the nights that were judged."""
    edge = stay.start.replace(hour=23, minute=30, second=0)
    if not (stay.plugged < edge - HOUR and edge + 2 * HOUR < stay.unplugged):
        return []
    return [
        *_reported(life, stay, edge),
        *_account(life, stay, edge),
        *_silent(life, stay, edge),
        *_held(life, stay, edge),
    ]


def _starts(life: "PlayedLife", since: datetime, until: datetime) -> list[datetime]:
    return [at for at, action in life.car.planned if action == "start" and since - MINUTE <= at <= until]


def _last_obeyed_at(life: "PlayedLife", edge: datetime) -> datetime:
    return [at for at, _ in life.obeyed if at < edge - MINUTE][-1]


def _is_stopped(life: "PlayedLife", stay: Stay, edge: datetime) -> bool:
    """Whether the car obeyed a stop of its stay and no start after it, until before the edge: it needs a start."""
    actions = [action for at, action in life.obeyed if stay.plugged <= at < edge - MINUTE]
    return bool(actions) and actions[-1] == "stop"


def _reported(life: "PlayedLife", stay: Stay, edge: datetime) -> list[str]:
    """A night with a report of plug and place in each hour: the start is planned."""
    hours = [(edge + number * HOUR - HOUR, edge + number * HOUR) for number in range(3)]
    good = [
        one
        for one in life.delivered
        if one.says_place and one.snapshot.plugged_in and not one.stray and life.is_home(one.snapshot.at)
    ]
    if not all(any(start <= one.at < end for one in good) for start, end in hours):
        return []
    life.counts["nights"] += 1
    if _is_stopped(life, stay, edge) and not _starts(life, edge, edge + 2 * HOUR):
        return [f"no start in the night of {edge:%d}"]
    return []


def _account(life: "PlayedLife", stay: Stay, edge: datetime) -> list[str]:
    """An account that was lost in a session and works again: a start is planned at the edge, or within the hour."""
    account = life.mishaps.account
    if account is None or not stay.plugged <= account[0] < edge or life.session_at_loss is None:
        return []
    due = max(edge, account[1])
    if not _is_stopped(life, stay, edge) or due + 80 * MINUTE > stay.unplugged:
        return []
    if life.cloud.unplugged_while_stopped and _last_obeyed_at(life, edge) < edge - HELD:
        return []
    life.counts["account nights"] += 1
    started_before = any(edge - MINUTE <= at < due and action == "start" for at, action in life.obeyed)
    if started_before or _starts(life, due, due + 75 * MINUTE):
        return []
    return [f"no start in the night of {edge:%d} although the account worked again at {account[1]:%d %H:%M}"]


def _silent(life: "PlayedLife", stay: Stay, edge: datetime) -> list[str]:
    """A car without a report for twelve hours: its state is read before the edge, and the start is planned.

    Reads are spread over an hour: a car that is reported in it again may not need one any more.
    """
    account, look_from = life.mishaps.account, edge - HOUR
    reports = [one.at for one in life.delivered if one.at not in life.car.looks]
    reported = [at for at in reports if at < look_from]
    if (
        account is not None
        or any(look_from <= at < edge for at in reports)
        or (reported and reported[-1] > look_from - SILENT)
        or look_from - SILENT < life.stays[0].start
    ):
        return []
    life.counts["silent nights"] += 1
    looks = [at for at in life.car.looks if look_from - MINUTE <= at <= edge]
    if not looks:
        return [f"the car was silent before the night of {edge:%d}, and its state was not read"]
    return []


def _held(life: "PlayedLife", stay: Stay, edge: datetime) -> list[str]:
    """A car that is reported unplugged while it is stopped: one start is planned at the edge."""
    excused = life.mishaps.account is not None or life.cloud.strays > 0
    if not life.cloud.unplugged_while_stopped or excused or not _is_stopped(life, stay, edge):
        return []
    if _last_obeyed_at(life, edge) < edge - HELD:
        return []
    life.counts["nights reported unplugged"] += 1
    return [] if _starts(life, edge, edge + HOUR) else [f"the car stayed stopped in the night of {edge:%d}"]
