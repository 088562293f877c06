"""A command of a session from outside: its attempts, its outcome and its delays."""

from typing import Annotated, get_args

from msgspec import Meta, Struct

from driveway.domain.sessions.commands import CommandRun
from driveway.domain.twin import CommandAction
from driveway.runtime.answer_types import EventCode, Instant, ReasonCode, utc, utc_or_none


class SessionCommand(Struct, frozen=True, kw_only=True):
    """A command with all its attempts."""

    action: Annotated[str, Meta(extra_json_schema={"enum": [*get_args(CommandAction)]})]
    due_at: Annotated[Instant, Meta(description="When the plan wanted it.")]
    reason: ReasonCode
    text: Annotated[str, Meta(description="Why it was planned, in a sentence.")]
    sent_at: Annotated[Instant | None, Meta(description="When it was first sent; null: never.")]
    sent_after_s: Annotated[float | None, Meta(description="How long after it was due it was first sent.")]
    attempts: Annotated[int, Meta(ge=0, description="How often it was sent.")]
    outcome: EventCode | None
    outcome_text: Annotated[str | None, Meta(description="The outcome in a sentence.")]
    ended_at: Annotated[Instant | None, Meta(description="When it was confirmed or given up; null while it is open.")]
    ended_after_s: Annotated[
        Annotated[float, Meta(ge=0)] | None, Meta(description="How long that was after it was first sent.")
    ]


def command_answer(run: CommandRun) -> SessionCommand:
    """A command as it is answered."""
    return SessionCommand(
        action=run.action,
        due_at=utc(run.due_at),
        reason=run.reason,
        text=run.text,
        sent_at=utc_or_none(run.sent_at),
        sent_after_s=run.sent_after_s,
        attempts=run.attempts,
        outcome=run.outcome,
        outcome_text=run.outcome_text,
        ended_at=utc_or_none(run.ended_at),
        ended_after_s=run.ended_after_s,
    )
