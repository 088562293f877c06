"""What every car maker's module gives for a vehicle that leaves: the end of its connection."""

from collections.abc import Callable
from typing import Protocol

from driveway.domain.twin import Vehicle
from driveway.vehicles.http_call import Answer, Unanswered, retry_after_s
from driveway.vehicles.provider import Call

TIMEOUT_S = (2.0, 8.0)
"""To connect and to read. A request of the app may wait for several of these calls."""

InUse = Callable[[str], bool]
"""Whether an asset of ours has the vehicle with this id of the maker's."""


class NotEndedError(Exception):
    """The maker has not acknowledged that the connection ended; ``retry_after_s`` is how long it asks to wait.

    ``needs_user`` says that the maker gives us no token for the account any more.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        needs_user: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after_s = retry_after_s
        self.needs_user = needs_user


class Leaving(Protocol):
    """The part of a provider that ends connections. It can be repeated: what has ended stays ended."""

    def disconnect(self, call: Call, vehicle: Vehicle, in_use: InUse) -> None:
        """Have the maker send nothing more of a vehicle, except where another vehicle that is in use needs it.

        Raises:
            NotEndedError: the maker has not acknowledged it; repeat it later.
        """
        ...


def refused(answer: Answer | Unanswered, call: Call) -> Answer:
    """The answer if it is a success or says that there is no such thing (404).

    Raises:
        NotEndedError: it is neither, or there is no answer.
    """
    if isinstance(answer, Unanswered):
        raise NotEndedError(answer.detail, retry_after_s=answer.retry_after_s, needs_user=answer.needs_user)
    if answer.is_success or answer.status == 404:
        return answer
    detail = f"The provider answered {answer.status}."
    raise NotEndedError(detail, status=answer.status, retry_after_s=retry_after_s(answer.headers, call.now))
