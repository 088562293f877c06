"""Answers what a site and an asset do, why, and what comes next."""

from driveway.runtime.context import Runtime
from driveway.runtime.http_api import STAFF, Answer, Request, Route, http_function
from driveway.status.asset import asset_answer
from driveway.status.events import events_answer
from driveway.status.half_hours import half_hours_answer
from driveway.status.schedule import schedule_answer
from driveway.status.sessions import session_answer, sessions_body
from driveway.status.site import site_answer
from driveway.status.timeline import timeline_body


def get_site(request: Request, runtime: Runtime) -> Answer:
    """The site's state and its assets."""
    return Answer(200, site_answer(request.parameters["site"], runtime))


def get_rewards(request: Request, runtime: Runtime) -> Answer:
    """What the site has earned."""
    from driveway.sites.rewards import rewards_body

    return Answer(200, rewards_body(request.parameters["site"], request.query, runtime), {"cache-control": "no-store"})


def get_export(request: Request, runtime: Runtime) -> Answer:
    """Everything that is held about a site, for a driver's access request."""
    from driveway.status.export import export_body

    return Answer(200, export_body(request.parameters["site"], runtime), {"cache-control": "no-store"})


def get_asset(request: Request, runtime: Runtime) -> Answer:
    """The asset: wanted, observed, planned, commanded, and why."""
    twin = runtime.table.twin(request.parameters["asset"])
    return Answer(200, asset_answer(twin, runtime), {"etag": f'"{twin.revision}"'})


def get_schedule(request: Request, runtime: Runtime) -> Answer:
    """The effective schedule, as JSON or as a picture."""
    return schedule_answer(request, runtime)


def get_readings(request: Request, runtime: Runtime) -> Answer:
    """The half-hours of an asset, and what Axle answered to them, as JSON or CSV."""
    return half_hours_answer(request, runtime)


def get_timeline(request: Request, runtime: Runtime) -> Answer:
    """What happened, newest first, with reasons."""
    return Answer(200, timeline_body(request, runtime))


def get_sessions(request: Request, runtime: Runtime) -> Answer:
    """The nights of the asset, newest first, each with its verdict."""
    return Answer(200, sessions_body(request, runtime))


def get_session(request: Request, runtime: Runtime) -> Answer:
    """One session: wanted, got, planned, commanded, and the verdict; as JSON or as a picture."""
    return session_answer(request, runtime)


handler = http_function(
    {
        "GET /sites/{site}": Route(get_site, "app", STAFF),
        "GET /sites/{site}/rewards": Route(get_rewards, "app"),
        "GET /sites/{site}/export": Route(get_export, "app"),
        "GET /events": Route(events_answer, "app"),
        "GET /assets/{asset}": Route(get_asset, "app", STAFF),
        "GET /assets/{asset}/schedule": Route(get_schedule, "app", STAFF),
        "GET /assets/{asset}/readings": Route(get_readings, "app", STAFF),
        "GET /assets/{asset}/timeline": Route(get_timeline, "app", STAFF),
        "GET /assets/{asset}/sessions": Route(get_sessions, "app", STAFF),
        "GET /assets/{asset}/sessions/{session}": Route(get_session, "app", STAFF),
    }
)
