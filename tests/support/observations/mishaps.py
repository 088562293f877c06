"""What happens to a generated life beside the reports of its car: accounts, errors about a part, a lost queue."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

from tests.support.observations.lives import BEGIN, MINUTE, Cloud, Stay

Kind = Literal["report", "account lost", "account back", "part error", "part resolved"]


@dataclass(frozen=True)
class Mishaps:
    """The spans in which the account is out of order and in which the provider's queue is deleted, and part errors.

    While the account is lost, the cloud reports nothing and refuses each call; ``resolved``: its return is reported.
    """

    account: tuple[datetime, datetime] | None = None
    resolved: bool = False
    queue: tuple[datetime, datetime] | None = None
    errors: tuple[tuple[datetime, Kind], ...] = ()

    def is_account_lost(self, at: datetime) -> bool:
        """Whether the account is out of order."""
        return self.account is not None and self.account[0] <= at < self.account[1]

    def is_queue_deleted(self, at: datetime) -> bool:
        """Whether what the cloud reports is lost."""
        return self.queue is not None and self.queue[0] <= at < self.queue[1]

    @property
    def events(self) -> list[tuple[datetime, Kind]]:
        """What happens beside the reports, and when."""
        lost: list[tuple[datetime, Kind]] = []
        if self.account is not None:
            lost = [(self.account[0], "account lost"), (self.account[1], "account back")]
        return [*lost, *self.errors]


def some_mishaps(random: Random, cloud: Cloud, stays: list[Stay]) -> Mishaps:
    """Mishaps that a cloud can have: the app has no account, and loses no queue."""
    if cloud.provider == "app":
        return Mishaps()
    account = queue = None
    nights = [stay for stay in stays if stay.place == "home" and stay.plugged < stay.unplugged]
    if nights and random.random() < 0.4:
        night = random.choice(nights)
        lost_at = night.plugged + random.randint(20, 200) * MINUTE
        account = (lost_at, lost_at + random.randint(30, 480) * MINUTE)
    elif random.random() < 0.4:
        morning = BEGIN + timedelta(days=random.randint(0, 1)) + random.randint(0, 180) * MINUTE
        queue = (morning, morning + random.randint(16, 30) * 60 * MINUTE)
    errors: tuple[tuple[datetime, Kind], ...] = ()
    if random.random() < 0.6:
        minutes = [random.randint(0, 2 * 24 * 60) for _ in range(random.randint(1, 4))]
        kinds: list[Kind] = ["part error", "part error", "part resolved"]
        errors = tuple((BEGIN + minute * MINUTE, random.choice(kinds)) for minute in minutes)
    return Mishaps(account, random.random() < 0.5, queue, errors)
