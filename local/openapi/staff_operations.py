"""What the code of the routes of operators and support staff does not show."""

from local.openapi.operation import Operation
from local.openapi.schema import text

STAFF: dict[str, Operation] = {
    "PUT /control": Operation(
        "Operator",
        "putControl",
        "`released` ends all control and releases every car, whatever Axle, tariffs and drivers want, until `running` "
        "is put. It takes about a minute; `make release-all` waits for it.",
        {202: ("ControlSwitch", "The switch is set.")},
        ("invalid-body",),
        ("ControlState",),
    ),
    "GET /control": Operation(
        "Operator",
        "getControl",
        "A car counts as held while anything of ours may keep it from charging as its driver chose.",
        {200: ("ControlStatus", "The switch, and how many cars are held.")},
        (),
    ),
    "GET /console": Operation(
        "Console",
        "getConsole",
        "It needs no token and shows nothing before its reader gives one, which stays in the browser's tab.",
        {200: ("Page", "The page.")},
        (),
    ),
    "GET /console/{file}": Operation(
        "Console",
        "getConsoleFile",
        "Nothing is loaded from elsewhere.",
        {200: ("Page", "The file.")},
        ("not-found",),
    ),
    "GET /caller": Operation(
        "Console",
        "getCaller",
        "A token of the app's is refused: the console is for support and operators.",
        {200: ("Caller", "The token.")},
        (),
    ),
    "GET /assets": Operation(
        "Console",
        "getAssets",
        "Those that need attention are listed by how long they have needed it, the longest first. `find` looks for one "
        "whole id: an asset's or a site's own, a vehicle's at its maker, or one of Axle's.",
        {200: ("ListedAssets", "The assets.")},
        ("malformed",),
        query={
            "attention": text("`any`, or a reason."),
            "find": text("An id, in place of `attention`."),
            "after": text("The `next` of an earlier answer."),
        },
    ),
    "GET /nights/{night}": Operation(
        "Console",
        "getNight",
        "The sums over all homes. They are made at the noon that ends the night and, in the five hours before, once an "
        "hour from the sessions whose departure is over. A session that goes on over several nights counts in each.",
        {200: ("NightOfAll", "The night.")},
        ("malformed",),
    ),
    "GET /nights/{night}/sessions": Operation(
        "Console",
        "getNightSessions",
        "In the order of verdict and asset.",
        {200: ("NightSessions", "Fifty sessions of the night at most.")},
        ("malformed",),
        query={"verdict": text("Only these."), "after": text("The `next` of an earlier answer.")},
    ),
    "POST /assets/{asset}/look": Operation(
        "Console",
        "postLook",
        "The request goes the way of a command: budgets and a service that is down hold it back. The log has the name "
        "of the token.",
        {202: ("Looked", "It is queued.")},
        ("no-car-linked", "not-found"),
    ),
    "POST /assets/{asset}/retell": Operation(
        "Console",
        "postRetell",
        "Those of all days, or of a local `day`. The log has the name of the token.",
        {202: ("ReportedAgain", "They are due.")},
        ("invalid-body", "not-found"),
        ("RetellBody",),
        request_optional=True,
    ),
}
