"""The record of a site: its requested state, the acknowledged state, and the call that works on the difference."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from driveway.domain.twin import Home

Wanted = Literal["enrolled", "unenrolled", "erased"]
Enrolment = Literal["enrolled", "unenrolled"]
SiteState = Literal["onboarding", "active", "enrolling", "unenrolling", "unenrolled", "taken_back", "leaving"]

UNFINISHED_AFTER = timedelta(minutes=5)
"""An onboarding that Axle has not acknowledged counts as unfinished from this long after its start."""

OVERDUE_AFTER = timedelta(minutes=20)
"""The same for an opt-out or a re-join."""

RELEASE_OVERDUE_AFTER = timedelta(minutes=75)
"""The same for a swap, a removal or an erasure, which may have to wait for a car to be released."""


@dataclass(frozen=True, slots=True)
class SiteTerms:
    """The fields of a ``PUT`` that concern the site as a whole.

    Attributes:
        rejoin: enrol although the driver withdrew before.
        removes: the assets to remove.
    """

    timezone: str
    home: Home | None = None
    consent_at: datetime | None = None
    rejoin: bool = False
    removes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One asset as a ``PUT`` asks for it, kept until the asset is so.

    Attributes:
        asset: our id of the asset.
        body: the asset as the app gave it, without tokens.
        terms: the fields of the same ``PUT`` for the whole site.
        begun_at: when the ``PUT`` began (aware UTC).
        axle_asset_id: Axle's id of the asset, once Axle has acknowledged the onboarding; None: that is in doubt.
        looked_up: Axle was asked after the call was over, and did not know the asset as it is requested.
    """

    asset: str
    body: dict[str, Any]
    terms: SiteTerms
    begun_at: datetime
    axle_asset_id: str | None = None
    looked_up: bool = False


@dataclass(frozen=True, slots=True)
class SiteCall:
    """The claim of the call that works on the site, with its id; until it lapses no other calls Axle for the site."""

    id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class SiteRecord:
    """A site.

    Attributes:
        site: our id.
        wanted: the state that the newest request asks for; it came at ``wanted_at``.
        enrolment: what Axle acknowledged last; None: it is not known.
        axle_site_id: Axle's id; None until Axle has acknowledged an onboarding.
        assets: the assets that have a twin.
        changes: assets that a ``PUT`` asked for and that are not so yet.
        removals: assets that a ``PUT`` removes and that are not gone yet.
        rejoin: enrol although the driver withdrew before.
        warnings: Axle's, without anything personal.
        call: the claim of the call that works on the site now.
        unsettled_until: the time until which Axle may still carry out a call that had no answer.
        last_readings_due: assets stopped taking part, and what they took before is not sent to Axle yet.
        begun_at: the time since which something is unfinished; None: nothing is.
        attempts: the number of failures in a row; the work is repeated at ``retry_at``.
        last_error: the reason of the last failure, without anything personal.
        version: the lock; it grows with every write.
    """

    site: str
    wanted: Wanted = "enrolled"
    wanted_at: datetime | None = None
    enrolment: Enrolment | None = None
    axle_site_id: str | None = None
    assets: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    removals: tuple[str, ...] = ()
    rejoin: bool = False
    timezone: str | None = None
    consent_at: datetime | None = None
    snoozed_until: datetime | None = None
    warnings: tuple[str, ...] = ()
    call: SiteCall | None = None
    unsettled_until: datetime | None = None
    last_readings_due: bool = False
    begun_at: datetime | None = None
    attempts: int = 0
    retry_at: datetime | None = None
    last_error: str | None = None
    version: int = 0

    @property
    def known_assets(self) -> tuple[str, ...]:
        """The site's assets, including those that a ``PUT`` asked for and that are not there yet."""
        return tuple(sorted({*self.assets, *self.removals, *(change.asset for change in self.changes)}))

    @property
    def in_doubt(self) -> tuple[Change, ...]:
        """The changes whose onboarding Axle has not acknowledged."""
        return tuple(change for change in self.changes if change.axle_asset_id is None)

    @property
    def waiting(self) -> tuple[Change, ...]:
        """The changes that Axle has acknowledged and that wait for a car to be released or an asset to be removed."""
        return tuple(change for change in self.changes if change.axle_asset_id is not None)

    @property
    def state(self) -> SiteState:
        """The state, as the app sees it."""
        if self.wanted == "erased":
            return "leaving"
        if self.axle_site_id is None:
            return "onboarding" if self.changes else "taken_back"
        if self.wanted == "enrolled":
            return "active" if self.enrolment == "enrolled" else "enrolling"
        return "unenrolled" if self.enrolment == "unenrolled" else "unenrolling"

    @property
    def unfinished_at(self) -> datetime | None:
        """The time from which it counts as unfinished; None if there is nothing to finish."""
        if self.begun_at is None:
            return None
        if self.in_doubt:
            return self.begun_at + UNFINISHED_AFTER
        waits = self.wanted == "erased" or self.changes or self.removals
        return self.begun_at + (RELEASE_OVERDUE_AFTER if waits else OVERDUE_AFTER)
