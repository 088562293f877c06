"""The forms of Axle's answers, as its API description 1.4.6 gives them.

A page of a gateway, or the answer of another service, may come with 200 as well. What is not in the form of Axle's
answer to a call is no answer: whether Axle carried the call out is then not known.
"""

import re
from collections.abc import Callable
from typing import Any, NotRequired, TypedDict

import msgspec

EVENT_TAKEN = frozenset({"RECEIVED", "ACCEPTED", "EXECUTED"})
EVENT_REJECTED = "REJECTED"


class FormError(ValueError):
    """The answer is not in the form of Axle's answer to this call."""


class _Site(TypedDict):
    site_id: str


class _OnboardedAsset(TypedDict):
    asset_id: str
    external_id: str


class _Status(TypedDict):
    status: str


class _Onboarded(TypedDict):
    site: _Site
    assets: list[_OnboardedAsset]
    enrolment: _Status


class _Eligibility(TypedDict):
    is_half_hourly_settled: bool
    propositions: NotRequired[list[dict[str, Any]] | None]


class _ValidMpan(TypedDict):
    isValid: bool


class _Readings(TypedDict):
    responses: list[dict[str, Any]]


class _Asset(TypedDict):
    id: str


class _Balance(TypedDict):
    current_balance_pence: float
    total_earnings_pence: float
    minimum_withdrawal_threshold_pence: float
    withdrawal_min_wait_days: float
    can_withdraw: bool


class _Transactions(TypedDict):
    transactions: list[dict[str, Any]]


class _WithdrawalLink(TypedDict):
    balance_withdrawal_url: str
    url_expiry_timestamp: str


class _Offboarded(TypedDict):
    site: dict[str, Any]


def _says_nothing(answer: Any) -> bool:
    """Whether an answer is JSON that says nothing, which the description allows where a call has no result."""
    return answer is None or answer == {}


def _event(answer: Any) -> None:
    if not _says_nothing(answer):
        msgspec.convert(answer, _Status)


def _offboarded(answer: Any) -> None:
    if not _says_nothing(answer):
        msgspec.convert(answer, _Offboarded)


def _nothing(answer: Any) -> None:
    if not _says_nothing(answer):
        raise FormError


def _as(form: type) -> Callable[[Any], None]:
    def check(answer: Any) -> None:
        msgspec.convert(answer, form)

    return check


_FORMS: tuple[tuple[str, re.Pattern[str], Callable[[Any], None]], ...] = tuple(
    (method, re.compile(pattern), check)
    for method, pattern, check in (
        ("POST", r"/entities/asset/[^/]+/event(/[^/]+)?", _event),
        ("POST", r"/entities/site/onboard", _as(_Onboarded)),
        ("POST", r"/entities/site/[^/]+/(un)?enrol", _as(_Status)),
        ("POST", r"/entities/site/[^/]+/offboard-site-and-assets", _offboarded),
        ("POST", r"/entities/site/check-eligibility", _as(_Eligibility)),
        ("POST", r"/validation/mpan", _as(_ValidMpan)),
        ("POST", r"/data/readings", _as(_Readings)),
        ("DELETE", r"/entities/asset/[^/]+", _nothing),
        ("GET", r"/entities/asset/external-id/.+", _as(_Asset)),
        ("GET", r"/rewards/[^/]+/info", _as(_Balance)),
        ("GET", r"/rewards/[^/]+/transactions", _as(_Transactions)),
        ("GET", r"/rewards/[^/]+/url/balance", _as(_WithdrawalLink)),
    )
)


def check_form(method: str, path: str, answer: Any) -> None:
    """Check that decoded JSON has the form of Axle's answer to a call; a call that is not known may answer any JSON.

    Raises:
        FormError: it does not.
    """
    check = next((check for kind, known, check in _FORMS if kind == method and known.fullmatch(path)), None)
    if check is None:
        return
    try:
        check(answer)
    except (FormError, msgspec.ValidationError) as error:
        raise FormError("Axle's answer is not in the form that its API describes.") from error


def event_status(answer: Any) -> str | None:
    """What Axle says became of an event (``EventStatus`` in its description); None where it says nothing."""
    return str(answer["status"]) if isinstance(answer, dict) and "status" in answer else None
