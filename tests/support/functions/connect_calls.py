"""What the tests of connections send."""

from typing import Any

from driveway.domain.sites.record import SiteRecord
from tests.support.functions.assets import set_secret
from tests.support.functions.rig import Reply
from tests.support.functions.stage import CLIENT, Stage

RETURN = "https://app.example/connected?from=driveway"
SETTINGS = {
    "SMARTCAR_CONNECT_URL": "https://connect.smartcar.test/oauth/authorize",
    "TESLA_AUTHORIZE_URL": "https://auth.tesla.test/oauth2/v3/authorize",
    "TESLA_KEY_DOMAIN": "keys.example",
}


def ask(stage: Stage, site: str = "home-1", **body: Any) -> Reply:
    """Ask for a page on which a driver connects a car."""
    stage.rig.runtime.settings.environ.update(SETTINGS)  # type: ignore[attr-defined]
    smartcar = {**CLIENT, "application_id": "5f0c-application"}
    set_secret(stage.rig, "PROVIDERS_SECRET", {"enode": CLIENT, "smartcar": smartcar, "tesla": CLIENT})
    body = {"return_url": RETURN, **body}
    return stage.rig.serve("onboarding", "POST /sites/{site}/connections", body, site=site)


def site_of(stage: Stage, **values: Any) -> None:
    """The record of a site without cars."""
    stage.rig.runtime.sites.write(None, SiteRecord("home-1", **values), now=stage.rig.clock.now())
