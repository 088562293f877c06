"""The reports about cars in one request: whose they are, and one decision and one write for each car.

Observations are ordered by the provider's own times, so a repetition changes nothing. Any other event (of an account,
of a command) has no such order: it is remembered, and its repetition is recognised by its dedupe key.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from msgspec import Struct, field

from driveway.domain.presence.observation import Observation
from driveway.domain.twin import Twin
from driveway.domain.vehicle_report import VehicleReport, apply_reports
from driveway.observations.metering_intake import change_by_report
from driveway.runtime.context import Runtime
from driveway.store.table import UnknownAssetError
from driveway.vehicles.provider import VehicleEvent
from driveway.vehicles.registry import capabilities

SEEN_FOR = timedelta(days=7)
AT_ONCE = 8


class CarReport(Struct, frozen=True):
    """A report about one car. ``key`` is the same for every delivery of it; ``place`` is its event's in the request.

    ``repeated``: whether it was stored before; None if the table was not asked yet.
    """

    key: str
    report: VehicleReport
    place: int = 0
    repeated: bool | None = None


Cars = Mapping[str, Sequence[CarReport]]
"""Reports by asset, those of an asset in the order in which they came."""


class Taken(Struct, frozen=True):
    """How many events were stored and repeated, and the assets that failed, with the reason."""

    counts: Counter[str]
    failed: dict[str, Exception] = field(default_factory=dict)


def cars_of(provider: str, events: Sequence[VehicleEvent], runtime: Runtime) -> tuple[Cars, Counter[str]]:
    """The reports in the events of a request, by asset; and how many events are not used, by the reason.

    An event about an account becomes one report for each of its cars, and each is remembered by itself.
    """
    counts: Counter[str] = Counter()
    cars: dict[str, list[CarReport]] = {}
    named, repeated = _looked_up(provider, [event for event in events if _is_used(event) and event.vehicle_id], runtime)
    for place, event in enumerate(events):
        if not _is_used(event):
            counts["test" if event.test else "dropped"] += 1
            continue
        if event.vehicle_id:
            keys = {named[event.vehicle_id]: event.dedupe_key} if event.vehicle_id in named else {}
        else:
            assets = runtime.records.assets_of_user(provider, event.user_id) if event.user_id else []
            keys = {asset: f"{event.dedupe_key}#{asset}" for asset in assets}
        if not keys:
            counts["unknown"] += 1
        for asset, key in keys.items():
            cars.setdefault(asset, []).append(CarReport(key, event.report, place, repeated.get(key)))
    return cars, counts


def _looked_up(
    provider: str, events: Sequence[VehicleEvent], runtime: Runtime
) -> tuple[Mapping[str, str], Mapping[str, bool]]:
    """The assets of vehicles in events; and of events that are remembered, by key, whether they were stored."""
    keys = {event.dedupe_key for event in events if not event.report.only_observes}
    named, seen = runtime.inbox.look_up(provider, {event.vehicle_id for event in events}, keys)
    return named, {key: key in seen for key in keys}


def _is_used(event: VehicleEvent) -> bool:
    return not event.test and not event.says_nothing


def take_cars(provider: str, cars: Cars, runtime: Runtime) -> Taken:
    """Store reports, those of one car in their order, cars side by side. A car that fails does not stop the others.

    A report is remembered only once it is stored, so a failure in between is made good by its repetition.
    """
    from concurrent.futures import ThreadPoolExecutor

    every_one = [one for reports in cars.values() for one in reports]
    seen = _stored_before(provider, every_one, runtime)
    new = {asset: _first_of_each(reports, seen) for asset, reports in cars.items()}
    # A client may be used by many threads, but boto3 makes one safely only where nobody else does.
    _ = runtime.dynamodb
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda asset: _attempt(asset, new[asset], provider, runtime), new))
    taken = dict(zip(new, results, strict=True))
    failed = {asset: result for asset, result in taken.items() if isinstance(result, Exception)}
    stored = {one.place for asset, reports in new.items() if taken[asset] is True for one in reports}
    unfinished = {one.place for asset in failed for one in cars[asset]}
    every = {one.place for one in every_one}
    counts = Counter(stored=len(stored - unfinished), repeated=len(every - stored - unfinished))
    return Taken(+counts, failed)


def _stored_before(provider: str, reports: Sequence[CarReport], runtime: Runtime) -> frozenset[str]:
    """The keys of those reports that were stored before."""
    unknown = {one.key for one in reports if one.repeated is None and not one.report.only_observes}
    return runtime.inbox.look_up(provider, (), unknown)[1] | {one.key for one in reports if one.repeated}


def _first_of_each(reports: Iterable[CarReport], seen: frozenset[str]) -> tuple[CarReport, ...]:
    """The reports that were not stored before, each once."""
    firsts: dict[str, CarReport] = {}
    for one in reports:
        if one.key not in seen:
            firsts.setdefault(one.key, one)
    return tuple(firsts.values())


def _attempt(asset: str, reports: Sequence[CarReport], provider: str, runtime: Runtime) -> Exception | bool:
    """Store the reports of a car, and remember what has no order; whether it is news, or the error."""
    if not reports:
        return False
    changed = True
    try:
        changed = take_reports(asset, [one.report for one in reports], provider, runtime)
    except UnknownAssetError:
        runtime.logger.info("the asset is gone")
    except Exception as error:
        return error
    remembered = [one.key for one in reports if not one.report.only_observes]
    try:
        if remembered:
            runtime.inbox.remember(provider, remembered, now=runtime.now(), kept=SEEN_FOR)
    except Exception as error:
        return error
    return changed or bool(remembered)


def take_reports(asset: str, reports: Sequence[VehicleReport], provider: str, runtime: Runtime) -> bool:
    """Store reports of a provider about an asset's car, as a rule in one write; whether they changed anything.

    Raises:
        UnknownAssetError: there is no such asset (any more).
    """
    left, changed = tuple(reports), False
    while left:
        number, some = _take_some(asset, left, provider, runtime)
        left, changed = left[number:], changed or some
    return changed


def _take_some(asset: str, reports: Sequence[VehicleReport], provider: str, runtime: Runtime) -> tuple[int, bool]:
    """Store as many of the reports as may be in one write; how many they were, and whether they changed anything."""
    now, spread, number = runtime.now(), runtime.random.random(), 0
    rules = runtime.presence_rules(reports_leaving_home=capabilities(provider).reports_leaving_home)

    def rule(twin: Twin) -> Twin:
        nonlocal number
        after, number = apply_reports(
            twin, reports, now=now, presence_rules=rules, control_rules=runtime.control_rules, spread=spread
        )
        return after

    def observed() -> list[Observation]:
        return [seen for report in reports[:number] for seen in report.observations]

    change, metered = change_by_report(asset, rule, observed, runtime)
    return number, metered or change.written
