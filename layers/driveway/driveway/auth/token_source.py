"""The source of a bearer token, and the error when there is none."""

from typing import Protocol


class TokenError(Exception):
    """No token is available now; with ``needs_user``, none until the user connects the account again.

    ``unavailable`` says that the token service itself could not answer, which concerns every account.
    ``retry_after_s`` is the number of seconds after which another call may succeed, if that is known.
    """

    def __init__(
        self,
        message: str,
        *,
        needs_user: bool = False,
        retry_after_s: float | None = None,
        unavailable: bool = False,
    ) -> None:
        super().__init__(message)
        self.needs_user = needs_user
        self.retry_after_s = retry_after_s
        self.unavailable = unavailable


class TokenSource(Protocol):
    """Gives the bearer token for an API and replaces it when the API refuses it."""

    def token(self, *, refused: str | None = None) -> str:
        """A valid token; with ``refused`` one that is not that token (fetched once, shared by all instances).

        Raises:
            TokenError: there is none now.
        """
        ...
