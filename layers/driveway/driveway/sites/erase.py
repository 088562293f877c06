"""``DELETE /sites/{site}``: release the car, send the last readings, offboard at Axle, and erase everything.

The request is written once. From then on other requests for the site are refused, and its erasure goes on until the
record is gone, even if the function that works on it dies.
"""

from msgspec import to_builtins

from driveway.axle.client import AxleError
from driveway.domain.sites.record import SiteRecord
from driveway.domain.sites.steps import to_come
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer
from driveway.runtime.problems import ProblemError
from driveway.sites import reconcile
from driveway.sites.axle_problems import problem_of
from driveway.sites.changing import Edit, LostCallError, SiteGoneError, Twins, change_site, new_call, taken_on
from driveway.sites.leaving import leaving
from driveway.sites.membership import wait_until_free
from driveway.sites.rewards import balance_pence, withdrawal_link
from driveway.sites.site_answers import Erasing
from driveway.values import replace

ERASED = Answer(204)


def delete_site(site: str, runtime: Runtime, *, forfeit_balance: bool) -> Answer:
    """Erase a site: 204 once that is done, 202 while it goes on by itself, 204 for an unknown site.

    Raises:
        ProblemError: a reward balance is outstanding (409), or Axle does not say whether one is (503).
    """
    record = runtime.sites.get(site)
    if record is None:
        runtime.connections.forget(site)
        return ERASED
    if record.wanted != "erased" and record.axle_site_id is not None and not forfeit_balance:
        _refuse_while_owed(record.axle_site_id, runtime)
    now, call = runtime.now(), new_call(runtime)

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        wanted = record if record.wanted == "erased" else replace(record, wanted="erased", wanted_at=now)
        return Edit(taken_on(wanted, call, now), [(twin, leaving(twin, now)) for twin in twins.values()])

    try:
        left = change_site(site, rule, runtime)
        if left is not None and left.call is not None and left.call.id == call.id:
            left = reconcile.work(site, call, runtime, wait_s=reconcile.WAIT_S)
        else:
            left = wait_until_free(site, runtime)
    except (SiteGoneError, LostCallError):
        left = runtime.sites.get(site)
    except AxleError as error:
        raise problem_of(error, "offboard") from None
    if left is None:
        return ERASED
    return Answer(202, Erasing(site=site, state=left.state, to_come=to_come(left)))


def _refuse_while_owed(axle_site_id: str, runtime: Runtime) -> None:
    amount = balance_pence(axle_site_id, runtime)
    if amount <= 0:
        return
    try:
        link = withdrawal_link(axle_site_id, runtime)
    except AxleError as error:
        raise problem_of(error, "withdrawal-link") from None
    raise ProblemError(
        409,
        "balance-outstanding",
        "There are rewards to withdraw",
        f"£{amount / 100:.2f} have not been withdrawn and are lost with the site. Withdraw them first, or repeat the"
        " call with ?forfeit_balance=true.",
        extra={"amount_pence": amount, "withdrawal": to_builtins(link)},
    )
