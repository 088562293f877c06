"""What a provider or the app reports of a car: one decision, one write of its twin, then its half-hours.

A repeated event of a webhook is recognised by its dedupe key and changes nothing.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from driveway.domain.presence.observation import Observation
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.reports.apply_observations import apply_observations
from driveway.domain.twin import Twin
from driveway.domain.vehicle_report import apply_report
from driveway.observations.metering_intake import meter_twin
from driveway.runtime.context import Runtime
from driveway.store.table import Change, UnknownAssetError
from driveway.vehicles.provider import Inbound, VehicleEvent
from driveway.vehicles.registry import capabilities

SEEN_FOR = timedelta(days=7)
AT_ONCE = 8


def take_inbound(provider: str, inbound: Inbound, runtime: Runtime) -> Counter[str]:
    """Store the events of a webhook; how many were stored, repeated, unknown, of a test, dropped.

    An event is remembered only once it is stored, so a failure in between is made good by the provider's repetition.
    Events of one account are taken in order, accounts side by side: a hundred cars in one webhook are answered in time.
    """
    from concurrent.futures import ThreadPoolExecutor

    accounts: dict[str, list[VehicleEvent]] = {}
    for event in inbound.events:
        accounts.setdefault(event.user_id or event.vehicle_id or "", []).append(event)
    counts: Counter[str] = Counter(dropped=len(inbound.dropped))
    # A client may be used by many threads, but boto3 makes one safely only where nobody else does.
    _ = runtime.dynamodb
    with ThreadPoolExecutor(AT_ONCE) as pool:
        taken = pool.map(lambda events: [_take_event(provider, event, runtime) for event in events], accounts.values())
        for kinds in taken:
            counts.update(kinds)
    return counts


def _take_event(provider: str, event: VehicleEvent, runtime: Runtime) -> str:
    if event.test:
        return "test"
    if event.says_nothing:
        return "dropped"
    assets = _assets(provider, event, runtime)
    if not assets:
        return "unknown"
    if runtime.records.remembered(provider, event.dedupe_key) is not None:
        return "repeated"
    for asset in assets:
        try:
            take_event(asset, event, runtime)
        except UnknownAssetError:
            runtime.logger.info("the asset is gone")
    runtime.records.remember(provider, event.dedupe_key, now=runtime.now(), kept=SEEN_FOR)
    return "stored"


def _assets(provider: str, event: VehicleEvent, runtime: Runtime) -> list[str]:
    if event.vehicle_id:
        asset = runtime.records.asset_for(provider, event.vehicle_id)
        return [asset] if asset else []
    return runtime.records.assets_of_user(provider, event.user_id) if event.user_id else []


def take_event(asset: str, event: VehicleEvent, runtime: Runtime) -> Change:
    """Store one event of an asset's car. Raises UnknownAssetError."""
    now, report = runtime.now(), event.report
    rules, spread = presence_rules(report.observations, runtime), runtime.random.random()

    def rule(twin: Twin) -> Twin:
        return apply_report(
            twin, report, now=now, presence_rules=rules, control_rules=runtime.control_rules, spread=spread
        )

    change = runtime.table.change_twin(asset, rule, now=now)
    meter_twin(change.after, report.observations, runtime)
    return change


def take_observations(asset: str, observations: Sequence[Observation], runtime: Runtime) -> Change:
    """Store observations of an asset. Raises UnknownAssetError."""
    now = runtime.now()
    change = runtime.table.change_twin(asset, lambda twin: seen(twin, observations, runtime), now=now)
    meter_twin(change.after, observations, runtime)
    return change


def seen(twin: Twin, observations: Sequence[Observation], runtime: Runtime) -> Twin:
    """The twin with these observations in its presence."""
    return apply_observations(twin, observations, now=runtime.now(), rules=presence_rules(observations, runtime))


def presence_rules(observations: Sequence[Observation], runtime: Runtime) -> PresenceRules:
    """How sceptical to be of the source of these observations, which all have the same."""
    source = observations[0].source if observations else ""
    return runtime.presence_rules(reports_leaving_home=capabilities(source).reports_leaving_home)
