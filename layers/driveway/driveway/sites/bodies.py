"""The app's bodies about sites: strict, so that no field is ignored silently."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

from driveway.domain.preferences.errors import pointer_to
from driveway.runtime.problems import ProblemError, invalid

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]


def _instant(value: Any) -> Any:
    try:
        at = datetime.fromisoformat(value)
        return at if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise PydanticCustomError("instant", "Give an ISO 8601 instant with its offset.") from None


def _date(value: Any) -> Any:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise PydanticCustomError("date", "Give a date as YYYY-MM-DD.") from None


Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
Date = Annotated[date, BeforeValidator(_date)]
Text = Annotated[str, Field(min_length=1, max_length=256)]


class Strict(BaseModel):
    """A body that refuses unknown members and does not turn one type into another."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class SiteDetails(Strict):
    """Personal data that is passed on to Axle. Only the time of consent is kept here."""

    mpan: Annotated[str, Field(min_length=1, max_length=40)]
    postcode: Annotated[str, Field(min_length=2, max_length=12)]
    street_address: Text | None = None
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)] | None = None
    gave_boundary_meter_consent_at: Instant | None = None


class ConnectionBody(Strict):
    """A car to connect: that of an ``asset``, again, or a new one at a ``provider``.

    Enode keeps drivers by the app's own ``user_id``. ``state`` comes back at ``return_url``; without one it is made.
    """

    asset: Identifier | None = None
    provider: Literal["enode", "smartcar", "tesla"] | None = None
    user_id: Text | None = None
    return_url: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*://[^\s]+$", max_length=2048)]
    state: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{8,128}$")] | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")] = "en-GB"

    @model_validator(mode="after")
    def _names_one(self) -> "ConnectionBody":
        if (self.asset is None) == (self.provider is None):
            raise PydanticCustomError("one_of", "Give 'asset' to connect its car again, or 'provider' for a new one.")
        return self


class HomeBody(Strict):
    """Where home is (WGS 84 degrees), and how near counts as being there."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    radius_m: Annotated[float, Field(ge=20, le=2000)] = 200


class VehicleBody(Strict):
    """The car, or the charger, at its provider. ``refresh_token`` is kept where tokens are, and never shown.

    Only a charger (``ocpp``) has a ``connector_id`` (1 if it is not given), ``phases``, and the unit of its limits
    (``rate_unit``) and their ``stack_level``, which are the stage's if they are not given.
    """

    provider: Literal["enode", "smartcar", "tesla", "ocpp"]
    vehicle_id: Text
    home_location_id: Text | None = None
    user_id: Text | None = None
    refresh_token: Annotated[str, Field(min_length=1, max_length=4096)] | None = Field(default=None, repr=False)
    connector_id: Annotated[int, Field(ge=1, le=1000)] | None = None
    phases: Annotated[int, Field(ge=1, le=3)] | None = None
    rate_unit: Literal["W", "A"] | None = None
    stack_level: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @model_validator(mode="after")
    def _token_is_of_use(self) -> "VehicleBody":
        if self.refresh_token is not None and (self.provider != "tesla" or self.user_id is None):
            raise PydanticCustomError("refresh_token", "A refresh_token is only for Tesla, and needs the user_id.")
        return self

    @model_validator(mode="after")
    def _charger_is_one(self) -> "VehicleBody":
        given = (self.connector_id, self.phases, self.rate_unit, self.stack_level)
        if self.provider != "ocpp" and any(value is not None for value in given):
            text = "A connector_id, phases, rate_unit and stack_level are only for a charger (ocpp)."
            raise PydanticCustomError("charger", text)
        return self


class AssetBody(Strict):
    """One asset, with what Axle expects at enrolment.

    ``plugged_in`` (at home, now) counts for an asset or a vehicle that is new; later the car's own reports count. If it
    is left out, it is unknown, and the car's state is read after the answer.
    """

    asset: Identifier
    type: Literal["charger", "electric_vehicle"]
    power_kw: Annotated[float, Field(gt=0, le=350)]
    asset_model: Text | None = None
    installation_date: Date | None = None
    battery_kwh: Annotated[float, Field(gt=0, le=1000)] | None = None
    vehicle: VehicleBody | None = None
    plugged_in: bool | None = None
    tariff: dict[str, Any] | None = None
    intent: dict[str, Any] | None = None


class SiteBody(Strict):
    """The body of ``PUT /sites/{site}``. Assets of the site that it does not name stay as they are.

    So do the home and the zone: a body without ``home`` or ``timezone`` keeps them, ``"home": null`` erases the home.
    """

    site: SiteDetails
    consent_version: Text | None = None
    timezone: str = "Europe/London"
    home: HomeBody | None = None
    assets: Annotated[list[AssetBody], Field(min_length=1, max_length=10)]
    remove_assets: Annotated[list[Identifier], Field(max_length=10)] = []
    rejoin: bool = False


class EligibilityBody(Strict):
    """The body of ``POST /eligibility``."""

    mpan: Annotated[str, Field(min_length=1, max_length=40)]
    asset_model: Text | None = None


class MeterSearchBody(Strict):
    """The body of ``POST /meters/search``."""

    postcode: Annotated[str, Field(min_length=2, max_length=12)]
    building_identifier: Text | None = None


class MeterReferenceBody(Strict):
    """The body of ``POST /meters/by-ref``: a reference from a search."""

    meter_ref: Annotated[str, Field(min_length=1, max_length=2048)]


class MeterAddressBody(Strict):
    """The body of ``POST /meters/by-address``: the whole address, house first, with the postcode."""

    address: Annotated[str, Field(min_length=5, max_length=512)]


class ComponentTokenBody(Strict):
    """The body of ``POST /sites/{site}/component-token``."""

    allowed_origin: Annotated[str, Field(pattern=r"^https?://[^/\s]+$", max_length=256)]
    user_email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)] | None = None
    gave_boundary_meter_consent_at: Instant | None = None


class EmptyBody(Strict):
    """The body of ``POST /sites/{site}/unenrol``: nothing."""


class EnrolBody(Strict):
    """The body of ``POST /sites/{site}/enrol``."""

    rejoin: bool = False
    gave_boundary_meter_consent_at: Instant | None = None
    consent_version: Text | None = None


class SnoozeBody(Strict):
    """The body of ``POST /sites/{site}/snooze``; null ends a snooze at once."""

    until: Instant | None


Body = TypeVar("Body", bound=Strict)
_OF_PYDANTIC = frozenset(get_args(ErrorType))


def parse(model: type[Body], value: Any) -> Body:
    """The body as the model. Raises ProblemError (422) with a pointer to every fault; values are not repeated."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors = [(_pointer(fault["loc"]), _sentence(fault)) for fault in error.errors(include_input=False)]
        raise refused(errors) from None


def check_site_id(site: str) -> None:
    """Refuse (422) a site id that could not be an asset id either."""
    try:
        TypeAdapter(Identifier).validate_python(site)
    except ValidationError:
        raise invalid(
            "A site's id has 1 to 64 letters, digits and . _ : - and begins with a letter or digit."
        ) from None


def refused(errors: list[tuple[str, str]]) -> ProblemError:
    """The problem that names these faults."""
    return invalid("; ".join(f"{pointer or '/'}: {message}" for pointer, message in errors), errors)


_SENTENCES = {
    "missing": "It has to be given.",
    "extra_forbidden": "There is no such field.",
    "string_type": "Give a text.",
    "string_too_short": "Give at least {min_length} characters.",
    "string_too_long": "Give at most {max_length} characters.",
    "string_pattern_mismatch": "The text does not have the form {pattern}.",
    "bool_type": "Give true or false.",
    "int_type": "Give a whole number.",
    "int_from_float": "Give a whole number.",
    "float_type": "Give a number.",
    "finite_number": "Give a finite number.",
    "greater_than": "Give a number above {gt}.",
    "greater_than_equal": "Give a number of at least {ge}.",
    "less_than": "Give a number below {lt}.",
    "less_than_equal": "Give a number of at most {le}.",
    "literal_error": "Give one of {expected}.",
    "list_type": "Give an array.",
    "dict_type": "Give an object.",
    "model_type": "Give an object.",
    "too_short": "Give at least {min_length}.",
    "too_long": "Give at most {max_length}.",
    "timezone_aware": "Give an ISO 8601 instant with its offset.",
}
"""Our own sentence for each fault that pydantic finds."""


def _sentence(fault: ErrorDetails) -> str:
    """A fault in a sentence. Those of our own checks have their own."""
    known = _SENTENCES.get(fault["type"])
    if known is not None:
        return known.format(**fault.get("ctx", {}))
    return "The value is not valid." if fault["type"] in _OF_PYDANTIC else fault["msg"]


def _pointer(loc: tuple[int | str, ...]) -> str:
    return pointer_to(*loc)
