"""What a provider's plan allows in a calendar month (UTC): requests about a car, requests at once, a bill."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Usage:
    """What was used so far. Refused requests count neither as requests nor on the bill.

    Attributes:
        requests: by month and vehicle.
        bill_usd: by month.
        refused: how many requests were refused because of one of the three.
        tokens: what is left in the application's bucket, as of ``filled_at``; None before its first request.
    """

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    bill_usd: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    tokens: float | None = None
    filled_at: datetime | None = None

    def month_is_used_up(self, vehicle_id: str, now: datetime, most: int | None) -> bool:
        """Whether the plan's requests about a car are used up; else one more is counted."""
        key = (now.strftime("%Y-%m"), vehicle_id)
        if most is not None and self.requests[key] >= most:
            self.refused += 1
            return True
        self.requests[key] += 1
        return False

    def bucket_is_empty(self, now: datetime, size: int | None, refill_per_min: float) -> bool:
        """Whether too many requests came at once; else one is taken out of the bucket."""
        if size is None:
            return False
        filled_at = self.filled_at or now
        tokens = size if self.tokens is None else self.tokens
        tokens = min(float(size), tokens + refill_per_min * max(0.0, (now - filled_at).total_seconds()) / 60)
        self.filled_at = now
        self.tokens = tokens if tokens < 1 else tokens - 1
        self.refused += tokens < 1
        return tokens < 1

    def bill_is_over(self, price_usd: float, now: datetime, limit_usd: float | None) -> bool:
        """Whether the billing limit is reached; else the price is put on the bill."""
        month = now.strftime("%Y-%m")
        bill_usd = self.bill_usd.get(month, 0.0) + price_usd
        if limit_usd is not None and bill_usd > limit_usd + 1e-9:
            self.refused += 1
            return True
        self.bill_usd[month] = bill_usd
        return False
