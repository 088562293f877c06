"""One ``PUT /sites/{site}`` while it is being carried out."""

from datetime import datetime

from msgspec import Struct

from driveway.domain.sites.record import SiteCall, SiteRecord, SiteTerms
from driveway.domain.twin import Home
from driveway.sites.bodies import SiteBody
from driveway.sites.requested import AssetRequest


class PutRequest(Struct, frozen=True):
    """One checked ``PUT``, and the call under which it works on the site. ``was``: the record before it."""

    site: str
    body: SiteBody
    mpan: str
    requests: list[AssetRequest]
    call: SiteCall
    now: datetime
    was: SiteRecord | None = None

    @property
    def terms(self) -> SiteTerms:
        """Its fields that concern the site as a whole."""
        home, consent_at = self.body.home, self.body.site.gave_boundary_meter_consent_at
        return SiteTerms(
            self.body.timezone,
            Home(home.latitude, home.longitude, home.radius_m) if home else None,
            consent_at,
            self.body.rejoin,
            tuple(self.body.remove_assets),
            self.body.consent_version,
        )

    @property
    def names(self) -> frozenset[str]:
        """The assets that it names."""
        return frozenset(request.body.asset for request in self.requests)
