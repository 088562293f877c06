"""Runs operations side by side, one outside call at a time, in an order that the test decides."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

PATIENCE_S = 20.0
"""How long a thread may compute between two calls before the run counts as stuck."""


class Abandoned(BaseException):
    """The run is in a state from which another run has gone on."""


@dataclass
class _Actor:
    work: Callable[[], None]
    go: threading.Event = field(default_factory=threading.Event)
    done: bool = False
    waiting: bool = False
    steps: int = 0
    history: list[str] = field(default_factory=list)
    error: BaseException | None = None


class Interleaving:
    """One run of operations side by side.

    ``choices`` says which operation makes its next call wherever several could; ``taken`` is what was chosen there and
    between how many. An operation that waits for time to pass makes its next call only when the others have ended or
    wait as well.

    Two runs in one state go on alike: everything outside is the same (``outside``), and each operation has had the same
    answers to the same calls. So a run that comes into a state of ``seen`` is abandoned: all that can follow it is run
    from there already.
    """

    def __init__(
        self,
        choices: Sequence[int],
        *,
        seen: set[bytes] | None = None,
        outside: Callable[[], bytes] = bytes,
    ) -> None:
        """A run that follows ``choices``, and then the first operation that can."""
        self.choices = list(choices)
        self.seen, self.outside, self.abandoned = seen, outside, False
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
            if len(ready) > 1 and self._was_seen():
                self._abandon(threads)
                break
            actor = ready[self._choose(len(ready))]
            actor.waiting = False
            actor.steps += 1
            self._back.clear()
            actor.go.set()
            if not self._back.wait(PATIENCE_S):
                raise AssertionError("an operation is stuck between two calls")
        return [actor.error for actor in self._actors]

    def _was_seen(self) -> bool:
        """Whether another run has gone on from the present state; the choices that are given lead to a new one."""
        if self.seen is None or len(self.taken) < len(self.choices):
            return False
        parts = [self.outside(), *("\n".join(actor.history).encode() for actor in self._actors)]
        state = hashlib.sha256(
            b"\0".join([*parts, repr([(a.steps, a.waiting) for a in self._actors]).encode()])
        ).digest()
        if state in self.seen:
            return True
        self.seen.add(state)
        return False

    def _abandon(self, threads: Sequence[threading.Thread]) -> None:
        self.abandoned = True
        for actor in self._actors:
            actor.go.set()
        for thread in threads:
            thread.join(PATIENCE_S)

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
        try:
            self._pause(actor)
            actor.work()
        except BaseException as error:
            actor.error = error
        actor.done = True
        self._back.set()

    def _pause(self, actor: _Actor) -> None:
        actor.go.wait()
        if self.abandoned:
            raise Abandoned
        actor.go.clear()

    def had(self, call: str) -> None:
        """Note what an operation had of outside: a call and its answer."""
        actor: _Actor | None = getattr(self._local, "actor", None)
        if actor is not None:
            actor.history.append(call)

    def point(self, *, waiting: bool = False) -> None:
        """Let another operation go on; called before each outside call, and to wait."""
        actor: _Actor | None = getattr(self._local, "actor", None)
        if actor is None:
            return
        actor.waiting = waiting
        self._back.set()
        self._pause(actor)


def every_interleaving(run: Callable[[Interleaving], None], *, most: int | None = None) -> Iterator[Interleaving]:
    """Call ``run`` for every interleaving that leads to a state of its own, depth first; ``most`` ends it early."""
    choices: list[int] = []
    seen: set[bytes] = set()
    count = 0
    while most is None or count < most:
        made = Interleaving(choices, seen=seen)
        run(made)
        count += 1
        yield made
        taken = made.taken
        while taken and taken[-1][0] + 1 >= taken[-1][1]:
            taken.pop()
        if not taken:
            return
        choices = [choice for choice, _ in taken[:-1]] + [taken[-1][0] + 1]
