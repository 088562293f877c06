"""Handles sites from eligibility to erasure."""

from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.runtime.problems import malformed
from driveway.sites.bodies import EligibilityBody, EmptyBody, EnrolBody, SiteBody, SnoozeBody, parse


def eligibility(request: Request, runtime: Runtime) -> Answer:
    """Whether a driver could join; nothing is stored."""
    from driveway.sites.eligibility import check_eligibility

    return check_eligibility(parse(EligibilityBody, request.json()), runtime)


def put(request: Request, runtime: Runtime) -> Answer:
    """Onboard or update a site."""
    from driveway.sites.onboard import put_site

    return put_site(request.parameters["site"], parse(SiteBody, request.json()), runtime)


def post_unenrol(request: Request, runtime: Runtime) -> Answer:
    """Opt out."""
    from driveway.sites.membership import unenrol

    parse(EmptyBody, request.json() if request.body else {})
    return unenrol(request.parameters["site"], runtime)


def post_enrol(request: Request, runtime: Runtime) -> Answer:
    """Opt back in."""
    from driveway.sites.membership import enrol

    return enrol(request.parameters["site"], parse(EnrolBody, request.json() if request.body else {}), runtime)


def post_snooze(request: Request, runtime: Runtime) -> Answer:
    """Pause until an instant."""
    from driveway.sites.membership import snooze

    return snooze(request.parameters["site"], parse(SnoozeBody, request.json()), runtime)


def post_connection(request: Request, runtime: Runtime) -> Answer:
    """A link with which a driver connects a car, or connects it again."""
    from driveway.sites.connections import connect

    return connect(request.parameters["site"], request.json(), runtime)


def get_connections(request: Request, runtime: Runtime) -> Answer:
    """The cars that drivers of the site connect, and how far each is."""
    from driveway.sites.connections import connections

    return connections(request.parameters["site"], runtime)


def delete(request: Request, runtime: Runtime) -> Answer:
    """Offboard and erase."""
    from driveway.sites.erase import delete_site

    forfeit = request.query.get("forfeit_balance", "false")
    if forfeit not in {"true", "false"}:
        raise malformed("'forfeit_balance' is 'true' or 'false'.")
    return delete_site(request.parameters["site"], runtime, forfeit_balance=forfeit == "true")


handler = http_function(
    {
        "POST /eligibility": Route(eligibility, "app"),
        "PUT /sites/{site}": Route(put, "app"),
        "POST /sites/{site}/unenrol": Route(post_unenrol, "app"),
        "POST /sites/{site}/enrol": Route(post_enrol, "app"),
        "POST /sites/{site}/snooze": Route(post_snooze, "app"),
        "POST /sites/{site}/connections": Route(post_connection, "app"),
        "GET /sites/{site}/connections": Route(get_connections, "app"),
        "DELETE /sites/{site}": Route(delete, "app"),
    }
)
