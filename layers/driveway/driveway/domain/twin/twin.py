"""The twin as a whole: one asset."""

from datetime import datetime
from typing import Any

from msgspec import Struct, field

from driveway.domain.twin.asset import Link
from driveway.domain.twin.axle import AxleState, InstalledProfile, ScheduleMark
from driveway.domain.twin.control import Control
from driveway.domain.twin.meter import Meter
from driveway.domain.twin.preferences import ChargeNow, ChargeTest, Intent, Tariff, VehicleIntent
from driveway.domain.twin.presence import Presence
from driveway.values import replace


class Entry(Struct, frozen=True):
    """A line of the asset's timeline, which is also an event for the app."""

    at: datetime
    event: str
    reason: str
    text: str
    detail: dict[str, Any] = field(default_factory=dict)


class Twin(Struct, frozen=True):
    """One asset.

    ``vehicle_intents``, by vehicle id, count in place of ``intent`` while that car is plugged in. ``revision`` counts
    changes of what is wanted or observed; ``version`` counts every write and is the optimistic lock. ``news`` has the
    entries of the latest write only: the table's stream carries them to the ``announcer``. ``schedule_marks`` remember
    how new the schedules were that Axle replaced or cleared.
    """

    link: Link
    tariff: Tariff
    intent: Intent
    presence: Presence = Presence()
    profiles: tuple[InstalledProfile, ...] = ()
    charge_now: ChargeNow | None = None
    axle: AxleState = AxleState()
    control: Control = Control()
    meter: Meter = Meter()
    revision: int = 0
    version: int = 0
    news: tuple[Entry, ...] = ()
    vehicle_intents: dict[str, VehicleIntent] = field(default_factory=dict)
    schedule_marks: tuple[ScheduleMark, ...] = ()
    charge_test: ChargeTest | None = None

    def tell(self, *entries: Entry) -> "Twin":
        """This twin with further timeline entries."""
        return replace(self, news=(*self.news, *entries))


WANTED_OR_OBSERVED = (
    "link",
    "tariff",
    "intent",
    "vehicle_intents",
    "presence",
    "profiles",
    "charge_now",
    "charge_test",
)


def changed_groups(before: Twin, after: Twin) -> tuple[str, ...]:
    """The names of the groups that differ between two states of one twin."""
    return tuple(
        name
        for name in Twin.__struct_fields__
        if name not in {"revision", "version", "news"} and getattr(before, name) != getattr(after, name)
    )
