"""What a provider or the app reports of a car: one decision, one write of its twin, then its half-hours."""

from collections import Counter
from collections.abc import Sequence

from driveway.domain.presence.observation import Observation
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.reports.apply_observations import apply_observations
from driveway.domain.twin import Twin
from driveway.observations.car_reports import cars_of, take_cars
from driveway.observations.metering_intake import change_by_report
from driveway.runtime.context import Runtime
from driveway.store.table import Change
from driveway.vehicles.provider import Inbound
from driveway.vehicles.registry import capabilities

MOST_STORED_AT_ONCE = 10
"""A request with more events that are used is queued: Enode gives five seconds to answer."""


def take_inbound(provider: str, inbound: Inbound, runtime: Runtime) -> Counter[str]:
    """Store or queue the events of a webhook; how many were stored, queued, repeated, unknown, of a test, dropped."""
    for event in inbound.events:
        if event.discovered_at is not None and event.user_id is not None:
            from driveway.outbox.connected import note_discovered

            note_discovered(provider, event.user_id, event.vehicle_id, event.discovered_at, runtime)
    cars, counts = cars_of(provider, inbound.events, runtime)
    events = {one.place for reports in cars.values() for one in reports}
    if len(events) > MOST_STORED_AT_ONCE:
        from driveway.observations.report_queue import queue_reports

        queue_reports(provider, cars, runtime)
        counts["queued"] = len(events)
    else:
        taken = take_cars(provider, cars, runtime)
        for error in taken.failed.values():
            raise error
        counts.update(taken.counts)
    counts["dropped"] += len(inbound.dropped)
    return counts


def take_observations(asset: str, observations: Sequence[Observation], runtime: Runtime) -> Change:
    """Store observations of an asset. Raises UnknownAssetError."""
    return change_by_report(asset, lambda twin: seen(twin, observations, runtime), lambda: observations, runtime)[0]


def seen(twin: Twin, observations: Sequence[Observation], runtime: Runtime) -> Twin:
    """The twin with these observations in its presence."""
    return apply_observations(twin, observations, now=runtime.now(), rules=presence_rules(observations, runtime))


def presence_rules(observations: Sequence[Observation], runtime: Runtime) -> PresenceRules:
    """How sceptical to be of the source of these observations, which all have the same."""
    source = observations[0].source if observations else ""
    return runtime.presence_rules(reports_leaving_home=capabilities(source).reports_leaving_home)
