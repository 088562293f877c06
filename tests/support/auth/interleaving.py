"""Runs operations side by side, one outside call at a time, in an order that the test decides."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

PATIENCE_S = 20.0
"""How long a thread may compute between two calls before the run counts as stuck."""


@dataclass
class _Actor:
    work: Callable[[], None]
    go: threading.Event = field(default_factory=threading.Event)
    done: bool = False
    waiting: bool = False
    error: BaseException | None = None


class Interleaving:
    """One run of operations side by side.

    ``choices`` says which operation makes its next call wherever several could; ``taken`` is what was chosen there and
    between how many. An operation that waits for time to pass makes its next call only when the others have ended or
    wait as well.
    """

    def __init__(self, choices: Sequence[int]) -> None:
        """A run that follows ``choices``, and then the first operation that can."""
        self.choices = list(choices)
        self.taken: list[tuple[int, int]] = []
        self._actors: list[_Actor] = []
        self._back = threading.Event()
        self._local = threading.local()

    def run(self, *operations: Callable[[], None]) -> list[BaseException | None]:
        """Run them; what each has raised."""
        self._actors = [_Actor(work) for work in operations]
        threads = [threading.Thread(target=self._live, args=(actor,), daemon=True) for actor in self._actors]
        for thread in threads:
            thread.start()
        while ready := self._ready():
            actor = ready[self._choose(len(ready))]
            actor.waiting = False
            self._back.clear()
            actor.go.set()
            if not self._back.wait(PATIENCE_S):
                raise AssertionError("an operation is stuck between two calls")
        return [actor.error for actor in self._actors]

    def _ready(self) -> list[_Actor]:
        alive = [actor for actor in self._actors if not actor.done]
        return [actor for actor in alive if not actor.waiting] or alive

    def _choose(self, count: int) -> int:
        if count == 1:
            return 0
        place = len(self.taken)
        choice = self.choices[place] if place < len(self.choices) else 0
        self.taken.append((choice, count))
        return choice

    def _live(self, actor: _Actor) -> None:
        self._local.actor = actor
        self._pause(actor)
        try:
            actor.work()
        except BaseException as error:
            actor.error = error
        actor.done = True
        self._back.set()

    def _pause(self, actor: _Actor) -> None:
        actor.go.wait()
        actor.go.clear()

    def point(self, *, waiting: bool = False) -> None:
        """Let another operation go on; called before each outside call, and to wait."""
        actor: _Actor | None = getattr(self._local, "actor", None)
        if actor is None:
            return
        actor.waiting = waiting
        self._back.set()
        self._pause(actor)


def every_interleaving(run: Callable[[Interleaving], None], *, most: int | None = None) -> Iterator[Interleaving]:
    """Call ``run`` for every interleaving there is, depth first; ``most`` ends it early."""
    choices: list[int] = []
    count = 0
    while most is None or count < most:
        made = Interleaving(choices)
        run(made)
        count += 1
        yield made
        taken = made.taken
        while taken and taken[-1][0] + 1 >= taken[-1][1]:
            taken.pop()
        if not taken:
            return
        choices = [choice for choice, _ in taken[:-1]] + [taken[-1][0] + 1]
