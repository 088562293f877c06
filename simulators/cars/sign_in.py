"""The pages of Smartcar and Tesla on which a driver signs in, as far as a driver and we see them.

Nobody types a name here: ``user=`` in the address says who signs in. Without it, it is the driver of the first car that
is not connected.
"""

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from simulators.cars.car import Car
from simulators.cars.door import Ask
from simulators.cars.wire import answer
from simulators.cars.world import World


def sign_in(world: World, provider: str, ask: Ask, client: tuple[str, str], grant: Callable[[str], str]) -> Response:
    """Connect every car of the driver, and redirect with the driver's id, the ``state``, and a code for the app.

    Args:
        world: the cars.
        provider: whose page it is.
        ask: the driver's request.
        client: the parameter that names our application, and its value.
        grant: makes a code for a user.
    """
    sent = ask.request.query_params
    name, value = client
    if sent.get("response_type") != "code" or not sent.get("redirect_uri") or sent.get(name) != value:
        return answer({"error": "invalid_request"}, 400)
    cars = [car for car in world.cars.values() if car.spec.provider == provider]
    user = sent.get("user") or next((car.spec.user_id for car in cars if not _is_connected(car)), "user-1")
    for car in (one for one in cars if one.spec.user_id == user):
        car.spec.linked = car.spec.subscribed = car.spec.telemetry = car.spec.account_connected = True
        world.report(car, car.reported, car.view())
    back = {"code": grant(user), "state": sent.get("state", "")}
    if provider == "smartcar":
        back |= {"user_id": user}
    joint = "&" if urlsplit(sent["redirect_uri"]).query else "?"
    return RedirectResponse(sent["redirect_uri"] + joint + urlencode(back), 302)


def _is_connected(car: Car) -> bool:
    return car.spec.linked and car.spec.account_connected
