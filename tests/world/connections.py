"""The parts of a world beside our functions: where Axle, the cars and our API are found, and their secrets."""

import hashlib
import json
import random
from typing import TYPE_CHECKING, Any

from simulators.cars.app import build_app
from tests.world.app_endpoint import SECRET
from tests.world.transport import OwnApi, Simulated, WorldLoop
from tests.world.watch import Watch
from tests.world.watched_writes import watch_writes

if TYPE_CHECKING:
    from tests.world.world import World

APP_EVENTS = "http://app.test/events"
API, AXLE, CARS = "http://driveway.test", "http://axle.test", "http://cars.test"
APP_TOKEN, AXLE_TOKEN, OPERATOR_TOKEN = "app-token", "axle-token", "operator-token"
AXLE_WEBHOOK_SECRET = "axle-webhook-secret"
CAR_WEBHOOK_SECRET = "car-simulator-webhook-secret"
CLIENT = {"client_id": "client-id", "client_secret": "client-secret"}


def connect(world: "World") -> None:
    """Connect the parts of a world: the ways to Axle, to the cars and to our API, and the secrets that they share."""
    rng = random.Random(world.rng.getrandbits(64))
    loop = WorldLoop(world.clock)
    watch = Watch(world)
    watch_writes(world)
    world.session.mount(AXLE, Simulated(world.axle.asgi, loop, watch))
    world.session.mount(CARS, Simulated(build_app(world.cars), loop, watch))
    world.session.mount(API, OwnApi(world._serve))
    world.session.mount(APP_EVENTS, world.events)
    world.axle_sender.connect(world.session, rng)
    world.car_sender.connect(world.session, rng)
    config = world.axle.world.config
    config.driveway_url, config.bearer_token, config.webhook_secret = API, AXLE_TOKEN, AXLE_WEBHOOK_SECRET
    settings = world.cars.world.settings
    for name in ("enode", "smartcar", "tesla"):
        getattr(settings, name).webhook_url = f"{API}/webhooks/{name}"
    settings.ocpp.webhook_url = API
    tokens = {"app": APP_TOKEN, "axle": AXLE_TOKEN, "operator": OPERATOR_TOKEN}
    secrets: dict[str, Any] = {
        "ApiTokens": {k: [hashlib.sha256(v.encode()).hexdigest()] for k, v in tokens.items()},
        "AxleCredentials": {"username": "driveway", "password": "axle-simulator"},
        "AxleWebhookSecrets": {"secrets": [AXLE_WEBHOOK_SECRET]},
        "AppWebhookSecrets": {"secrets": [SECRET]},
        "WebhookSecrets": {n: [CAR_WEBHOOK_SECRET] for n in ("enode", "smartcar", "tesla")},
        "ProviderCredentials": {
            "enode": CLIENT,
            "smartcar": CLIENT,
            "tesla": CLIENT,
            "ocpp": {"token": "ocpp-token"},
        },
    }
    for name, value in secrets.items():
        world.cloud.secrets.put(name, json.dumps(value))


def shown(event: Any) -> str:
    """What an event is about, in short."""
    records = event.get("Records") if isinstance(event, dict) else None
    if not records:
        return ""
    return " ".join(str(one["body"]) if "body" in one else one["dynamodb"]["Keys"]["pk"]["S"] for one in records)
