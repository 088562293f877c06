"""Organisation tokens: one hour on the clock."""

import secrets
import threading
from datetime import datetime, timedelta

TOKEN_LIFE = timedelta(hours=1)


class Tokens:
    """Issues and checks bearer tokens for one organisation."""

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._lock = threading.Lock()
        self._valid_until: dict[str, datetime] = {}
        self.issued = 0

    def issue(self, username: str, password: str, now: datetime) -> str | None:
        """A new token, or None when the credentials are wrong."""
        right = secrets.compare_digest(username.encode(), self._username.encode())
        if not (secrets.compare_digest(password.encode(), self._password.encode()) and right):
            return None
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._valid_until[token] = now + TOKEN_LIFE
            self.issued += 1
        return token

    def is_valid(self, token: str, now: datetime) -> bool:
        """Whether the token was issued, has not expired and was not revoked."""
        with self._lock:
            valid_until = self._valid_until.get(token)
        return valid_until is not None and now < valid_until

    def revoke_all(self) -> None:
        """No token issued so far is valid any more."""
        with self._lock:
            self._valid_until.clear()

    def reset(self) -> None:
        """Revoke all tokens and reset the counts."""
        with self._lock:
            self._valid_until.clear()
            self.issued = 0
