"""Takes sites from eligibility to erasure."""

from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.sites.bodies import SiteBody, parse
from driveway.sites.onboard import put_site


def put(request: Request, current: Runtime) -> Answer:
    """Onboard or update a site."""
    return put_site(request.parameters["site"], parse(SiteBody, request.json()), current)


handler = http_function({"PUT /sites/{site}": Route(put, "app")})
