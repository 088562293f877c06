"""The app's back end: asks our API for what a driver wants, and asks again until it has an answer."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import requests

from tests.world.world import World

MOST_TRIES = 300
"""The tries of five hours, which is longer than any bad day of Axle's."""

PATIENT_AFTER = 10
PATIENT_S = 60.0
"""So long an app waits at least between two tries, once it has made ``PATIENT_AFTER``."""

PASSING = frozenset({408, 429, 500, 502, 503, 504})


@dataclass
class Asked:
    """A request of the app, first made at ``asked_at``, and the status that ended it; None while there is none."""

    method: str
    path: str
    body: Any
    key: str
    operator: bool = False
    tries: int = 0
    status: int | None = None
    asked_at: datetime | None = None
    answered_at: datetime | None = None

    @property
    def is_refused(self) -> bool:
        """Whether it was answered that nothing comes of it."""
        return self.status is not None and not 200 <= self.status < 300


@dataclass
class App:
    """An app that repeats what is not answered, with a key that makes the repetition known.

    ``asked`` has every request that it made, in order.
    """

    world: World
    rng: random.Random
    asked: list[Asked] = field(default_factory=list)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        expected: frozenset[int] = frozenset(),
        then: Callable[[], object] | None = None,
        operator: bool = False,
    ) -> Asked:
        """Ask now, and again until there is an answer. A 4xx that is not ``expected`` is a violation."""
        request = Asked(method, path, body, f"{self.rng.getrandbits(64):x}", operator)
        request.asked_at = self.world.clock.now()
        self.asked.append(request)
        self._try(request, expected, then)
        return request

    def _try(self, request: Asked, expected: frozenset[int], then: Callable[[], object] | None) -> str:
        request.tries += 1
        try:
            answer = self.world.request(
                request.method,
                request.path,
                request.body,
                operator=request.operator,
                **{"idempotency-key": request.key},
            )
        except requests.RequestException:
            return self._again(request, expected, then, self.rng.uniform(1, 10), "no answer")
        if answer.status_code in PASSING:
            wait_s = float(answer.headers.get("Retry-After", self.rng.uniform(1, 10)))
            return self._again(request, expected, then, wait_s, str(answer.status_code))
        request.status, request.answered_at = answer.status_code, self.world.clock.now()
        if not answer.ok and answer.status_code not in expected:
            self.world.violations.append(f"{request.method} {request.path}: {answer.status_code} {answer.text}")
        if then is not None:
            then()
        self.world.note(f"app {request.method} {request.path} {answer.status_code}")
        return str(answer.status_code)

    def _again(
        self, request: Asked, expected: frozenset[int], then: Callable[[], object] | None, wait_s: float, why: str
    ) -> str:
        if request.tries >= MOST_TRIES:
            self.world.violations.append(f"{request.method} {request.path} is never answered ({why})")
            return "given up"
        if request.tries >= PATIENT_AFTER:
            wait_s = max(wait_s, PATIENT_S)
        name = f"app asks again: {request.method} {request.path}"
        self.world.after(wait_s, name, lambda: self._try(request, expected, then))
        return why
