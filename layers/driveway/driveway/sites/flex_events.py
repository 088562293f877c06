"""The flex events that a site took part in: ``GET /sites/{site}/flex-events``."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from driveway.axle.client import AxleError
from driveway.axle.connection import axle_client
from driveway.runtime.answer_types import AppId, Instant
from driveway.runtime.context import Runtime
from driveway.sites.axle_problems import problem_of
from driveway.sites.changing import existing_site

MEANING = (
    "Gross revenue is what the event earned before the shares of Axle and of the driver are taken off. It is not what"
    " the driver earns. It is negative where the site did the opposite of what the event asked for."
)


class FlexEvent(Struct, frozen=True, kw_only=True):
    """A flex event and what it earned."""

    start_at: Annotated[Instant, Meta(description="Its start.")]
    end_at: Annotated[Instant, Meta(description="Its end.")]
    estimated_gross_revenue_gbp: Annotated[
        float, Meta(description="Before the market has reviewed the data. May be negative.")
    ]
    final_gross_revenue_gbp: Annotated[float | None, Meta(description="Null until it is known. May be negative.")]


class FlexEvents(Struct, frozen=True, kw_only=True):
    """The flex events of a site."""

    site: AppId
    gross_revenue_means: Annotated[str, Meta(description="What the amounts are, and are not.")]
    events: list[FlexEvent]


def flex_events_body(site: str, runtime: Runtime) -> FlexEvents:
    """The events with Axle's estimated and, once they are known, final gross revenues (GBP).

    Raises:
        ProblemError: no such site (404), not onboarded yet (409), or Axle refuses or cannot answer.
    """
    axle_site_id = str(existing_site(site, runtime).axle_site_id)
    try:
        answer = axle_client(runtime).get(f"/entities/site/{axle_site_id}/flex-events")
    except AxleError as error:
        raise problem_of(error, "flex-events") from None
    return FlexEvents(site=site, gross_revenue_means=MEANING, events=[_event(event) for event in answer["events"]])


def _event(event: Mapping[str, Any]) -> FlexEvent:
    start, end = (datetime.fromisoformat(event[name]) for name in ("start_at", "end_at"))
    return FlexEvent(
        start_at=start.astimezone(UTC),
        end_at=end.astimezone(UTC),
        estimated_gross_revenue_gbp=event["estimated_gross_revenue_gbp"],
        final_gross_revenue_gbp=event.get("final_gross_revenue_gbp"),
    )
