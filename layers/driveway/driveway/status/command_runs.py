"""A command of a session from outside: its attempts, its outcome and its delays."""

from typing import Any

from driveway.domain.instants import utc_text, utc_text_or_none
from driveway.domain.sessions.commands import CommandRun


def command_body(run: CommandRun) -> dict[str, Any]:
    """A command with all its attempts."""
    return {
        "action": run.action,
        "due_at": utc_text(run.due_at),
        "reason": run.reason,
        "text": run.text,
        "sent_at": utc_text_or_none(run.sent_at),
        "sent_after_s": run.sent_after_s,
        "attempts": run.attempts,
        "outcome": run.outcome,
        "outcome_text": run.outcome_text,
        "ended_at": utc_text_or_none(run.ended_at),
        "ended_after_s": run.ended_after_s,
    }
