"""Receives observations from car makers, the app and Tesla's telemetry stream: 2xx once they are stored."""

from typing import Any

from driveway.auth.signatures import SignatureError
from driveway.observations.webhook_intake import take_inbound, take_observations
from driveway.runtime.context import Runtime, current_runtime
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.runtime.problems import ProblemError, invalid, malformed, not_found
from driveway.vehicles.metrics import count_not_stored, not_stored
from driveway.vehicles.provider import WebhookError, WebhookRequest
from driveway.vehicles.registry import UnknownProviderError, webhooks

REPLAY_WINDOW_S = 300


def post_webhook(request: Request, runtime: Runtime) -> Answer:
    """Store the observations of a signed webhook. Unknown cars and events are counted and not stored."""
    name = request.parameters["provider"]
    try:
        provider = webhooks(name)
    except UnknownProviderError:
        raise not_found("provider", name) from None
    secrets = [secret for secret in runtime.secret("WEBHOOK_SECRETS").get(name, []) if secret]
    try:
        window_s = runtime.clock.real_time(REPLAY_WINDOW_S).total_seconds()
        inbound = provider.receive(WebhookRequest(request.headers, request.body, runtime.now(), window_s), secrets)
    except SignatureError:
        count_not_stored(name, {"refused": 1}, runtime)
        raise ProblemError(401, "bad-signature", "Not authenticated", "The signature does not fit.") from None
    except WebhookError as error:
        raise malformed(str(error)) from None
    counts = take_inbound(name, inbound, runtime)
    count_not_stored(name, not_stored(inbound, counts), runtime)
    # The gateway's access log has every request.
    log = runtime.logger.info if set(+counts) - {"stored"} else runtime.logger.debug
    log("webhook", extra={"provider": name, "counts": dict(counts), "dropped": list(inbound.dropped)})
    return Answer(200, dict(inbound.reply) or dict(counts))


def post_observations(request: Request, runtime: Runtime) -> Answer:
    """Store what the app's own telematics or charger back end observed."""
    from driveway.observations.observation_answer import ObservationsStored, ignored
    from driveway.vehicles.app import ObservationsError, parse_observations

    try:
        observations = parse_observations(request.json(), now=runtime.now())
    except ObservationsError as error:
        raise invalid(str(error), error.errors) from None
    change = take_observations(request.parameters["asset"], observations, runtime)
    session = change.after.presence.session
    stored = ObservationsStored(
        accepted=len(observations),
        changed=change.written,
        session=session.id if session else None,
        ignored=ignored(change.before, observations, runtime),
        revision=change.after.revision,
    )
    return Answer(202, stored)


_serve = http_function(
    {
        "POST /webhooks/{provider}": Route(post_webhook, "signed"),
        "POST /assets/{asset}/observations": Route(post_observations, "app"),
    }
)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An HTTP request, or a batch of Tesla's telemetry records from Kinesis."""
    if "Records" not in event:
        return _serve(event, context)
    from driveway.observations.telemetry_intake import take_telemetry

    return take_telemetry(event["Records"], current_runtime())
