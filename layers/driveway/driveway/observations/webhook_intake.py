"""What a provider or the app observed, taken into twins and half-hours."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from driveway.domain.control.command_answers import answered
from driveway.domain.presence.home import resolve_home
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe_all
from driveway.domain.reports.account_connection import clear_needs_user_after_observation
from driveway.domain.reports.apply_observations import apply_presence_step, disconnected
from driveway.domain.twin import Twin
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
    now = runtime.now()

    def rule(twin: Twin) -> Twin:
        after = seen(twin, event.observations, runtime)
        if event.needs_user or event.deleted:
            after = disconnected(after, event.needs_user or "the car was removed at its maker.", now)
        elif event.observations:
            after = clear_needs_user_after_observation(after, now)
        return _with_command_outcome(after, event, runtime)

    change = runtime.table.change_twin(asset, rule, now=now)
    meter_twin(change.after, event.observations, runtime)
    return change


def take_observations(asset: str, observations: Sequence[Observation], runtime: Runtime) -> Change:
    """Store observations of an asset. Raises UnknownAssetError."""
    now = runtime.now()
    change = runtime.table.change_twin(asset, lambda twin: seen(twin, observations, runtime), now=now)
    meter_twin(change.after, observations, runtime)
    return change


def seen(twin: Twin, observations: Sequence[Observation], runtime: Runtime) -> Twin:
    """The twin once observations are taken into its presence; positions end here."""
    home_location_id = twin.link.vehicle.home_location_id if twin.link.vehicle else None
    resolved = [
        resolve_home(observation, home=twin.link.home, home_location_id=home_location_id, power_kw=twin.link.power_kw)
        for observation in observations
    ]
    if not resolved:
        return twin
    step = observe_all(
        twin.presence,
        resolved,
        now=runtime.now(),
        rules=runtime.presence_rules(reports_leaving_home=capabilities(resolved[0].source).reports_leaving_home),
        own_stop_at=twin.control.last_stop_at,
    )
    return apply_presence_step(twin, step, resolved, runtime.now())


def _with_command_outcome(twin: Twin, event: VehicleEvent, runtime: Runtime) -> Twin:
    command, outcome = twin.control.command, event.command_outcome
    if outcome is None or event.command_ref is None or command is None or command.provider_ref != event.command_ref:
        return twin
    return answered(
        twin,
        command.id,
        outcome=outcome.kind,
        detail=outcome.detail,
        now=runtime.now(),
        rules=runtime.control_rules,
        spread=runtime.random.random(),
        retry_after_s=outcome.retry_after_s,
        provider_ref=command.provider_ref,
    )
