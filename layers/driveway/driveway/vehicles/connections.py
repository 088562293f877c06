"""Where and with which credentials a provider's API is called."""

from collections.abc import Mapping

from driveway.auth.token_source import TokenSource
from driveway.auth.tokens import SharedTokens, StaticToken, TokenEndpoint
from driveway.domain.twin import Twin, Vehicle
from driveway.runtime.context import Runtime
from driveway.vehicles.provider import Call
from driveway.vehicles.registry import PROVIDERS


def connect(vehicle: Vehicle, twin: Twin, runtime: Runtime) -> Call:
    """The call context for a vehicle's provider, from the settings, the secrets and the shared tokens."""
    credentials = runtime.secret("PROVIDERS_SECRET").get(vehicle.provider, {})
    return Call(
        base_url=runtime.settings.text(f"{vehicle.provider.upper()}_BASE_URL").rstrip("/"),
        http=runtime.http,
        tokens=runtime.cached(_token_key(vehicle), credentials, lambda: _tokens(vehicle, credentials, runtime)),
        now=runtime.now(),
        extra=_extra(vehicle, twin, runtime),
        wait=runtime.clock.sleep,
    )


def _extra(vehicle: Vehicle, twin: Twin, runtime: Runtime) -> Mapping[str, str]:
    """What is known of the home, the connection and a charger, as the providers' modules name it; unknowns left out."""
    home = twin.link.home
    known: dict[str, float | str | None] = {
        "latitude": home.latitude if home else None,
        "longitude": home.longitude if home else None,
        "power_kw": twin.link.power_kw,
        "home_timezone": twin.link.timezone,
        "connector_id": vehicle.connector_id,
        "phases": vehicle.phases,
    }
    settings = PROVIDERS[vehicle.provider].settings
    known |= {name: runtime.settings.text(setting, "") or None for name, setting in settings.items()}
    return {name: str(value) for name, value in known.items() if value is not None}


def _token_key(vehicle: Vehicle) -> str:
    """One token for each provider, or for each owner where owners have their own."""
    owned = PROVIDERS[vehicle.provider].tokens == "owner"
    return f"TOKEN#{vehicle.provider}#{vehicle.user_id}" if owned else f"TOKEN#{vehicle.provider}"


def _tokens(vehicle: Vehicle, credentials: Mapping[str, str], runtime: Runtime) -> TokenSource:
    given_to = PROVIDERS[vehicle.provider].tokens
    if given_to == "fixed":
        return StaticToken(credentials.get("token", ""))
    endpoint = TokenEndpoint(
        url=runtime.settings.text(f"{vehicle.provider.upper()}_TOKEN_URL"),
        client_id=credentials.get("client_id", ""),
        client_secret=credentials.get("client_secret"),
        client_auth="basic" if given_to == "app_basic" else "form",
    )
    return SharedTokens(
        key=_token_key(vehicle),
        endpoint=endpoint,
        store=runtime.records,
        http=runtime.http,
        now=runtime.now,
        lease=runtime.clock.real_time(30),
        rotating=given_to == "owner",
    )
