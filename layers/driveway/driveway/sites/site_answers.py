"""What several calls answer of a site. The documented schemas are derived from these values."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from driveway.domain.sites.record import SiteRecord, SiteState
from driveway.domain.sites.steps import to_come
from driveway.runtime.answer_types import AppId, Enrolment, Instant, utc_or_none

ToCome = Annotated[list[str], Meta(description="What is still to come, in sentences; it goes on by itself.")]


class Membership(Struct, frozen=True, kw_only=True):
    """Whether a site takes part."""

    site: AppId
    state: SiteState
    enrolment: Enrolment
    snoozed_until: Annotated[Instant | None, Meta(description="Until when smart charging is paused.")]
    to_come: ToCome | UnsetType = UNSET


class Erasing(Struct, frozen=True, kw_only=True):
    """A site that is being erased."""

    site: AppId
    state: SiteState
    to_come: ToCome


def membership(record: SiteRecord, *, is_unfinished: bool = False) -> Membership:
    """The site in an answer; with what is still to come where it is not finished."""
    return Membership(
        site=record.site,
        state=record.state,
        enrolment=record.enrolment,
        snoozed_until=utc_or_none(record.snoozed_until),
        to_come=to_come(record) if is_unfinished else UNSET,
    )
