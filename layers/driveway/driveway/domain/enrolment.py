"""Whether a site takes part in smart charging, and which half-hours Axle receives of its assets. Pure."""

from datetime import datetime

from driveway.domain.twin import Link
from driveway.values import replace


class NotEnrolledError(Exception):
    """The site does not take part, so the request is refused. The message is for the caller."""


def takes_part(link: Link) -> bool:
    """Whether the asset's site is enrolled and the asset stays. An asset that gets another vehicle stays."""
    return link.enrolled and (not link.leaving or link.swapping)


def check_takes_part(link: Link, message: str) -> None:
    """Check that the asset takes part.

    Raises:
        NotEnrolledError: it does not; with the message.
    """
    if not takes_part(link):
        raise NotEnrolledError(message)


def may_be_reported(link: Link, start: datetime, end: datetime) -> bool:
    """Whether a half-hour from ``start`` to ``end`` (aware UTC) lies wholly in the time for which the asset takes part.

    After an opt-out these are the half-hours that had ended by then, and after a re-join those that begin from then on.
    """
    if link.rejoined_at is not None and start < link.rejoined_at:
        return False
    return takes_part(link) or (link.unenrolled_at is not None and end <= link.unenrolled_at)


def with_enrolment_times(before: Link | None, after: Link, now: datetime) -> Link:
    """The link with the times at which the asset stopped taking part, or began to again; the same one if they stand.

    Args:
        before: the stored link; None for a new asset, which takes part from its first half-hour on.
        after: the link as a change gives it, whatever times it has.
        now: when the change is made (aware UTC).
    """
    took_part = before is None or takes_part(before)
    rejoined_at = None if before is None else before.rejoined_at
    unenrolled_at = None if before is None else before.unenrolled_at
    if takes_part(after):
        rejoined_at, unenrolled_at = rejoined_at if took_part else now, None
    elif took_part:
        unenrolled_at = now
    if (after.rejoined_at, after.unenrolled_at) == (rejoined_at, unenrolled_at):
        return after
    return replace(after, rejoined_at=rejoined_at, unenrolled_at=unenrolled_at)
