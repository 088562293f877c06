"""Assets in a list: those that need attention, the longest first, and those that support looks for by a name."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from driveway.domain.attention import ADVICE, attention
from driveway.domain.twin.reasons import Reason
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Request
from driveway.runtime.problems import malformed
from driveway.status.staff_answers import Attention, ListedAsset, ListedAssets
from driveway.store.items import fits_key
from driveway.store.lists import ATTENTION, STAMP
from driveway.store.sites import AXLE_SITE
from driveway.store.table import UnknownAssetError
from driveway.vehicles.registry import PROVIDERS

ON_A_PAGE = 50
LONGEST_CURSOR = 200
REASONS = {reason.value: reason for reason in ADVICE}


def assets_body(request: Request, runtime: Runtime) -> ListedAssets:
    """The answer to ``GET /assets?attention=&after=`` or ``GET /assets?find=``. Raises ProblemError (400)."""
    query = request.query
    if ("attention" in query) == ("find" in query):
        raise malformed("Give either 'attention', which is 'any' or a reason, or 'find' with an id.")
    if "find" in query:
        found = list(_found(query["find"].strip(), runtime))
        return ListedAssets(asked_at=runtime.now(), assets=found, next=None)
    return _needing_attention(query["attention"], cursor_of(request), runtime)


def cursor_of(request: Request) -> str | None:
    """The place that a list goes on after. Raises ProblemError (400)."""
    after = request.query.get("after")
    if after is not None and not (0 < len(after) <= LONGEST_CURSOR and after.isprintable()):
        raise malformed("'after' must be the 'next' of an earlier answer.")
    return after


def _needing_attention(wanted: str, after: str | None, runtime: Runtime) -> ListedAssets:
    if wanted != "any" and wanted not in REASONS:
        raise malformed(f"'attention' must be 'any' or one of {', '.join(REASONS)}.")
    shown = {} if wanted == "any" else {"reason": wanted}
    page = ON_A_PAGE + 1 if not shown else 1000
    rows = list(islice(runtime.lists.rows(ATTENTION, after=after, page=page, **shown), ON_A_PAGE + 1))
    assets = [
        ListedAsset(
            asset=row.asset,
            site=row.shown["site"],
            type=row.shown["type"],
            attention=_attention(REASONS[row.shown["reason"]], datetime.fromisoformat(row.place[:STAMP])),
        )
        for row in rows[:ON_A_PAGE]
    ]
    following = rows[ON_A_PAGE - 1].place if len(rows) > ON_A_PAGE else None
    return ListedAssets(asked_at=runtime.now(), assets=assets, next=following)


def _attention(reason: Reason, since: datetime | None) -> Attention:
    return Attention(reason=reason.value, text=ADVICE[reason], since=since)


def _found(name: str, runtime: Runtime) -> Iterator[ListedAsset]:
    """The assets that an id names: an asset's or a site's own id, a vehicle's at its maker, or one of Axle's."""
    if not fits_key(name):
        return
    owners = (runtime.records.asset_for(kind, name) for kind in ("axle", *PROVIDERS))
    named = [name, *(asset for asset in owners if asset is not None)]
    for site in (name, runtime.records.asset_for(AXLE_SITE, name)):
        record = runtime.sites.get(site) if site is not None else None
        named += record.known_assets if record is not None else ()
    for asset in dict.fromkeys(named):
        try:
            twin = runtime.table.twin(asset)
        except UnknownAssetError:
            continue
        reason, link = attention(twin), twin.link
        needs = None if reason is None else _attention(reason, None)
        yield ListedAsset(asset=asset, site=link.site, type=link.type, attention=needs)
