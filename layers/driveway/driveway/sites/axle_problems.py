"""Axle's refusals as problem documents: Axle's own words, and what to do."""

from driveway.axle.client import AxleError, AxleRefusedError, AxleUnavailableError
from driveway.runtime.problems import ProblemError, busy

ADVICE: dict[int, tuple[str, str, str]] = {
    400: ("axle-invalid", "Axle finds the request invalid", "Correct what Axle names and send it again."),
    403: ("axle-forbidden", "Axle does not allow it", "Check the organisation's rights with Axle."),
    404: ("axle-not-found", "Axle does not know it", "Check the site, the asset model and the MPAN."),
    409: (
        "axle-conflict",
        "Axle has it elsewhere or as something else",
        "The asset is registered at another site or as another type; offboard it there first.",
    ),
    422: ("axle-not-eligible", "The site is not eligible", "Check POST /eligibility for what is missing."),
}


def problem_of(error: AxleError, call: str) -> ProblemError:
    """The problem document for a call that Axle refused (4xx) or could not answer (503, with Retry-After)."""
    if isinstance(error, AxleUnavailableError):
        wait_s = int(error.retry_after_s or 5)
        return busy("Axle cannot answer now. Repeat the call; nothing is lost.", retry_after_s=wait_s)
    if not isinstance(error, AxleRefusedError):
        return busy("Axle cannot answer now. Repeat the call.")
    if error.status == 422 and _withdrew(error.detail):
        return ProblemError(
            409,
            "withdrew-before",
            "The driver withdrew before",
            f'{error.detail} If the driver wants to join again, repeat the call with "rejoin": true.',
            extra={"axle_status": error.status, "axle_detail": error.detail, "call": call},
        )
    kind, title, advice = ADVICE.get(error.status, ("axle-refused", "Axle refused", "See Axle's words."))
    return ProblemError(
        error.status,
        kind,
        title,
        f"{error.detail} {advice}",
        extra={"axle_status": error.status, "axle_detail": error.detail, "call": call},
    )


def _withdrew(detail: str) -> bool:
    return "withdr" in detail.lower()
