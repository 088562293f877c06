"""The commands of a session: each with all its attempts, its outcome and its delays, however many there were."""

from datetime import UTC, datetime, timedelta
from typing import Any

from driveway.domain.sessions.commands import command_runs
from driveway.domain.twin import Entry
from driveway.domain.twin.events import Event

EDGE = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)


def entry(event: Event, seconds: float, action: str | None = "start", **detail: Any) -> Entry:
    known = {"edge_at": EDGE.isoformat(), **({} if action is None else {"action": action}), **detail}
    return Entry(EDGE + timedelta(seconds=seconds), event, "AXLE_SCHEDULE", event.value, known)


def test_attempts_of_one_command_are_one_run_with_the_delay_from_the_edge_and_from_the_first_attempt() -> None:
    (run,) = command_runs(
        [
            entry(Event.COMMAND_PLANNED, -2),
            entry(Event.COMMAND_SENT, 3),
            entry(Event.COMMAND_REFUSED, 4),
            entry(Event.COMMAND_RETRIED, 60),
            entry(Event.COMMAND_SENT, 60),
            entry(Event.COMMAND_CONFIRMED, 63),
        ]
    )
    assert (run.action, run.due_at, run.attempts, run.outcome) == ("start", EDGE, 2, "CommandConfirmed")
    assert (run.sent_after_s, run.ended_after_s) == (3.0, 60.0)


def test_a_command_without_an_edge_was_due_when_it_was_planned() -> None:
    (run,) = command_runs([entry(Event.COMMAND_PLANNED, 90, edge_at=None)])
    assert run.due_at == EDGE + timedelta(seconds=90)


def test_a_command_that_was_never_sent_has_no_delay() -> None:
    (run,) = command_runs([entry(Event.COMMAND_PLANNED, -2), entry(Event.COMMAND_EXPIRED, 600)])
    assert (run.sent_at, run.sent_after_s, run.ended_after_s, run.attempts) == (None, None, None, 0)
    assert run.outcome == "CommandExpired"


def test_a_command_that_is_open_has_no_outcome() -> None:
    (run,) = command_runs([entry(Event.COMMAND_PLANNED, -2), entry(Event.COMMAND_SENT, 0)])
    assert (run.outcome, run.ended_at, run.ended_after_s) == (None, None, None)


def test_a_stop_between_two_starts_is_a_run_of_its_own() -> None:
    runs = command_runs(
        [
            entry(Event.COMMAND_PLANNED, 0),
            entry(Event.COMMAND_SUPERSEDED, 5),
            entry(Event.COMMAND_PLANNED, 5, "stop"),
            entry(Event.COMMAND_CONFIRMED, 9, "stop"),
            entry(Event.COMMAND_PLANNED, 20),
        ]
    )
    assert [(run.action, run.outcome) for run in runs] == [
        ("start", "CommandSuperseded"),
        ("stop", "CommandConfirmed"),
        ("start", None),
    ]


def test_the_schedule_that_a_car_keeps_itself_ends_with_its_own_event() -> None:
    runs = command_runs(
        [entry(Event.COMMAND_SENT, 0, "install_default"), entry(Event.DEFAULT_SCHEDULE, 7, "install_default")]
    )
    assert [(run.action, run.outcome, run.ended_after_s) for run in runs] == [
        ("install_default", "DefaultSchedule", 7.0)
    ]


def test_other_entries_are_no_commands() -> None:
    assert command_runs([entry(Event.CHARGING_STARTED, 0), entry(Event.COMMAND_SENT, 0, None)]) == []
