"""A site's earnings, and the link to withdraw them: ``GET /sites/{site}/rewards``."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from driveway.axle.client import AxleError, AxleRefusedError
from driveway.axle.connection import axle_client
from driveway.runtime.answer_types import AppId, Instant
from driveway.runtime.context import Runtime
from driveway.runtime.problems import malformed
from driveway.sites.axle_problems import problem_of
from driveway.sites.changing import existing_site

DEFAULT_REDIRECT_URL = "https://axle.energy"
LONGEST_REDIRECT = 2000
RUN_BY_BROWSERS = frozenset({"javascript", "data", "vbscript"})
FLAGS = ("hide_transactions", "auto_redirect_to_setup", "enforce_two_factor_auth")
AxlesInstant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""An instant as Axle writes it."""
_SHOWN = ("transaction_id", "start_time", "end_time", "settlement_date", "flex_kwh", "credit_pence", "payment_status")


class Transaction(Struct, frozen=True, kw_only=True):
    """A reward or a withdrawal."""

    type: Annotated[str | None, Meta(description="As Axle names it.")]
    status: Annotated[Literal["estimated", "settled"], Meta(description="Estimated ones may still change.")]
    transaction_id: str
    start_time: AxlesInstant | None
    end_time: AxlesInstant | None
    settlement_date: Annotated[str, Meta(extra_json_schema={"format": "date"})] | None
    flex_kwh: Annotated[float | None, Meta(description="Energy moved.")]
    credit_pence: Annotated[int, Meta(description="Negative for a withdrawal.")]
    payment_status: Annotated[str | None, Meta(description="Of a withdrawal.")]


class Withdrawal(Struct, frozen=True, kw_only=True):
    """A link to Axle's withdrawal form."""

    url: Annotated[str, Meta(description="Temporary; open it in a browser.", extra_json_schema={"format": "uri"})]
    expires_at: Annotated[Instant, Meta(description="When it ends.")]


class Rewards(Struct, frozen=True, kw_only=True):
    """What a site has earned."""

    site: AppId
    balance_pence: Annotated[int, Meta(description="What can be withdrawn.")]
    total_earnings_pence: Annotated[int, Meta(description="All that was ever earned.")]
    can_withdraw: Annotated[bool, Meta(description="Whether it can be withdrawn now.")]
    minimum_withdrawal_pence: Annotated[int, Meta(description="The least that can be withdrawn at once.")]
    withdrawal_min_wait_days: Annotated[int, Meta(description="Days from the first reward to the first withdrawal.")]
    estimated_pence: Annotated[int, Meta(description="The sum of the estimated transactions.")]
    settled_pence: Annotated[int, Meta(description="The sum of the settled transactions.")]
    transactions: list[Transaction]
    withdrawal: Withdrawal


def rewards_body(site: str, query: Mapping[str, str], runtime: Runtime) -> Rewards:
    """Balance, earnings and transactions in pence, and a temporary link to withdraw.

    The link is a new one for every call: it ends after 60 minutes. ``LinkOptions`` has what the query may hold.

    Raises:
        ProblemError: no such site (404), not onboarded yet (409), or Axle refuses or cannot answer.
    """
    options = link_options(query)
    axle_site_id = str(existing_site(site, runtime).axle_site_id)
    try:
        info = axle_client(runtime).get(f"/rewards/{axle_site_id}/info")
        history = axle_client(runtime).get(f"/rewards/{axle_site_id}/transactions")
        link = withdrawal_link(axle_site_id, runtime, options)
    except AxleError as error:
        raise problem_of(error, "rewards") from None
    transactions = [transaction(row, runtime.now().date()) for row in history["transactions"]]
    return Rewards(
        site=site,
        balance_pence=info["current_balance_pence"],
        total_earnings_pence=info["total_earnings_pence"],
        can_withdraw=info["can_withdraw"],
        minimum_withdrawal_pence=info["minimum_withdrawal_threshold_pence"],
        withdrawal_min_wait_days=info["withdrawal_min_wait_days"],
        estimated_pence=sum(one.credit_pence for one in transactions if one.status == "estimated"),
        settled_pence=sum(one.credit_pence for one in transactions if one.status == "settled"),
        transactions=transactions,
        withdrawal=link,
    )


def transaction(row: Mapping[str, Any], today: date) -> Transaction:
    """A transaction as the app sees it.

    It is ``settled`` from its settlement date (UTC) on, and a withdrawal once it is paid; before, Axle may still change
    it: ``estimated``.
    """
    kind = row.get("transaction_type")
    settled_on = row.get("settlement_date")
    settled = settled_on is not None and date.fromisoformat(settled_on[:10]) <= today
    paid = kind == "withdrawal" and settled_on is None and row.get("payment_status") in {None, "posted"}
    shown: dict[str, Any] = {name: row.get(name) for name in _SHOWN}
    return Transaction(type=kind, status="settled" if settled or paid else "estimated", **shown)


def balance_pence(axle_site_id: str, runtime: Runtime) -> int:
    """The balance in pence that is not withdrawn; 0 when Axle does not know the site. Raises ProblemError."""
    try:
        return int(axle_client(runtime).get(f"/rewards/{axle_site_id}/info")["current_balance_pence"])
    except AxleError as error:
        if isinstance(error, AxleRefusedError) and error.status == 404:
            return 0
        raise problem_of(error, "rewards") from None


class LinkOptions(Struct, frozen=True):
    """What the app may choose of the page that Axle hosts.

    Attributes:
        redirect_uri: where the driver lands after withdrawing: a deep link back to the app, or text that an app which
            shows the page itself looks for. Nothing about success or failure is added to it.
        flags: ``hide_transactions``, ``auto_redirect_to_setup`` (without a linked bank the driver goes straight to
            linking one) and ``enforce_two_factor_auth`` (before a bank is linked), as far as the app gave them.
    """

    redirect_uri: str | None = None
    flags: Mapping[str, str] = field(default_factory=dict)


def link_options(query: Mapping[str, str]) -> LinkOptions:
    """The options in a query. Raises ProblemError (400)."""
    redirect_uri = query.get("redirect_uri")
    if redirect_uri is not None and not _is_destination(redirect_uri):
        raise malformed(f"'redirect_uri' has 1 to {LONGEST_REDIRECT} printable characters and runs no script.")
    flags = {name: query[name] for name in FLAGS if name in query}
    for name, value in flags.items():
        if value not in {"true", "false"}:
            raise malformed(f"'{name}' is 'true' or 'false'.")
    return LinkOptions(redirect_uri, flags)


def _is_destination(text: str) -> bool:
    """Whether a text can be a place to go to, or a text to look for; one that a browser would run is neither."""
    scheme = text.partition(":")[0].lower()
    return (
        0 < len(text) <= LONGEST_REDIRECT and text.isprintable() and " " not in text and scheme not in RUN_BY_BROWSERS
    )


def withdrawal_link(axle_site_id: str, runtime: Runtime, options: LinkOptions | None = None) -> Withdrawal:
    """A new link to Axle's withdrawal form, which works for 60 minutes, and when it ends. Raises AxleError."""
    chosen = options or LinkOptions()
    back_to = chosen.redirect_uri or runtime.settings.text("REWARDS_REDIRECT_URL", DEFAULT_REDIRECT_URL)
    asked = {"redirect_uri": back_to, **chosen.flags}
    answer = axle_client(runtime).get(f"/rewards/{axle_site_id}/url/balance", asked)
    expires_at = datetime.fromisoformat(answer["url_expiry_timestamp"])
    return Withdrawal(url=answer["balance_withdrawal_url"], expires_at=expires_at.astimezone(UTC))
