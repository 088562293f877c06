"""Where and with which credentials Axle's API is called."""

from collections.abc import Mapping
from typing import Any

from driveway.auth.oauth import TokenEndpoint
from driveway.auth.tokens import SharedTokens
from driveway.axle.client import AxleClient
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit

TOKEN_KEY = "TOKEN#axle"  # noqa: S105 - the key of an item, no secret


def axle_client(runtime: Runtime) -> AxleClient:
    """Axle's API, with the organisation's token shared by all instances through the table."""
    credentials = runtime.secret("AXLE_SECRET")
    return runtime.cached("axle", credentials, lambda: _client(runtime, credentials))


def _client(runtime: Runtime, credentials: Mapping[str, Any]) -> AxleClient:
    base_url = runtime.settings.text("AXLE_BASE_URL").rstrip("/")
    endpoint = TokenEndpoint(
        url=f"{base_url}/auth/token-form",
        client_auth="none",
        parameters={
            "grant_type": "password",
            "username": credentials["username"],
            "password": credentials["password"],
        },
        lifetime_s=3600,
    )
    tokens = SharedTokens.of(TOKEN_KEY, endpoint, runtime.tokens, runtime)
    return AxleClient(base_url, runtime.http, tokens, lambda names: _notice(names, runtime))


def _notice(names: tuple[str, ...], runtime: Runtime) -> None:
    """Report members of Axle's answers that its API description does not have, by name."""
    runtime.logger.warning("Axle answered with unknown fields", extra={"fields": list(names)})
    emit({"AxleFieldsUnknown": len(names)}, runtime)
