"""Whether a site takes part in smart charging."""

from driveway.domain.twin import Link


class NotEnrolledError(Exception):
    """The site does not take part, so the request is refused. The message is for the caller."""


def check_takes_part(link: Link, message: str) -> None:
    """Check that the asset's site is enrolled and stays so. An asset that gets another vehicle stays.

    Raises:
        NotEnrolledError: it is not, or it leaves; with the message.
    """
    if not link.enrolled or (link.leaving and not link.swapping):
        raise NotEnrolledError(message)
