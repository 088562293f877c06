"""What goes wrong in the functions' own calls: nothing, or what a seed draws."""

import random
from dataclasses import dataclass

from tests.support.faults import FAULTS, Call, FaultKind
from tests.world.outside import Invocation


class Chance:
    """What goes wrong in the functions' own calls. This one lets nothing go wrong; calls take no time."""

    def latency_s(self, call: Call) -> float:
        """How long a call takes."""
        return 0.0

    def fault(self, invocation: Invocation, call: Call) -> FaultKind | None:
        """What goes wrong at a call."""
        return None

    def interleaves(self, invocation: Invocation, call: Call) -> bool:
        """Whether something else that is due happens just before a call."""
        return False

    def skew_s(self) -> float:
        """By how much the clock of a new instance is ahead."""
        return 0.0

    def answer_is_lost(self) -> bool:
        """Whether the answer to a request to our API is lost on its way."""
        return False


@dataclass(frozen=True)
class Rates:
    """How often what goes wrong, as probabilities per call, and how far clocks differ.

    Attributes:
        fault: any of the faults of a call.
        slow: a call takes seconds instead of milliseconds.
        interleaved: something else that is due happens just before a call.
        answer_lost: the answer of our API to a request is lost.
        skew_s: clocks of instances differ by up to so many seconds from the true time.
    """

    fault: float = 0.0
    slow: float = 0.0
    interleaved: float = 0.0
    answer_lost: float = 0.0
    skew_s: float = 0.0


class SeededChance(Chance):
    """Faults from a seeded generator, until ``calm`` is called."""

    def __init__(self, rng: random.Random, rates: Rates) -> None:
        self._rng, self._rates = rng, rates

    def calm(self) -> None:
        """Nothing goes wrong any more, but that clocks differ."""
        self._rates = Rates(skew_s=self._rates.skew_s, interleaved=self._rates.interleaved)

    def latency_s(self, call: Call) -> float:
        """Milliseconds for AWS, up to half a second for HTTP, and at times some seconds."""
        if self._rates.slow and self._rng.random() < self._rates.slow:
            return self._rng.uniform(1.0, 12.0)
        return self._rng.uniform(0.05, 0.5) if call.service == "http" else self._rng.uniform(0.002, 0.03)

    def fault(self, invocation: Invocation, call: Call) -> FaultKind | None:
        """One of the faults that the call can suffer."""
        if self._rng.random() >= self._rates.fault:
            return None
        return self._rng.choice([fault for fault in FAULTS if call.suffers(fault)])

    def interleaves(self, invocation: Invocation, call: Call) -> bool:
        """Now and then."""
        return self._rng.random() < self._rates.interleaved

    def skew_s(self) -> float:
        """Seconds, ahead or behind."""
        return self._rng.uniform(-self._rates.skew_s, self._rates.skew_s)

    def answer_is_lost(self) -> bool:
        """Now and then."""
        return self._rng.random() < self._rates.answer_lost
