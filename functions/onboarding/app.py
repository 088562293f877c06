"""Takes sites from eligibility to erasure."""

from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.runtime.problems import malformed
from driveway.sites.bodies import EligibilityBody, EmptyBody, EnrolBody, SiteBody, SnoozeBody, check_site_id, parse


def eligibility(request: Request, current: Runtime) -> Answer:
    """Whether a driver could join; nothing is stored."""
    from driveway.sites.eligibility import check_eligibility

    return check_eligibility(parse(EligibilityBody, request.json()), current)


def put(request: Request, current: Runtime) -> Answer:
    """Onboard or update a site."""
    from driveway.sites.onboard import put_site

    check_site_id(request.parameters["site"])
    return put_site(request.parameters["site"], parse(SiteBody, request.json()), current)


def post_unenrol(request: Request, current: Runtime) -> Answer:
    """Opt out."""
    from driveway.sites.membership import unenrol

    parse(EmptyBody, request.json() if request.body else {})
    return unenrol(request.parameters["site"], current)


def post_enrol(request: Request, current: Runtime) -> Answer:
    """Opt back in."""
    from driveway.sites.membership import enrol

    return enrol(request.parameters["site"], parse(EnrolBody, request.json() if request.body else {}), current)


def post_snooze(request: Request, current: Runtime) -> Answer:
    """Pause until an instant."""
    from driveway.sites.membership import snooze

    return snooze(request.parameters["site"], parse(SnoozeBody, request.json()), current)


def delete(request: Request, current: Runtime) -> Answer:
    """Offboard and erase."""
    from driveway.sites.erase import delete_site

    forfeit = request.query.get("forfeit_balance", "false")
    if forfeit not in {"true", "false"}:
        raise malformed("'forfeit_balance' is 'true' or 'false'.")
    return delete_site(request.parameters["site"], current, forfeit_balance=forfeit == "true")


handler = http_function(
    {
        "POST /eligibility": Route(eligibility, "app"),
        "PUT /sites/{site}": Route(put, "app"),
        "POST /sites/{site}/unenrol": Route(post_unenrol, "app"),
        "POST /sites/{site}/enrol": Route(post_enrol, "app"),
        "POST /sites/{site}/snooze": Route(post_snooze, "app"),
        "DELETE /sites/{site}": Route(delete, "app"),
    }
)
