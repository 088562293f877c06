"""The commands of a session with their outcomes and delays, read from its timeline. Pure."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from driveway.domain.twin import Entry
from driveway.domain.twin.events import Event
from driveway.values import replace

ENDS = frozenset(
    {
        Event.COMMAND_CONFIRMED,
        Event.COMMAND_FAILED,
        Event.COMMAND_SUPERSEDED,
        Event.COMMAND_EXPIRED,
        Event.DEFAULT_SCHEDULE,
        Event.CHARGING_CURRENT,
    }
)


class CommandRun(Struct, frozen=True):
    """A command from its plan to its end, with all attempts. Times are aware UTC.

    Attributes:
        due_at: the edge of the plan at which the car starts or stops; without one, when the command was planned.
        reason, text: why it was given.
        sent_at: when it was first sent; None if it never was.
        attempts: how often it was sent.
        ended_at: when it was confirmed or given up; None while it is open.
        outcome: the event that ended it, and ``outcome_text`` its sentence.
    """

    action: str
    due_at: datetime
    reason: str
    text: str
    sent_at: datetime | None = None
    attempts: int = 0
    ended_at: datetime | None = None
    outcome: str | None = None
    outcome_text: str | None = None

    @property
    def sent_after_s(self) -> float | None:
        """How long after it was due it was first sent, in seconds."""
        return None if self.sent_at is None else (self.sent_at - self.due_at).total_seconds()

    @property
    def ended_after_s(self) -> float | None:
        """How long after it was first sent it ended, in seconds; None if it was never sent or is open."""
        if self.ended_at is None or self.sent_at is None:
            return None
        return (self.ended_at - self.sent_at).total_seconds()


def command_runs(entries: Iterable[Entry]) -> list[CommandRun]:
    """The commands in a timeline (in order of time), in the order in which they were planned."""
    runs: list[CommandRun] = []
    open_run: dict[str, int] = {}
    for entry in entries:
        action = entry.detail.get("action")
        if not isinstance(action, str) or not (entry.event.startswith("Command") or entry.event in ENDS):
            continue
        place = open_run.get(action)
        if place is None or entry.event == Event.COMMAND_PLANNED:
            place = open_run[action] = len(runs)
            runs.append(CommandRun(action, _due_at(entry), entry.reason, entry.text))
        runs[place] = _after(runs[place], entry)
        if entry.event in ENDS:
            del open_run[action]
    return runs


def _due_at(entry: Entry) -> datetime:
    edge_at = entry.detail.get("edge_at")
    return entry.at if not isinstance(edge_at, str) else datetime.fromisoformat(edge_at)


def _after(run: CommandRun, entry: Entry) -> CommandRun:
    if entry.event == Event.COMMAND_SENT:
        return replace(run, sent_at=run.sent_at or entry.at, attempts=run.attempts + 1)
    if entry.event in ENDS:
        return replace(run, ended_at=entry.at, outcome=entry.event, outcome_text=entry.text)
    return run
