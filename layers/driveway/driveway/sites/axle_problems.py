"""Axle's refusals as problem documents: Axle's own text, and the remedy."""

import re

from driveway.axle.client import AxleError, AxleRefusedError, AxleUnavailableError
from driveway.runtime.problems import ProblemError, busy

ADVICE: dict[int, tuple[str, str, str]] = {
    400: ("axle-invalid", "Axle finds the request invalid", "Correct what Axle names and send it again."),
    404: ("axle-not-found", "Axle does not know it", "Check the site, the asset model and the MPAN."),
    409: (
        "axle-conflict",
        "Axle has it elsewhere or as something else",
        "The asset is registered at another site or as another type; offboard it there first.",
    ),
    422: ("axle-not-eligible", "The site is not eligible", "Check POST /eligibility for what is missing."),
}
LONGEST_WAIT_S = 3600


_OURS = {
    "override_withdrawal": "rejoin",
    "external_id": "asset",
    "asset_id": "asset",
    "site_id": "site",
    "capacity_kwh": "battery_kwh",
    "asset_type": "type",
    "energy_required_kwh": "kwh",
    "charging_rate_kw": "power_kw",
}
"""The field of our API for each of Axle's parameters that has another name here."""

_PARAMETER = re.compile(rf"\b(?:body\.(?:\w+\.)*)?({'|'.join(_OURS)})\b")
_PATH = re.compile(r"\bbody\.(?:\w+\.)*(\w+)")


def axle_words(detail: str) -> str:
    """Axle's words as one sentence, in which the names of parameters are those of our API."""
    named = _PATH.sub(r"\1", _PARAMETER.sub(lambda found: _OURS[found[1]], detail.strip()))
    return f"Axle answered: {named or 'no reason'}{'' if named.endswith(('.', '!', '?')) else '.'}"


def problem_of(error: AxleError, call: str) -> ProblemError:
    """The problem document for a call that Axle refused, or could not answer (503, with Retry-After).

    400, 404, 409 and 422 keep their status. A driver who withdrew before gets a 409 of its own kind. Any other refusal
    concerns the organisation's access, not the caller (502).
    """
    if not isinstance(error, AxleRefusedError):
        wait_s = error.retry_after_s if isinstance(error, AxleUnavailableError) else None
        wait_s = min(wait_s or 5, LONGEST_WAIT_S)
        return busy("Axle cannot answer now. Repeat the call; nothing is lost.", retry_after_s=int(wait_s))
    extra = {"axle_status": error.status, "axle_detail": error.detail, "call": call}
    if error.status == 422 and "withdr" in error.detail.lower():
        return ProblemError(
            409,
            "withdrew-before",
            "The driver withdrew before",
            f'{axle_words(error.detail)} If the driver wants to join again, repeat the call with "rejoin": true.',
            extra=extra,
        )
    if error.status not in ADVICE:
        detail = f"{axle_words(error.detail)} Check the organisation's access to Axle's API."
        return ProblemError(502, "axle-refused", "Axle refused", detail, extra=extra)
    kind, title, advice = ADVICE[error.status]
    return ProblemError(error.status, kind, title, f"{axle_words(error.detail)} {advice}", extra=extra)
