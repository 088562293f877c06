"""The app's address for events: it verifies each with the public library, keeps it, and takes it."""

import base64
from collections import Counter
from typing import Any

import requests
from requests.adapters import BaseAdapter
from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"a secret of the app's webhook").decode()


class AppEndpoint(BaseAdapter):
    """Keeps what it gets. ``answers`` are the statuses of the next requests; then it is 204.

    An event that does not verify ends the test.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[dict[str, Any]] = []
        self.answers: list[int] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Take an event, or refuse it."""
        body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        event = Webhook(SECRET).verify(body, headers)
        response = requests.Response()
        response.status_code, response.url, response.request = 204, request.url or "", request
        if self.answers:
            response.status_code = self.answers.pop(0)
        if response.ok:
            self.taken.append(event)
        return response

    def counts(self) -> Counter[str]:
        """How often each event was taken, by its id."""
        return Counter(event["id"] for event in self.taken)

    def close(self) -> None:
        """Nothing is open."""
