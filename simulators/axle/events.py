"""The events of an asset that Axle receives, and the schedules that follow from them."""

from datetime import datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import HTTPException

from driveway.runtime.clock import Clock
from simulators.axle.delivery import Deliveries
from simulators.axle.models import Body, EventBody, Intent, Tariff, as_json
from simulators.axle.off_peak import InvalidTariffError, parse_off_peak_times, zone
from simulators.axle.planner import PlanIntent, PlanTariff, charging_profile, charging_seconds, home_zone_name, plan
from simulators.axle.world import Asset, World

_NEEDED = {"intent_update": "intent", "charge_now": "end_at"}


class Events:
    """Takes events in and issues a schedule for a plugged-in, enrolled asset whose tariff and intent are known.

    Every plug-in, tariff, intent, charge-now and charge-now-deleted leads to a new schedule, also one that repeats
    what was known.
    """

    def __init__(self, clock: Clock, world: World, deliveries: Deliveries) -> None:
        self._clock = clock
        self._world = world
        self._deliveries = deliveries

    def take(self, asset_id: UUID, name: str, event: EventBody, body: Body) -> dict[str, Any]:
        """Take an event in; ``name`` and ``body``, what was sent, are for the history.

        Raises:
            HTTPException: 404 unknown asset, or one whose site is not enrolled (unless the configuration accepts
                those); 400 invalid tariff or missing data.
        """
        now = self._clock.now()
        with self._world.lock:
            asset = self._world.asset(asset_id)
            enrolled = self._world.is_scheduled(asset)
            if not enrolled and self._world.config.events_of_unenrolled == "refuse":
                raise HTTPException(404, f"Asset {asset_id} not found or not enrolled")
            if event.tariff is not None:
                _check_tariff(event.tariff)
            needed = _NEEDED.get(event.event_type)
            if needed is not None and getattr(event, needed) is None and event.tariff is None:
                raise HTTPException(400, f"{event.event_type}: {needed} is required")
            _apply(asset, event, now)
            asset.history.append({"at": now.isoformat(), "event": name, "body": as_json(body)})
            if self.why_no_schedule(asset) is None:
                self.issue(asset)
        return {"timestamp": now.isoformat(), "status": "ACCEPTED"}

    def why_no_schedule(self, asset: Asset) -> str | None:
        """Why Axle does not schedule the asset, as a text; None if it does."""
        if not self._world.is_scheduled(asset):
            return "the site is not enrolled"
        if not asset.plugged_in:
            return "the car is not plugged in"
        missing = [name for name in ("tariff", "intent") if getattr(asset, name) is None]
        return f"not known: {', '.join(missing)}" if missing else None

    def issue(self, asset: Asset, **how: Any) -> int:
        """Plan from now on and send the schedule; ``how`` goes to ``Deliveries.issue``. Hold the world's lock."""
        if asset.tariff is None or asset.intent is None:
            raise HTTPException(409, "tariff and intent are not known")
        now = self._clock.now().replace(microsecond=0)
        asset.planned_kwh += charging_seconds(asset.schedule, now) / 3600 * asset.charging_rate_kw
        tariff = PlanTariff(asset.tariff.off_peak_times, asset.tariff.timezone)
        intent = PlanIntent(
            energy_required_kwh=max(0.0, asset.intent.energy_required_kwh - asset.planned_kwh),
            ready_by=_ready_by(asset.intent, tariff.timezone),
            may_charge_peak=asset.intent.may_charge_peak,
            charging_mode=asset.intent.charging_mode,
        )
        asset.schedule = plan(tariff, intent, asset.charging_rate_kw, asset.charge_now_until, now)
        asset.schedules_issued += 1
        profile = charging_profile(asset.schedule, self._world.config.schedule_form)
        return self._deliveries.issue(str(asset.id), profile, **how)


def _check_tariff(tariff: Tariff) -> None:
    try:
        parse_off_peak_times(tariff.off_peak_times)
        zone(tariff.timezone)
    except InvalidTariffError as error:
        raise HTTPException(400, f"Invalid tariff: {error}") from error


def _ready_by(intent: Intent, tariff_zone: str) -> time:
    wall = intent.ready_by_local_time
    if wall is None:
        wall = intent.ready_by.astimezone(ZoneInfo(home_zone_name(tariff_zone))).time()
    return wall.replace(tzinfo=None, microsecond=0)


def _apply(asset: Asset, event: EventBody, now: datetime) -> None:
    if event.event_type == "plug_in":
        asset.plugged_in, asset.plugged_in_at = True, now
        _forget_plan(asset)
    elif event.event_type == "plug_out":
        asset.plugged_in, asset.plugged_in_at, asset.charge_now_until = False, None, None
        _forget_plan(asset)
    elif event.event_type == "charge_now":
        asset.charge_now_until = event.end_at
    elif event.event_type == "charge_now_deleted":
        asset.charge_now_until = None
    if event.event_type in {"plug_in", "plug_out"}:
        asset.unreported.discard("plug state")
    if event.tariff is not None:
        asset.tariff = event.tariff
        asset.unreported.discard("tariff")
    if event.vehicle is not None:
        asset.vehicle_kw = event.vehicle.charging_rate_kw
    if event.intent is not None:
        asset.intent, asset.intent_at = event.intent, now
        asset.unreported.discard("intent")
        _forget_plan(asset)


def _forget_plan(asset: Asset) -> None:
    asset.schedule = []
    asset.planned_kwh = 0.0
