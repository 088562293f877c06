"""Where and with which credentials a provider's API is called."""

from collections.abc import Mapping

from driveway.auth.token_source import TokenSource
from driveway.auth.tokens import SharedTokens, StaticToken, TokenEndpoint
from driveway.domain.twin import Twin, Vehicle
from driveway.runtime.context import Runtime
from driveway.vehicles.provider import Call

CHARGER_SETTINGS = {"stack_level": "OCPP_STACK_LEVEL", "rate_unit": "OCPP_RATE_UNIT"}


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
    if vehicle.provider == "ocpp":
        known |= {name: runtime.settings.text(setting, "") or None for name, setting in CHARGER_SETTINGS.items()}
    return {name: str(value) for name, value in known.items() if value is not None}


def _token_key(vehicle: Vehicle) -> str:
    """One token a provider, but for Tesla, whose owners each have their own."""
    return f"TOKEN#tesla#{vehicle.user_id}" if vehicle.provider == "tesla" else f"TOKEN#{vehicle.provider}"


def _tokens(vehicle: Vehicle, credentials: Mapping[str, str], runtime: Runtime) -> TokenSource:
    if vehicle.provider == "ocpp":
        return StaticToken(credentials.get("token", ""))
    endpoint = TokenEndpoint(
        url=runtime.settings.text(f"{vehicle.provider.upper()}_TOKEN_URL"),
        client_id=credentials.get("client_id", ""),
        client_secret=credentials.get("client_secret"),
        client_auth="basic" if vehicle.provider == "enode" else "form",
    )
    return SharedTokens(
        key=_token_key(vehicle),
        endpoint=endpoint,
        store=runtime.records,
        http=runtime.http,
        now=runtime.now,
        lease=runtime.clock.real_time(30),
        rotating=vehicle.provider == "tesla",
    )
