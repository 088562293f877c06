"""The credentials of a local stack: new ones for simulators, those of the environment for other servers."""

import base64
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from local.processes import NotReadyError

LOGINS: dict[str, tuple[tuple[str, str], ...]] = {
    "axle": (("username", "AXLE_USERNAME"), ("password", "AXLE_PASSWORD")),
    "enode": (("client_id", "ENODE_CLIENT_ID"), ("client_secret", "ENODE_CLIENT_SECRET")),
    "smartcar": (("client_id", "SMARTCAR_CLIENT_ID"), ("client_secret", "SMARTCAR_CLIENT_SECRET")),
    "tesla": (("client_id", "TESLA_CLIENT_ID"), ("client_secret", "TESLA_CLIENT_SECRET")),
    "ocpp": (("token", "OCPP_TOKEN"),),
}
"""By server: the members of its secret, and the environment variable of each."""

APPLICATION_ID = "SMARTCAR_APPLICATION_ID"
"""What only the links for drivers need of Smartcar's server."""

SETTINGS = frozenset({APPLICATION_ID, *(setting for login in LOGINS.values() for _, setting in login)})


NONE: Mapping[str, str] = {}


def credentials_of_a_stack(
    base_urls: Mapping[str, str] = NONE, environment: Mapping[str, str] = NONE
) -> dict[str, Any]:
    """New tokens and secrets of a stack, with the given credentials for the servers that are no simulators.

    Raises:
        NotReadyError: a server's credentials are missing in the environment. It would answer each call with 401.
    """
    logins = {name: _login(name, name in base_urls, environment) for name in LOGINS}
    application = environment.get(APPLICATION_ID) if "smartcar" in base_urls else str(uuid.uuid4())
    logins["smartcar"] |= {"application_id": application} if application else {}
    return {
        "app_token": secrets.token_urlsafe(32),
        "axle_token": secrets.token_urlsafe(32),
        "support_token": secrets.token_urlsafe(32),
        "operator_token": secrets.token_urlsafe(32),
        "axle_webhook_secret": secrets.token_hex(32),
        "app_webhook_secret": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "webhooks": {name: secrets.token_hex(32) for name in ("enode", "smartcar", "tesla")},
        "axle": logins.pop("axle"),
        "providers": logins,
    }


def _login(name: str, is_given: bool, environment: Mapping[str, str]) -> dict[str, str]:
    missing = [setting for _, setting in LOGINS[name] if not environment.get(setting)]
    if is_given and missing:
        raise NotReadyError(f"{name.upper()}_BASE_URL names a server that needs {' and '.join(missing)}.")
    if is_given:
        return {member: environment[setting] for member, setting in LOGINS[name]}
    return {member: _made(member) for member, _ in LOGINS[name]}


def _made(member: str) -> str:
    return "driveway" if member in {"username", "client_id"} else secrets.token_urlsafe(16)
