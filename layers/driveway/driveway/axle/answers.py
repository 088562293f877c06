"""The forms of Axle's answers, as its API description 1.4.6 gives them.

A page of a gateway, or the answer of another service, may come with 200 as well. What is not in the form of Axle's
answer to a call is no answer: whether Axle carried the call out is then not known.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NotRequired, TypedDict

import msgspec
from msgspec import Struct

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


class _FlexEvent(TypedDict):
    start_at: str
    end_at: str
    estimated_gross_revenue_gbp: float
    final_gross_revenue_gbp: NotRequired[float | None]


class _FlexEvents(TypedDict):
    events: list[_FlexEvent]


class _FoundMeter(TypedDict):
    ref: str
    address: str


class _Meter(TypedDict):
    mpan: str
    half_hourly_settled: NotRequired[bool | None]


class _NoMeter(TypedDict):
    detail: str


class _ComponentToken(TypedDict):
    id: str
    access_token: str
    token_type: str


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


def _anything(answer: Any) -> None:
    del answer


def _no_meter_or_one(answer: Any) -> None:
    form = _NoMeter if isinstance(answer, dict) and "mpan" not in answer else _Meter
    msgspec.convert(answer, form)


def _nothing(answer: Any) -> None:
    if not _says_nothing(answer):
        raise FormError


def _as(form: Any) -> Callable[[Any], None]:
    def check(answer: Any) -> None:
        msgspec.convert(answer, form)

    return check


_SITE = "site_id status"
_ASSET_NAMES = "id external_id type site_id properties properties.power_kw properties.capacity_kwh"
_SITE_NAMES = (
    "id mpan postcode address asset_ids markets dispatch_methods gave_boundary_meter_consent_at tariff"
    " tariff.tariff_type tariff.tariff_cheap_start_time tariff.tariff_cheap_end_time"
)
_METER = "mpan half_hourly_settled supplier_mpid supplier_name eligible_markets"


def _under(name: str, names: str) -> str:
    return " ".join([name, *(f"{name}.{inner}" for inner in names.split())])


class _Form(Struct, frozen=True):
    """A call, by its method and the pattern of its path: the check of its answer, and the names that it documents."""

    method: str
    path: re.Pattern[str]
    check: Callable[[Any], None]
    names: frozenset[str]


FORMS: tuple[_Form, ...] = tuple(
    _Form(method, re.compile(pattern), check, frozenset(names.split()))
    for method, pattern, check, names in (
        ("POST", r"/entities/asset/[^/]+/event(/[^/]+)?", _event, "timestamp status"),
        ("POST", r"/entities/asset/[^/]+/callback/[^/]+", _anything, ""),
        (
            "POST",
            r"/entities/site/onboard",
            _as(_Onboarded),
            f"{_under('site', 'site_id site_created fields_updated warnings')} {_under('enrolment', _SITE)} assets"
            " assets[].asset_id assets[].external_id assets[].asset_created assets[].fields_updated assets[].warnings",
        ),
        ("POST", r"/entities/site/[^/]+/(un)?enrol", _as(_Status), _SITE),
        (
            "POST",
            r"/entities/site/[^/]+/offboard-site-and-assets",
            _offboarded,
            f"{_under('site', _SITE_NAMES)} {_under('asset', _ASSET_NAMES)}",
        ),
        (
            "POST",
            r"/entities/site/check-eligibility",
            _as(_Eligibility),
            "is_half_hourly_settled propositions propositions[].proposition propositions[].is_eligible"
            " propositions[].issues",
        ),
        ("POST", r"/validation/mpan", _as(_ValidMpan), "isValid"),
        (
            "POST",
            r"/data/readings",
            _as(_Readings),
            "responses responses[].asset_id responses[].start_timestamp responses[].end_timestamp responses[].label"
            " responses[].accepted responses[].error",
        ),
        ("DELETE", r"/entities/asset/[^/]+", _nothing, ""),
        ("GET", r"/entities/asset/external-id/.+", _as(_Asset), _ASSET_NAMES),
        (
            "GET",
            r"/rewards/[^/]+/info",
            _as(_Balance),
            "current_balance_pence total_earnings_pence minimum_withdrawal_threshold_pence withdrawal_min_wait_days"
            " can_withdraw",
        ),
        (
            "GET",
            r"/rewards/[^/]+/transactions",
            _as(_Transactions),
            "site_id is_below_withdrawal_minimum days_until_minimum_wait_time_met transactions"
            " transactions[].transaction_type transactions[].transaction_id transactions[].start_time"
            " transactions[].end_time transactions[].settlement_date transactions[].flex_kwh"
            " transactions[].credit_pence transactions[].payment_status",
        ),
        (
            "GET",
            r"/rewards/[^/]+/url/balance",
            _as(_WithdrawalLink),
            "balance_withdrawal_url url_expiry_timestamp",
        ),
        (
            "GET",
            r"/entities/site/[^/]+/flex-events",
            _as(_FlexEvents),
            "site_id events events[].start_at events[].end_at events[].estimated_gross_revenue_gbp"
            " events[].final_gross_revenue_gbp",
        ),
        ("GET", r"/meter/search", _as(list[_FoundMeter]), "[].ref [].address"),
        ("GET", r"/meter/by-ref/.+", _as(_Meter), _METER),
        ("POST", r"/meter/by-address", _no_meter_or_one, f"{_METER} detail"),
        ("POST", r"/auth/component-token", _as(_ComponentToken), "id access_token token_type"),
    )
)
"""Every call that we make, with its answer as Axle's API description 1.4.6 gives it."""


def _form_of(method: str, path: str) -> _Form | None:
    return next((form for form in FORMS if form.method == method and form.path.fullmatch(path)), None)


def check_form(method: str, path: str, answer: Any) -> None:
    """Check that decoded JSON has the form of Axle's answer to a call; a call that is not known may answer any JSON.

    Raises:
        FormError: it does not.
    """
    form = _form_of(method, path)
    if form is None:
        return
    try:
        form.check(answer)
    except (FormError, msgspec.ValidationError) as error:
        raise FormError("Axle's answer is not in the form that its API describes.") from error


def unknown_names(method: str, path: str, answer: Any) -> tuple[str, ...]:
    """The names of members of an answer that Axle's API description does not have; values are not among them.

    A member of ``site`` is named ``site.member``, one of the objects in the array ``assets`` is ``assets[].member``.
    """
    form = _form_of(method, path)
    return tuple(sorted(set(_names(answer, "")) - form.names)) if form is not None and form.names else ()


def _names(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            inside = f"{place}.{name}" if place else str(name)
            yield inside
            yield from _names(inner, inside)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner, f"{place}[]")


def event_status(answer: Any) -> str | None:
    """What Axle says became of an event (``EventStatus`` in its description); None where it says nothing."""
    return str(answer["status"]) if isinstance(answer, dict) and "status" in answer else None
