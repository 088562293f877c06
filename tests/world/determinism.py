"""Takes time, chance and threads from Python's own modules, so that one seed gives one history."""

import concurrent.futures
import importlib
import random
import secrets
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from tests.world.clock import WorldClock

WAITING = (
    "driveway.sites.changing",
    "driveway.sites.onboard",
    "driveway.sites.reconcile",
    "driveway.sites.membership",
    "driveway.store.slots",
    "driveway.store.table",
    "driveway.store.conditional",
    "botocore.endpoint",
)
"""The modules that wait by the real clock: for a store, for another request, or before they repeat a call."""

THREADED = ("driveway.axle.completeness_check", "driveway.axle.readings")
"""The modules that name the pool of threads at import."""


class Inline(Executor):
    """An executor that does everything at once, in the thread of its caller."""

    def __init__(self, max_workers: int | None = None) -> None:
        """``max_workers`` makes no difference."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call ``fn``; a function that was killed stays killed."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def deterministic(clock: WorldClock, wait: Callable[[float], None], rng: random.Random) -> Iterator[None]:
    """While it lasts, waiting moves the world's clock, threads run inline, and chance comes from one generator."""
    time = SimpleNamespace(sleep=wait, monotonic=lambda: clock.now().timestamp(), time=lambda: clock.now().timestamp())
    state = random.getstate()
    with ExitStack() as stack:
        for name in WAITING:
            stack.enter_context(patch.object(importlib.import_module(name), "time", time))
        for name in THREADED:
            stack.enter_context(patch.object(importlib.import_module(name), "ThreadPoolExecutor", Inline))
        stack.enter_context(patch.object(concurrent.futures, "ThreadPoolExecutor", Inline))
        stack.enter_context(patch.object(uuid, "uuid4", lambda: uuid.UUID(int=rng.getrandbits(128), version=4)))
        stack.enter_context(patch.object(secrets, "token_urlsafe", lambda size=32: f"{rng.getrandbits(8 * size):x}"))
        random.seed(rng.getrandbits(64))
        try:
            yield
        finally:
            random.setstate(state)
