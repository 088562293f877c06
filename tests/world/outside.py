"""Everything that a function does outside itself goes through here, call by call, with the faults planned for it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.support.faults import Call, Death, FaultKind, Outside, suffered

BeforeCall = Callable[["Invocation", Call], FaultKind | None]


@dataclass(eq=False)
class Invocation:
    """One run of a function: its calls so far, and whether it was killed.

    ``number`` counts the runs of a world; ``until`` is when its time is up."""

    function: str
    number: int
    until: datetime
    calls: list[Call] = field(default_factory=list)
    dead: bool = False
    fault: str | None = None


@dataclass(frozen=True)
class PlannedFault:
    """A fault at one call of one run of a function, both counted as the world counts them."""

    run: int
    call: int
    fault: FaultKind


class WorldOutside(Outside):
    """The calls of functions, of which some may run within a call of another.

    ``before`` is asked before each call, once the invocation has it in its list; it may let other functions run, move
    the clock, and gives the fault that the call suffers, if any.
    """

    def __init__(self, before: BeforeCall) -> None:
        super().__init__()
        self._before = before
        self.running: list[Invocation] = []

    def call(self, service: str, operation: str, about: str, do: Callable[[], Any]) -> Any:
        """Make one call, with what is planned for it. Outside of an invocation nothing is planned."""
        if not self.running:
            return do()
        invocation, made = self.running[-1], Call(service, operation, about)
        if invocation.dead:
            raise Death
        invocation.calls.append(made)
        fault = self._before(invocation, made)
        if fault is None or not made.suffers(fault):
            return do()
        invocation.fault = f"{fault} at call {len(invocation.calls) - 1}: {made}"
        try:
            return suffered(made, fault, do)
        except Death:
            invocation.dead = True
            raise
