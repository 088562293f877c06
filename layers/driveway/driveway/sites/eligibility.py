"""``POST /eligibility``: whether a driver could join, in sentences the app can show. Nothing is stored."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from driveway.axle.client import AxleError, AxleRefusedError
from driveway.axle.connection import axle_client
from driveway.domain.mpan import MpanError, core_mpan
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer
from driveway.runtime.problems import ProblemError
from driveway.sites.axle_problems import problem_of
from driveway.sites.bodies import EligibilityBody, refused
from driveway.sites.requested import PROPOSITION

SENTENCES = {
    "asset_model_not_set": "Say which charger or car model it is: this meter is not settled half-hourly, so the model"
    " decides.",
    "asset_model_not_found": "This charger or car model is not known to Axle.",
    "asset_model_not_cop11_qualified": "This charger or car model does not measure accurately enough for a meter that"
    " is not settled half-hourly.",
    "asset_installation_date_not_set": "Say when the charger was installed or the car was registered.",
    "asset_model_enrol_eligibility_override": "Axle has closed enrolment for this charger or car model.",
    "non_domestic_site": "This meter belongs to a business; smart charging is for homes.",
    "not_offered": "Smart charging is not offered for this meter.",
}


class EligibilityIssue(Struct, frozen=True, kw_only=True):
    """What stands in the way."""

    code: Annotated[str, Meta(description="Axle's code.")]
    text: Annotated[str, Meta(description="A sentence for the driver.")]


class EligibilityAnswer(Struct, frozen=True, kw_only=True):
    """Whether a driver can join."""

    eligible: Annotated[bool, Meta(description="Whether the driver can join.")]
    half_hourly_settled: Annotated[bool, Meta(description="Whether the meter is settled by the half-hour.")]
    issues: Annotated[list[EligibilityIssue], Meta(description="What stands in the way.")]


def check_eligibility(body: EligibilityBody, runtime: Runtime) -> Answer:
    """The MPAN is checked here, then by Axle, and then whether smart charging is open to it.

    Raises:
        ProblemError: the MPAN is malformed (422 by our own check, 400 by Axle's) or has no connected import meter
            (404), the asset model is unknown (404), or Axle cannot answer (503).
    """
    strict = runtime.settings.text("MPAN_CHECK_DIGIT", "strict") == "strict"
    try:
        mpan = core_mpan(body.mpan, check_digit=strict)
    except MpanError as error:
        raise refused([("/mpan", str(error))]) from None
    _validate(mpan, runtime)
    asked = {"mpan": mpan} | ({"asset_model": body.asset_model} if body.asset_model else {})
    try:
        answer = axle_client(runtime).post("/entities/site/check-eligibility", asked)
    except AxleRefusedError as error:
        if error.status == 404:
            detail = f"{error.detail} Leave asset_model out, or give one that Axle knows."
            raise ProblemError(404, "unknown-asset-model", "Axle does not know the asset model", detail) from None
        raise problem_of(error, "check-eligibility") from None
    except AxleError as error:
        raise problem_of(error, "check-eligibility") from None
    return Answer(200, _verdict(answer))


def _validate(mpan: str, runtime: Runtime) -> None:
    try:
        axle_client(runtime).post("/validation/mpan", {"mpan": mpan})
    except AxleRefusedError as error:
        if error.status == 404:
            detail = f"{error.detail} Check the MPAN on the electricity bill: it is the import meter's that counts."
            raise ProblemError(404, "no-import-meter", "There is no such import meter", detail) from None
        raise problem_of(error, "validate-mpan") from None
    except AxleError as error:
        raise problem_of(error, "validate-mpan") from None


def _verdict(answer: dict[str, Any]) -> EligibilityAnswer:
    ours = next((p for p in answer.get("propositions", []) if p.get("proposition") == PROPOSITION), None)
    codes = ["not_offered"] if ours is None else list(ours.get("issues", []))
    return EligibilityAnswer(
        eligible=ours is not None and bool(ours["is_eligible"]),
        half_hourly_settled=bool(answer["is_half_hourly_settled"]),
        issues=[EligibilityIssue(code=code, text=SENTENCES.get(code, f"Axle says: {code}.")) for code in codes],
    )
