"""The types of members that several answers have. Documented schemas are derived from them."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from driveway.domain.twin.reasons import Reason

Instant = Annotated[datetime, Meta(tz=True)]
"""An aware instant; it is answered with the offset that it has, so give it in UTC."""

AppId = Annotated[str, Meta(description="The app's id.")]

Revision = Annotated[int, Meta(ge=0, description="Counts the changes of what is wanted or observed; for `If-Match`.")]

Enrolment = Annotated[
    str | None, Meta(description="`enrolled` or `unenrolled`, as Axle acknowledged it; null: not known.")
]

Kwh = Annotated[float, Meta(ge=0)]

Text = Annotated[str, Meta(description="A sentence for the driver.")]

ReasonCode = Annotated[str, Meta(extra_json_schema={"$ref": "#/components/schemas/Reason"})]
"""The code of a reason, as it was kept; a ``Reason``, where the code is made now."""

EventCode = Annotated[str, Meta(extra_json_schema={"$ref": "#/components/schemas/Event"})]
"""The name of an event, as it was kept."""

VerdictName = Annotated[str, Meta(extra_json_schema={"$ref": "#/components/schemas/Verdict"})]
"""The verdict on a session, or why a night had none."""


ConnectPath = Annotated[str, Meta(description="Where a link is made with which the driver connects the car.")]
"""A pointer beside a reason for which the driver has to connect something."""

ASKS_TO_CONNECT = frozenset({Reason.PROVIDER_NEEDS_USER, Reason.NO_VEHICLE_LINKED})


def connections_of(site: str) -> str:
    """The route that gives links with which drivers of a site connect cars."""
    return f"/sites/{site}/connections"


def connect_path(site: str, reason: str | None) -> str | UnsetType:
    """The route that gives a driver's link, for a reason that asks to connect a car; UNSET for any other."""
    return connections_of(site) if reason in ASKS_TO_CONNECT else UNSET


def utc(at: datetime) -> datetime:
    """An aware instant in UTC, so that it is answered with ``Z``."""
    return at.astimezone(UTC)


def utc_or_none(at: datetime | None) -> datetime | None:
    """``utc``, or None for None."""
    return None if at is None else at.astimezone(UTC)
