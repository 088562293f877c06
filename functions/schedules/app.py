"""Receives Axle's charging schedules: 2xx once it is stored, 4xx if it is refused for good, 5xx for a fault of ours."""

from driveway.axle.event_status import report_unused, status_reported
from driveway.axle.inbound import REPLAY_WINDOW_S, Envelope, placed, read_envelope, unwrap_profile, verify
from driveway.domain.schedules.installation import ScheduleRefusedError, cleared, installed
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.runtime.metrics import emit
from driveway.runtime.problems import ProblemError, not_found
from driveway.store.table import UnknownAssetError

ACCEPTED = {"status": "Accepted"}


def post_profile(request: Request, runtime: Runtime) -> Answer:
    """Install a bare profile or a SetChargingProfileRequest."""
    return _install(request.parameters["axle_asset_id"], Envelope.bare(request.json()), runtime)


def delete_profile(request: Request, runtime: Runtime) -> Answer:
    """Clear Axle's profiles. It is no error if there are none."""
    now, asset = runtime.now(), _asset(request.parameters["axle_asset_id"], runtime)
    runtime.table.change_twin(asset, lambda twin: cleared(twin, now), now=now)
    return Answer(200, ACCEPTED)


def post_webhook(request: Request, runtime: Runtime) -> Answer:
    """Receive Axle's signed envelope. An event that is not a schedule is acknowledged, counted and alarmed."""
    now = runtime.now()
    secrets = runtime.secret("AXLE_WEBHOOK_SECRET").get("secrets", [])
    try:
        verify(request, secrets, now, window=runtime.clock.real_time(REPLAY_WINDOW_S))
    except ProblemError:
        emit({"BadSignatures": 1}, runtime, provider="axle")
        raise
    envelope = read_envelope(request.json())
    if runtime.records.remembered("axle", envelope.id) is not None:
        return Answer(200, ACCEPTED)
    if envelope.axle_asset_id is None:
        report_unused(envelope, runtime)
    else:
        with status_reported(envelope, runtime):
            _install(envelope.axle_asset_id, envelope, runtime)
    runtime.records.remember("axle", envelope.id, now=now, kept=envelope.kept)
    return Answer(200, ACCEPTED)


def _install(axle_asset_id: str, envelope: Envelope, runtime: Runtime) -> Answer:
    now = runtime.now()
    keep = runtime.settings.text("SCHEDULE_BEFORE_PLUG_IN", "keep") == "keep"
    profile = unwrap_profile(envelope)
    asset = _asset(axle_asset_id, runtime)
    try:
        runtime.table.change_twin(
            asset,
            lambda twin: installed(twin, profile, created_at=envelope.created_at, now=now, keep_unplugged=keep),
            now=now,
        )
    except ScheduleRefusedError as error:
        errors = placed(error.errors, envelope)
        raise ProblemError(409, error.kind, "The schedule cannot be taken", error.message, errors=errors) from None
    except UnknownAssetError:
        raise not_found("asset", axle_asset_id) from None
    return Answer(200, ACCEPTED)


def _asset(axle_asset_id: str, runtime: Runtime) -> str:
    asset = runtime.records.asset_for("axle", axle_asset_id)
    if asset is None:
        raise not_found("asset", axle_asset_id)
    return asset


handler = http_function(
    {
        "POST /axle/assets/{axle_asset_id}/charging-profile": Route(post_profile, "axle"),
        "DELETE /axle/assets/{axle_asset_id}/charging-profile": Route(delete_profile, "axle"),
        "POST /axle/webhooks": Route(post_webhook, "signed"),
    }
)
