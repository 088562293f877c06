"""The clock of a rush: each run of a function has its own time, and so has each call of a pool of threads."""

import concurrent.futures
import heapq
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from tests.world.clock import WorldClock
from tests.world.determinism import _that_use_threads, _that_wait


class RushClock(WorldClock):
    """A clock that may go back: to the beginning of a run, once another run is over."""

    def set(self, at: datetime) -> None:
        """Go to an instant (aware UTC), forwards or back."""
        self._at = at


class _Pool(Executor):
    """A pool whose calls happen one after another in this process, and at once on the clock."""

    def __init__(self, clock: RushClock, workers: int) -> None:
        self._clock, self._began = clock, clock.now()
        self._free = [self._began] * workers
        self._ended = self._began

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call ``fn`` at the instant at which a worker is free."""
        future: Future[Any] = Future()
        self._clock.set(heapq.heappop(self._free))
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        heapq.heappush(self._free, self._clock.now())
        self._ended = max(self._ended, self._clock.now())
        self._clock.set(self._began)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Go on when the last call is over."""
        self._clock.set(max(self._ended, self._clock.now()))


@contextmanager
def side_by_side() -> Iterator[list[RushClock]]:
    """While it lasts, pools of threads and waiting follow the clock that is put into the list."""
    clocks: list[RushClock] = []

    def pool(workers: int | None = None, **_: Any) -> _Pool:
        return _Pool(clocks[-1], workers or 8)

    def sleep(seconds: float) -> None:
        clocks[-1].advance(seconds)

    def present() -> float:
        return clocks[-1].now().timestamp()

    time = SimpleNamespace(sleep=sleep, monotonic=present, time=present)
    with ExitStack() as stack:
        for module in _that_wait():
            stack.enter_context(patch.object(module, "time", time))
        for module in _that_use_threads():
            stack.enter_context(patch.object(module, "ThreadPoolExecutor", pool))
        stack.enter_context(patch.object(concurrent.futures, "ThreadPoolExecutor", pool))
        yield clocks
