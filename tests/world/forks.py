"""Runs something in a copy of this process: a world that was prepared once can be played many times from there."""

import os
import pickle
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class ChildError(RuntimeError):
    """What was run in the copy raised an error."""


def in_a_copy(do: Callable[[], T]) -> T:
    """The result of ``do``, run in a copy of the process that ends with it. Raises ChildError."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(_outcome(do), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        raw = pipe.read()
    os.waitpid(child, 0)
    if not raw:
        raise ChildError("the copy ended without a result")
    done, value = pickle.loads(raw)  # noqa: S301 - written by our own copy
    if not done:
        raise ChildError(value)
    result: T = value
    return result


def _outcome(do: Callable[[], Any]) -> tuple[bool, Any]:
    try:
        return True, do()
    except BaseException:
        return False, traceback.format_exc()
