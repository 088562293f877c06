"""Serves the console, the page for support and operators, with its lists and its two acts."""

from pathlib import Path

from driveway.runtime.context import Runtime
from driveway.runtime.http_api import STAFF, Answer, Request, Route, http_function
from driveway.runtime.page_files import PageFiles
from driveway.status.acts import caller, look, retell
from driveway.status.asset_list import assets_body
from driveway.status.night import night_body, night_sessions_body

FILES = PageFiles(Path(__file__).parent / "page")


def get_page(request: Request, runtime: Runtime) -> Answer:
    """The page for support and operators."""
    return FILES.answer("index.html", request)


def get_file(request: Request, runtime: Runtime) -> Answer:
    """A file of the page."""
    return FILES.answer(request.parameters["file"], request)


def get_caller(request: Request, runtime: Runtime) -> Answer:
    """The name and the scope of the caller's token."""
    return Answer(200, caller(request), {"cache-control": "no-store"})


def get_assets(request: Request, runtime: Runtime) -> Answer:
    """The assets that need attention, or those that an id names."""
    return Answer(200, assets_body(request, runtime))


def get_night(request: Request, runtime: Runtime) -> Answer:
    """A night of all homes: sessions, energy, commands, lateness."""
    return Answer(200, night_body(request, runtime))


def get_night_sessions(request: Request, runtime: Runtime) -> Answer:
    """The sessions of a night, by verdict."""
    return Answer(200, night_sessions_body(request, runtime))


def post_look(request: Request, runtime: Runtime) -> Answer:
    """Read the state of an asset's car at its maker now."""
    return Answer(202, look(request, runtime))


def post_retell(request: Request, runtime: Runtime) -> Answer:
    """Report the half-hours of an asset again that Axle refused."""
    return Answer(202, retell(request, runtime))


handler = http_function(
    {
        "GET /console": Route(get_page, "open"),
        "GET /console/{file}": Route(get_file, "open"),
        "GET /caller": Route(get_caller, "support", ("operator",)),
        "GET /assets": Route(get_assets, "app", STAFF),
        "GET /nights/{night}": Route(get_night, "support", ("operator",)),
        "GET /nights/{night}/sessions": Route(get_night_sessions, "support", ("operator",)),
        "POST /assets/{asset}/look": Route(post_look, "support", ("operator",)),
        "POST /assets/{asset}/retell": Route(post_retell, "support", ("operator",)),
    }
)
