"""The call that onboards a site at Axle: made once, left in doubt, refused or taken back."""

from collections.abc import Mapping
from typing import Any

from driveway.axle.client import AxleRefusedError, AxleUnavailableError
from driveway.axle.connection import axle_client
from driveway.domain.sites.record import SiteRecord
from driveway.domain.sites.steps import failed, given_back
from driveway.runtime.context import Runtime
from driveway.runtime.problems import ProblemError, busy
from driveway.sites.axle_problems import problem_of
from driveway.sites.changing import Edit, Twins, change_site, of_call
from driveway.sites.leaving import delete_at_axle, find_at_axle, is_same_id
from driveway.sites.put_request import PutRequest
from driveway.sites.requested import axle_body, reservations
from driveway.store.sites import AXLE_SITE
from driveway.values import replace
from driveway.vehicles.accounts import account_of, forget_accounts


def onboard_at_axle(put: PutRequest, runtime: Runtime) -> dict[str, Any]:
    """Axle's answer to the onboarding; no other site of ours may have its Axle site."""
    for _ in range(2):
        answer = _posted(put, runtime)
        if not put.names <= {item["external_id"] for item in answer["assets"]}:
            leave_in_doubt(put, "Axle's answer does not name every asset.", None, runtime, may_act=False)
            raise busy("Axle's answer does not name every asset. Repeat the call.")
        _refuse_foreign_site(put, answer, runtime)
        if _stands(put, answer, runtime):
            return answer
    leave_in_doubt(put, "The meter point's former site is being erased.", None, runtime, may_act=False)
    raise busy("The meter point's former site is being erased. Repeat the call.")


def _posted(put: PutRequest, runtime: Runtime) -> dict[str, Any]:
    try:
        return dict(axle_client(runtime).post("/entities/site/onboard", axle_body(put.body, put.mpan)))
    except AxleRefusedError as error:
        drop(put, runtime)
        raise problem_of(error, "onboard") from None
    except AxleUnavailableError as error:
        leave_in_doubt(put, "Axle cannot answer now.", error.retry_after_s, runtime, may_act=error.may_be_carried_out)
        raise problem_of(error, "onboard") from None


def leave_in_doubt(put: PutRequest, words: str, wait_s: float | None, runtime: Runtime, *, may_act: bool) -> None:
    """Leave the request on the record: a repetition finishes it, or the clock asks Axle which assets it has."""

    def rule(record: SiteRecord, _: Twins) -> Edit:
        now = runtime.now()
        return Edit(given_back(failed(record, words, now=now, wait_s=wait_s, may_act=may_act, to="enrolled"), now))

    change_site(put.site, of_call(put.call, rule), runtime)


def drop(put: PutRequest, runtime: Runtime) -> None:
    """Drop the request: the site is as before. Assets that an earlier ``PUT`` left in doubt stay in doubt."""
    before = put.was.changes if put.was is not None else ()

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        mine = [change for change in record.changes if change not in before]
        after = given_back(replace(record, changes=before), runtime.now())
        kept = [claim for change in before for claim in reservations(put.site, change, twins.get(change.asset))]
        given_up = [claim for change in mine for claim in reservations(put.site, change, twins.get(change.asset))]
        new = put.was is None and record.wanted != "erased"
        return Edit(None if new else after, taken=() if new else kept, given_up=given_up)

    change_site(put.site, of_call(put.call, rule), runtime)
    accounts = {account for request in put.requests if (account := account_of(request.vehicle)) is not None}
    forget_accounts(accounts, put.site, runtime)


def _refuse_foreign_site(put: PutRequest, axle: Mapping[str, Any], runtime: Runtime) -> None:
    """Refuse a meter point that another site of ours has, and delete the assets that Axle made in the call."""
    owner = runtime.records.owner_of(AXLE_SITE, axle["site"]["site_id"])
    if owner is None or owner == put.site:
        return
    take_back(put, axle, runtime)
    raise owned_elsewhere(f"The meter point belongs to the site {owner!r}.", owner)


def _stands(put: PutRequest, axle: Mapping[str, Any], runtime: Runtime) -> bool:
    """Whether Axle still has the site: if it existed before, it may have been another of ours, erased since."""
    known = put.was.axle_site_id if put.was is not None else None
    answered = axle["site"]["site_id"]
    if axle["site"].get("site_created", True) or is_same_id(known, answered):
        return True
    found = find_at_axle(put.requests[0].body.asset, runtime)
    return found is not None and is_same_id(found.get("site_id", answered), answered)


def take_back(put: PutRequest, axle: Mapping[str, Any], runtime: Runtime) -> None:
    """Delete the assets that Axle made in the call, and drop the request. Raises AxleError."""
    for item in axle["assets"]:
        if item.get("asset_created"):
            delete_at_axle(item["asset_id"], runtime)
    drop(put, runtime)


def owned_elsewhere(detail: str, owner: str) -> ProblemError:
    """The problem for an identifier that another asset or site of ours has (409)."""
    return ProblemError(409, "owned-elsewhere", "It belongs to another", detail, extra={"owner": owner})
