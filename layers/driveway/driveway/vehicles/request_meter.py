"""Counts the requests about one car while a command or a state read is carried out, and keeps them to the rate."""

from msgspec import Struct, field

from driveway.domain.control.held_back import HeldBack
from driveway.domain.control.provider_budget import RequestKind
from driveway.domain.twin.reasons import Reason
from driveway.runtime.context import Runtime

LONGEST_WAIT_S = 10.0
"""How long a request waits at most for a call of its provider's rate, while its command is under way."""


class RequestMeter(Struct):
    """Counts requests, each before it is made, also in the budgets that all cars of the provider share.

    A request beyond these ``calls`` takes a call of the provider's rate itself, and waits for it.

    Attributes:
        lets_charge: whether the requests let the car charge, so that they may use the reserved part of each budget.
        calls: how many calls of the provider's rate these requests have; None: they are not in the rate.
        made: how many were made.
        last_status: the HTTP status of the last answer.
        from_reserve: whether one used the reserved part of the bill, or was held back because only that is left.
    """

    provider: str
    runtime: Runtime
    lets_charge: bool
    calls: int | None = None
    made: int = 0
    last_status: int | None = None
    from_reserve: bool = False
    _prepaid: list[RequestKind] = field(default_factory=list)

    def prepay(self, kind: RequestKind) -> HeldBack | None:
        """Count the first request of a kind ahead of its command; the budget that holds it back, if one does."""
        held_back = self._shared(kind)
        if held_back is None:
            self._prepaid.append(kind)
        return held_back

    def spend(self, kind: RequestKind) -> HeldBack | None:
        """Count a request that is about to be made, at its time; what holds it back, if a budget or the rate does."""
        if kind not in self._prepaid:
            held_back = self.prepay(kind)
            if held_back is not None:
                return held_back
        if self.calls is not None and self.made >= self.calls:
            held_back = self._wait_for_call()
            if held_back is not None:
                return held_back
            self.calls += 1
        self._prepaid.remove(kind)
        self.made += 1
        return None

    def _wait_for_call(self) -> HeldBack | None:
        runtime, now = self.runtime, self.runtime.now()
        latest = now + runtime.clock.real_time(LONGEST_WAIT_S)
        at = runtime.pacing.next_call(self.provider, now, latest)
        if at is None:
            return HeldBack(Reason.REQUEST_RATE_REACHED, latest)
        runtime.clock.sleep_until(at)
        return None

    def answered(self, status: int) -> None:
        """Note the HTTP status of an answer."""
        self.last_status = status

    def give_back(self) -> None:
        """Take off the count what was counted ahead and not made, and give back the calls of the rate that are left."""
        if self.calls is not None and self.made < self.calls:
            self.runtime.pacing.give_back(self.provider, self.calls - self.made)
            self.calls = self.made
        while self._prepaid:
            self.runtime.budgets.give_back(self.provider, self._prepaid.pop(), self.runtime.now())

    def _shared(self, kind: RequestKind) -> HeldBack | None:
        now = self.runtime.now()
        spent = self.runtime.budgets.spend(self.provider, kind, now, lets_charge=self.lets_charge)
        self.from_reserve = self.from_reserve or spent.from_reserve
        return spent.held_back
