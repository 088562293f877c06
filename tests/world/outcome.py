"""The end of a situation in a form that can be compared: what is so, without ids, versions, times and attempts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from driveway.domain.charging_profiles import ChargingProfile
from driveway.domain.twin import Twin
from driveway.domain.twin.events import FOR_THE_APP
from driveway.store.items import decode_item
from simulators.axle.models import as_json
from tests.world.stages import Stage
from tests.world.state import State
from tests.world.world import World

MAY_COME_WITH_A_FAULT = frozenset({"ReadyByAtRisk", "ChargingStarted", "ChargingStopped"})
"""A command that was late lets a car charge, or wait, for some minutes, of which the app is informed."""


@dataclass(frozen=True)
class News:
    """What the app was informed of, by asset and event: how often."""

    counts: Counter[tuple[str, str]]

    def unfounded(self, plain: "News") -> list[str]:
        """The events that are not among those without a fault."""
        return [
            f"{event} of {asset}"
            for (asset, event) in self.counts
            if event not in MAY_COME_WITH_A_FAULT and (asset, event) not in plain.counts
        ]


def news_of(world: World) -> News:
    """The timeline's entries that the app gets as events."""
    rows = [decode_item(item) for item in world.cloud.items() if item["sk"]["S"].startswith("LOG#")]
    return News(Counter((row["pk"], row["event"]) for row in rows if row["event"] in FOR_THE_APP))


def undelivered(world: World) -> list[str]:
    """The events that are kept for the app and never reached it, or that reached it and are not kept."""
    kept = {row["events_place"].partition("~")[2]: row["event"] for row in _rows(world) if "events_place" in row}
    taken = world.events.counts()
    missing = [f"the app never got {event}" for one, event in kept.items() if one not in taken]
    return missing + [f"the app got {one}, which is not kept" for one in taken if one not in kept]


def _rows(world: World) -> list[dict[str, Any]]:
    return [decode_item(item) for item in world.cloud.items()]


def end_of(stage: Stage) -> Mapping[str, Any]:
    """Everything that is so at the end."""
    state, found = State(stage.world), dict[str, Any]()
    for home in stage.homes.values():
        record = state.record(home.site)
        found[f"site {home.site}"] = record and (
            record.state, record.wanted, record.enrolment, tuple(sorted(record.assets)), str(record.snoozed_until),
            record.call is None and not record.changes and not record.removals,
        )  # fmt: skip
        site = state.axle_site(record.axle_site_id) if record else None
        found[f"{home.site} at Axle"] = site and (sorted(site.propositions), len(site.asset_ids))
        car, now = state.car(home.vehicle_id), state.now
        limit_kw = car.plan.limit_kw(car, now) if car.plan is not None else None
        found[f"vehicle {home.vehicle_id}"] = (car.plugged, car.charging, car.mode == "stop", limit_kw)
        at_axle = state.axle_asset(home.asset)
        found[f"{home.asset} at Axle"] = at_axle and {
            "plugged in": at_axle.plugged_in,
            "tariff": at_axle.tariff and as_json(at_axle.tariff),
            "intent": at_axle.intent and as_json(at_axle.intent),
            "charge-now": at_axle.charge_now_until is not None,
            "power": at_axle.power_kw,
        }
    for asset, twin in state.twins.items():
        found[f"twin {asset}"] = _twin(twin)
    found["aliases"] = sorted(item["pk"]["S"].split("#")[1] for item in state.rows("ALIAS"))
    found["rows"] = sorted(
        {item["pk"]["S"] for item in state.wire if item["sk"]["S"].startswith(("SLOT", "LOG", "SITE"))}
    )
    found["connections"] = sorted(
        item["pk"]["S"] + item["sk"]["S"]
        for item in state.wire
        if item["sk"]["S"].startswith("CONNECT") or "-connect#" in item["pk"]["S"]
    )
    found["dead letters"] = sorted(stage.world.cloud.dead_letters())
    return found


def _plan(profile: ChargingProfile) -> tuple[Any, ...]:
    """A profile as its limits and when they change. Axle's plans begin when it makes them, so the start is left out."""
    start = profile.start_schedule
    changes = [one.start_s if start is None else str(start + timedelta(seconds=one.start_s)) for one in profile.periods]
    limits = tuple(one.limit for one in profile.periods)
    return profile.purpose, profile.stack_level, limits, tuple(changes[1:])


def _twin(twin: Twin) -> Mapping[str, Any]:
    link, presence, axle = twin.link, twin.presence, twin.axle
    vehicle = link.vehicle
    return {
        "link": (link.enrolled, link.leaving, link.swapping, str(link.snoozed_until), vehicle and vehicle.vehicle_id),
        "tariff": str(twin.tariff),
        "intent": str(twin.intent),
        "session": presence.session is not None,
        "plugged": presence.plugged_in and presence.plugged_in.value,
        "home": presence.at_home and presence.at_home.value,
        "charging": presence.charging and presence.charging.value,
        "charge-now": twin.charge_now is not None,
        "profiles": sorted(_plan(one.profile) for one in twin.profiles),
        "plug at Axle": axle.plug is not None and axle.plug.session_id is not None,
        "refused": sorted((one.call, one.status) for one in axle.refusals),
        "test charge": twin.charge_test and twin.charge_test.outcome,
        "open command": twin.control.command is not None and twin.control.command.state in {"planned", "sent"},
    }
