"""What a provider's plan allows, and what its requests cost. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

RequestKind = Literal["command", "data", "wake"]
"""The kinds of requests that are priced apart: a command, a read, a wake-up."""

RESERVED_SHARE = 0.2
"""The share of a month, and of the requests at once, that is kept for letting cars charge."""


class ProviderBudget(Struct, frozen=True):
    """The budget at a provider. None is no limit.

    Attributes:
        car_month_requests: the requests about one car in a UTC month.
        bucket_requests: the requests about all cars at once.
        bucket_refill_per_min: how many of those come back each minute.
        month_bill_usd: what all requests of a UTC month may cost.
        command_usd, data_usd, wake_usd: the price of a request of each kind.
    """

    car_month_requests: int | None = None
    bucket_requests: int | None = None
    bucket_refill_per_min: float = 2.0
    month_bill_usd: float | None = None
    command_usd: float = 0.0
    data_usd: float = 0.0
    wake_usd: float = 0.0

    def price_micro_usd(self, kind: RequestKind) -> int:
        """The price of a request in millionths of a dollar."""
        price_usd = {"command": self.command_usd, "data": self.data_usd, "wake": self.wake_usd}[kind]
        return round(price_usd * 1_000_000)


USUAL_BUDGETS: Mapping[str, ProviderBudget] = MappingProxyType(
    {
        "enode": ProviderBudget(),
        "smartcar": ProviderBudget(car_month_requests=500, bucket_requests=120),
        "tesla": ProviderBudget(command_usd=0.001, data_usd=0.002, wake_usd=0.02),
        "ocpp": ProviderBudget(),
    }
)
"""The published limits and prices of each provider. No plan fits every operator: the settings replace them."""


def unreserved(most: float) -> float:
    """The part of a limit that anything may use; what is above it is kept for letting cars charge."""
    return most * (1 - RESERVED_SHARE)
