"""Counts the requests about one car while a command or a state read is carried out."""

from msgspec import Struct, field

from driveway.domain.control.held_back import HeldBack
from driveway.domain.control.provider_budget import RequestKind
from driveway.runtime.context import Runtime


class RequestMeter(Struct):
    """Counts requests, each before it is made, also in the budgets that all cars of the provider share.

    Attributes:
        lets_charge: whether the requests let the car charge, so that they may use the reserved part of each budget.
        made: how many were made.
        last_status: the HTTP status of the last answer.
        from_reserve: whether one used the reserved part of the bill, or was held back because only that is left.
    """

    provider: str
    runtime: Runtime
    lets_charge: bool
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
        """Count a request that is about to be made; the budget that holds it back, if one does."""
        if kind in self._prepaid:
            self._prepaid.remove(kind)
        else:
            held_back = self._shared(kind)
            if held_back is not None:
                return held_back
        self.made += 1
        return None

    def answered(self, status: int) -> None:
        """Note the HTTP status of an answer."""
        self.last_status = status

    def give_back(self) -> None:
        """Take off the count what was counted ahead and not made."""
        while self._prepaid:
            self.runtime.budgets.give_back(self.provider, self._prepaid.pop(), self.runtime.now())

    def _shared(self, kind: RequestKind) -> HeldBack | None:
        now = self.runtime.now()
        spent = self.runtime.budgets.spend(self.provider, kind, now, lets_charge=self.lets_charge)
        self.from_reserve = self.from_reserve or spent.from_reserve
        return spent.held_back
