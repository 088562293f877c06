"""What each provider was asked for: a bill by the month and a bucket of requests, shared by all instances.

Each request costs at most one small write, made before the request: what is lost in between counts too much, never too
little.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct, field

from driveway.domain.control.budgets import month_of, next_month
from driveway.domain.control.held_back import HeldBack
from driveway.domain.control.provider_budget import ProviderBudget, RequestKind, unreserved
from driveway.domain.twin.reasons import Reason
from driveway.store.records import Records

ASKED_AGAIN = timedelta(hours=1)
"""How long a request waits whose month is used up: the settings may change meanwhile."""

BILLS_KEPT = timedelta(days=396)


class Spent(Struct, frozen=True):
    """What became of a request: ``held_back`` says why it must not be made, ``from_reserve`` that it used the reserve.

    Only a month has such a reserve; the requests at once come back within minutes.
    """

    held_back: HeldBack | None = None
    from_reserve: bool = False


class Budgets(Struct, frozen=True):
    """The budgets that all cars of a provider share."""

    records: Records
    budgets: Mapping[str, ProviderBudget]
    _full_at_ms: dict[str, int] = field(default_factory=dict)
    """When each bucket will be full again, as last known here: it says which of two writes is the likely one."""

    def spend(self, provider: str, kind: RequestKind, now: datetime, *, lets_charge: bool) -> Spent:
        """Count a request at ``now`` (aware UTC), if it may be made.

        Args:
            provider: by its name.
            kind: what the request is priced as.
            lets_charge: whether it lets a car charge. Then it may use the reserves, and the bill does not hold it back.
        """
        budget = self.budgets.get(provider, ProviderBudget())
        waits_until = self._bucket_empty_until(provider, budget, now, lets_charge=lets_charge)
        if waits_until is not None:
            return Spent(HeldBack(Reason.REQUEST_RATE_REACHED, waits_until))
        if budget.month_bill_usd is None:
            return Spent()
        limit = round(unreserved(budget.month_bill_usd) * 1_000_000)
        price = budget.price_micro_usd(kind)
        key = _bill(provider, now)
        expires_at = int((now + BILLS_KEPT).timestamp())
        if self.records.add(key, "micro_usd", price, most=limit - price, expires_at=expires_at):
            return Spent()
        if lets_charge:
            self.records.add(key, "micro_usd", price, expires_at=expires_at)
            return Spent(from_reserve=True)
        until = min(now + ASKED_AGAIN, next_month(now))
        return Spent(HeldBack(Reason.MONTHLY_BUDGET_SPENT, until), from_reserve=True)

    def give_back(self, provider: str, kind: RequestKind, now: datetime) -> None:
        """Take a request off the count that was counted and not made."""
        budget = self.budgets.get(provider, ProviderBudget())
        if budget.bucket_requests is not None:
            self.records.add(_bucket(provider), "full_at_ms", -_each_ms(budget))
        if budget.month_bill_usd is not None:
            self.records.add(_bill(provider, now), "micro_usd", -budget.price_micro_usd(kind))

    def _bucket_empty_until(
        self, provider: str, budget: ProviderBudget, now: datetime, *, lets_charge: bool
    ) -> datetime | None:
        """Take a request out of the bucket; None if it was there, else when (aware UTC) it will be.

        The record holds when the bucket will be full again (the generic cell rate algorithm): each request puts that
        off by the time in which one comes back.
        """
        if budget.bucket_requests is None:
            return None
        key, each_ms = _bucket(provider), _each_ms(budget)
        size = budget.bucket_requests if lets_charge else unreserved(budget.bucket_requests)
        now_ms = _ms(now)
        most_ms = now_ms + max(0, round(size) - 1) * each_ms
        is_full = self._full_at_ms.get(key, 0) <= now_ms
        for _ in range(2):
            if is_full and self.records.put_below(key, "full_at_ms", now_ms + each_ms, most=now_ms):
                self._full_at_ms[key] = now_ms + each_ms
                return None
            if not is_full and self.records.add(key, "full_at_ms", each_ms, least=now_ms, most=most_ms):
                self._full_at_ms[key] = max(now_ms, self._full_at_ms.get(key, 0)) + each_ms
                return None
            is_full = not is_full
        full_at_ms = int((self.records.get(key) or {}).get("full_at_ms", now_ms))
        self._full_at_ms[key] = full_at_ms
        return now + timedelta(milliseconds=max(each_ms, full_at_ms - most_ms))


def _bill(provider: str, now: datetime) -> str:
    return f"BUDGET#{provider}#{month_of(now)}"


def _bucket(provider: str) -> str:
    return f"BUDGET#{provider}#BUCKET"


def _each_ms(budget: ProviderBudget) -> int:
    return round(60_000 / budget.bucket_refill_per_min)


def _ms(instant: datetime) -> int:
    return (instant.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
