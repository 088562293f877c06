"""The record of a site: its requested state, the acknowledged state, and the call that works on the difference."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct

from driveway.domain.twin import Home, Vehicle
from driveway.values import replace

Wanted = Literal["enrolled", "unenrolled", "erased"]
Enrolment = Literal["enrolled", "unenrolled"]
SiteState = Literal["onboarding", "active", "enrolling", "unenrolling", "unenrolled", "taken_back", "leaving"]

UNFINISHED_AFTER = timedelta(minutes=5)
"""An onboarding that Axle has not acknowledged counts as unfinished from this long after its start."""

OVERDUE_AFTER = timedelta(minutes=20)
"""The same for an opt-out or a re-join."""

RELEASE_OVERDUE_AFTER = timedelta(minutes=75)
"""The same for a swap, a removal or an erasure, which may have to wait for a car to be released."""

FIRST_CALL_AGAIN = timedelta(seconds=30)
LONGEST_CALL_AGAIN = timedelta(hours=1)
DISCONNECT_GIVEN_UP_AFTER = timedelta(days=30)
"""How long a car maker is asked to end a connection. Then the operator has to end it there."""


class SiteTerms(Struct, frozen=True):
    """The fields of a ``PUT`` that concern the site as a whole.

    Attributes:
        rejoin: enrol although the driver withdrew before.
        removes: the assets to remove.
        consent_version: the text that the driver consented to, as the app names it.
    """

    timezone: str
    home: Home | None = None
    consent_at: datetime | None = None
    rejoin: bool = False
    removes: tuple[str, ...] = ()
    consent_version: str | None = None


class Change(Struct, frozen=True):
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


class Disconnect(Struct, frozen=True):
    """A vehicle that the site gave up, until its maker has acknowledged that the connection to it ended.

    Attributes:
        provider: the car maker, or who stands for it.
        vehicle_id: the maker's id of the vehicle.
        begun_at: when the site gave it up (aware UTC).
        user_id: the maker's id of the account that the vehicle is in, if it is known.
        attempts: the number of failures; the call is repeated at ``retry_at``.
    """

    provider: str
    vehicle_id: str
    begun_at: datetime
    user_id: str | None = None
    attempts: int = 0
    retry_at: datetime | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Which vehicle it is."""
        return self.provider, self.vehicle_id

    @property
    def vehicle(self) -> Vehicle:
        """The vehicle, as far as its maker has to know it."""
        return Vehicle(self.provider, self.vehicle_id, user_id=self.user_id)

    def put_off(self, now: datetime, wait_s: float | None = None) -> "Disconnect":
        """The same after a failure: it is repeated after a pause that doubles, or that the maker asks for."""
        pause = min(FIRST_CALL_AGAIN * 2 ** min(self.attempts, 10), LONGEST_CALL_AGAIN)
        pause = max(pause, min(timedelta(seconds=wait_s or 0), LONGEST_CALL_AGAIN))
        return replace(self, attempts=self.attempts + 1, retry_at=now + pause)


class SiteCall(Struct, frozen=True):
    """The claim of the call that works on the site, with its id; until it lapses no other calls Axle for the site."""

    id: str
    until: datetime


class SiteRecord(Struct, frozen=True):
    """A site.

    Attributes:
        site: our id.
        wanted: the state that the newest request asks for; it came at ``wanted_at``.
        enrolment: what Axle acknowledged last; None: it is not known.
        axle_site_id: Axle's id; None until Axle has acknowledged an onboarding.
        assets: the assets that have a twin.
        changes: assets that a ``PUT`` asked for and that are not so yet.
        removals: assets that a ``PUT`` removes and that are not gone yet.
        disconnects: vehicles that the site gave up and whose connection has not ended at their makers yet.
        rejoin: enrol although the driver withdrew before.
        consent_version: the text that the driver consented to at ``consent_at``, as the app names it.
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
    disconnects: tuple[Disconnect, ...] = ()
    rejoin: bool = False
    timezone: str | None = None
    consent_at: datetime | None = None
    consent_version: str | None = None
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

    def giving_up(self, vehicles: Iterable[Vehicle], now: datetime) -> "SiteRecord":
        """The record of a site that has given these vehicles up, so that their makers end the connections."""
        known = {one.place for one in self.disconnects}
        new = {
            place: Disconnect(*place, now, vehicle.user_id)
            for vehicle in vehicles
            if (place := (vehicle.provider, vehicle.vehicle_id)) not in known
        }
        if not new:
            return self
        return replace(self, disconnects=(*self.disconnects, *new.values()), begun_at=self.begun_at or now)

    def consenting(self, at: datetime | None, version: str | None) -> "SiteRecord":
        """The record with a driver's consent. A new consent of no version has none; without a time nothing changes."""
        if at is None or (at == self.consent_at and version is None):
            return self
        return replace(self, consent_at=at, consent_version=version)

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
        waits = self.wanted == "erased" or self.changes or self.removals or self.disconnects
        return self.begun_at + (RELEASE_OVERDUE_AFTER if waits else OVERDUE_AFTER)
