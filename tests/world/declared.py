"""The template as the world deploys it."""

import re
from functools import cache

from tests.world.aws.stack import Route, Stack, stack

PARAMETERS = {
    "Stage": "world",
    "AxleBaseUrl": "http://axle.test",
    "MpanCheckDigit": "lenient",
    "DueShards": "1",
    "EnodeBaseUrl": "http://cars.test/enode",
    "EnodeTokenUrl": "http://cars.test/enode/oauth2/token",
    "SmartcarBaseUrl": "http://cars.test/smartcar",
    "SmartcarTokenUrl": "http://cars.test/smartcar/oauth2/token",
    "SmartcarManagementUrl": "http://cars.test/smartcar",
    "TeslaBaseUrl": "http://cars.test/tesla",
    "TeslaTokenUrl": "http://cars.test/tesla/oauth2/v3/token",
    "TeslaRevokeUrl": "http://cars.test/tesla/oauth2/v3/revoke",
    "OcppBaseUrl": "http://cars.test/ocpp",
}


def deployed(**more: str) -> Stack:
    """The stack with the addresses of the simulators, and with ``more`` parameters."""
    return stack(**PARAMETERS | more)


@cache
def routes() -> tuple[tuple[str, re.Pattern[str], Route], ...]:
    """Every route of the HTTP API: its method, the form of its path, and the route.

    The route for all other requests is none of them: the gateway itself answers there.
    """
    found = []
    for key, route in deployed().routes.items():
        if key == "$default":
            continue
        method, path = key.split(" ", 1)
        found.append((method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + r"\Z"), route))
    return tuple(found)
