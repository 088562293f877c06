"""Takes time, chance and threads from Python's own modules, so that one seed gives one history."""

import concurrent.futures
import importlib
import pkgutil
import random
import secrets
import time as real_time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import botocore.endpoint

import driveway
from tests.world.clock import WorldClock

NOT_PATCHED = frozenset({"driveway.runtime.clock", "driveway.runtime.http_session"})
"""The modules that the world replaces as a whole: its own clock, its own HTTP session."""


@cache
def _library() -> tuple[ModuleType, ...]:
    """Every module of the library."""
    names = [one.name for one in pkgutil.walk_packages(driveway.__path__, "driveway.")]
    return tuple(importlib.import_module(name) for name in names if name not in NOT_PATCHED)


def _that_wait() -> list[ModuleType]:
    """The modules that wait by the real clock: for a store, for another request, or before they repeat a call."""
    return [botocore.endpoint, *(one for one in _library() if getattr(one, "time", None) is real_time)]


def _that_use_threads() -> list[ModuleType]:
    """The modules that name the pool of threads when they are imported."""
    return [one for one in _library() if getattr(one, "ThreadPoolExecutor", None) is ThreadPoolExecutor]


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
        for module in _that_wait():
            stack.enter_context(patch.object(module, "time", time))
        for module in _that_use_threads():
            stack.enter_context(patch.object(module, "ThreadPoolExecutor", Inline))
        stack.enter_context(patch.object(concurrent.futures, "ThreadPoolExecutor", Inline))
        stack.enter_context(patch.object(uuid, "uuid4", lambda: uuid.UUID(int=rng.getrandbits(128), version=4)))
        stack.enter_context(patch.object(secrets, "token_urlsafe", lambda size=32: f"{rng.getrandbits(8 * size):x}"))
        random.seed(rng.getrandbits(64))
        try:
            yield
        finally:
            random.setstate(state)
