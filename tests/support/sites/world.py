"""A whole life of sites in memory: our functions, Axle, the cars' makers and the clock, with faults at any call."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
import requests

from driveway.domain.control.outcome import Outcome
from driveway.domain.enrolment import may_be_reported
from driveway.domain.metering.ledger import is_unreported
from driveway.domain.presence.observation import Observation
from driveway.domain.sites.record import SiteRecord
from driveway.domain.twin import Link, OutcomeKind, Vehicle
from driveway.observations.webhook_intake import take_observations
from driveway.runtime.context import Runtime, use
from driveway.store.items import decode_item, unstamp
from driveway.store.sites import AXLE_SITE, claims_of
from driveway.store.table import UnknownAssetError
from driveway.values import replace
from simulators.axle.app import DEFAULT_PASSWORD, DEFAULT_USERNAME, AxleSimulator
from tests.support.aws.memory_table import MemoryTable
from tests.support.faults import Call, Death, FaultKind, Outside
from tests.support.functions.rig import NOW, Bus, Reply, RigClock, function
from tests.support.functions.sites import ADDRESS, EMAIL, MPAN, POSTCODE
from tests.support.sites.in_process import InProcess
from tests.support.sites.makers import CARS, CARS_URL, CLIENT, SETTINGS, makers

PROVIDERS = ("enode", "smartcar", "tesla", "ocpp")
AXLE_URL = "http://axle.test"
SECRETS: Mapping[str, Any] = {
    "AXLE_SECRET": {"username": DEFAULT_USERNAME, "password": DEFAULT_PASSWORD},
    "PROVIDERS_SECRET": {"enode": CLIENT, "smartcar": CLIENT, "tesla": {}, "ocpp": {}},
}
LONGEST = timedelta(hours=2)
"""Within this time everything has to agree after any fault."""
MOST_ROUNDS = 400
PERSONAL = (MPAN, POSTCODE, ADDRESS, EMAIL)
SMART_CHARGING = "full_asset_schedule_control"


class Queues:
    """Queues that keep what is due at once; other messages are found again by what is due."""

    def __init__(self) -> None:
        self.looks: list[tuple[str, str]] = []

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        reconciler = {"axle-sync": "axle", "charge-control": "control"}.get(request["QueueUrl"])
        for entry in request["Entries"]:
            body = json.loads(entry["MessageBody"])
            if reconciler and not entry.get("DelaySeconds") and "asset" in body:
                self.looks.append((reconciler, body["asset"]))
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]]}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": "0"}}


class Secrets:
    """Secrets that never change."""

    def read(self, name: str) -> Any:
        return SECRETS[name]


class Maker:
    """Every car maker at once: takes every command at once, and knows which of its vehicles it has to hold."""

    def __init__(self, clock: RigClock) -> None:
        self.clock = clock
        self.held: set[str] = set()
        self.kept: set[str] = set()

    def start(self, _: Any, vehicle: Vehicle, **__: Any) -> Outcome:
        self.held.discard(vehicle.vehicle_id)
        return self._taken(charging=True)

    def stop(self, _: Any, vehicle: Vehicle) -> Outcome:
        self.held.add(vehicle.vehicle_id)
        return self._taken(charging=False)

    def read_state(self, _: Any, vehicle: Vehicle) -> Outcome:
        return self._taken(charging=vehicle.vehicle_id not in self.held)

    def wake(self, *_: Any) -> Outcome:
        return self._taken()

    def install_default(self, _: Any, vehicle: Vehicle, *__: Any, **___: Any) -> Outcome:
        self.kept.add(vehicle.vehicle_id)
        return self._taken()

    def remove_default(self, _: Any, vehicle: Vehicle) -> Outcome:
        self.kept.discard(vehicle.vehicle_id)
        return self._taken()

    def _taken(self, charging: bool | None = None) -> Outcome:
        seen = Observation(at=self.clock.now(), source="app", charging=charging)
        return Outcome(OutcomeKind.ACCEPTED, observations=() if charging is None else (seen,))


@cache
def _axle() -> tuple[RigClock, AxleSimulator, InProcess]:
    clock = RigClock(NOW)
    simulator = AxleSimulator(clock)
    return clock, simulator, InProcess(simulator.asgi)


class World:
    """Our functions and what is outside them. ``drawn_at`` is when the car had drawn energy before the operation."""

    def __init__(self) -> None:
        self.clock, self.axle, transport = _axle()
        self.clock.put(NOW)
        self.axle.reset()
        self.outside, self.table, self.bus, self.maker = Outside(), MemoryTable(), Bus(), Maker(self.clock)
        self.queues = Queues()
        http = requests.Session()
        http.mount(AXLE_URL, transport)
        self.makers = makers(self.clock)
        http.mount(CARS_URL, self.makers)
        environ = {
            "STAGE": "test",
            "TABLE_NAME": "driveway-test",
            "BUS_NAME": "bus",
            "DUE_SHARDS": "1",
            "AXLE_BASE_URL": AXLE_URL,
            "AXLE_SYNC_QUEUE_URL": "axle-sync",
            "CHARGE_CONTROL_QUEUE_URL": "charge-control",
            **{f"{name.upper()}_COMMANDS_QUEUE_URL": name for name in PROVIDERS},
            **{name: name for name in SECRETS},
            **SETTINGS,
        }
        self.runtime = Runtime(environ, clock=self.clock)
        clients = {"dynamodb": self.table, "bus": self.bus, "queues": self.queues, "http": http, "_secrets": Secrets()}
        for name, client in clients.items():
            self.runtime.__dict__[name] = self.outside.reached_through(name, client)
        self.makers.begin(lambda *place: self.runtime.records.asset_for(*place) is not None)
        self.onboarded: set[str] = set()
        self._announced = self._commanded = 0
        self.drawn_at: datetime | None = None

    # What the app does

    def request(self, method: str, path: str, body: Any = None, site: str = "home-1", **query: str) -> Reply:
        """A request of the app to the function ``onboarding``, or to ``status`` for a GET."""
        event = {
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "headers": {"authorization": "Bearer token"},
            "queryStringParameters": query,
            "pathParameters": {"site": site},
            "requestContext": {"requestId": "request-1", "authorizer": {"lambda": {"scope": "app"}}},
            "body": None if body is None else json.dumps(body),
        }
        answer = function("status" if method == "GET" else "onboarding").handler(event, None)
        return Reply(answer["statusCode"], answer["headers"], answer["body"])

    def attempt(self, do: Callable[["World"], Reply], **plan: Any) -> tuple[Reply | None, list[Call]]:
        """A request with faults on its way; None if its function died."""
        with self.outside.watching(**plan) as calls:
            try:
                return do(self), calls
            except Death:
                return None, calls

    def observe(self, asset: str, **signals: Any) -> None:
        """The asset's car reports."""
        plugged = {"plugged_in": True, "at_home": True}
        seen = Observation(at=self.clock.now(), source="app", **{**plugged, **signals})
        take_observations(asset, [seen], self.runtime)

    # What happens by itself

    def settle(self, span: timedelta = timedelta(0)) -> None:
        """Let time pass, in which everything happens that is due."""
        until = self.clock.now() + span
        for _ in range(MOST_ROUNDS):
            self.follow_up()
            due = self._next_due()
            if due is None or due > until:
                self.clock.put(until)
                return
            self.clock.put(max(due, self.clock.now() + timedelta(seconds=1)))
            self._tick()
        raise AssertionError("the world does not come to rest")

    def follow_up(self) -> None:
        """Deliver the effects of a write at once: events, wake-ups and commands."""
        for _ in range(MOST_ROUNDS):
            records = [r for r in self.table.records[self._announced :] if r["dynamodb"]["Keys"]["sk"]["S"] == "TWIN"]
            self._announced = len(self.table.records)
            self.onboarded |= {name for record in records if (name := _vehicle_in(record)) is not None}
            for record in records:
                assert function("announcer").handler({"Records": [record]}, None) == {"batchItemFailures": []}
            events, self._commanded = self.bus.events[self._commanded :], len(self.bus.events)
            for kind, detail in events:
                if kind == "ChargingCommand":
                    self.deliver("vehicle_commands", detail)
            looks, self.queues.looks = self.queues.looks, []
            for reconciler, asset in looks:
                self._look(reconciler, asset)
            if not (records or events or looks):
                return
        raise AssertionError("the world does not come to rest")

    def _look(self, reconciler: str, name: str) -> None:
        body = {"site": name.removeprefix("SITE#")} if name.startswith("SITE#") else {"asset": name}
        self.deliver({"axle": "axle_sync", "control": "charge_control"}[reconciler], body)

    def deliver(self, name: str, body: Mapping[str, Any]) -> None:
        """Deliver a message to the function that its queue feeds."""
        record = {"messageId": "1", "body": json.dumps(body), "eventSource": "aws:sqs"}
        answer = function(name).handler({"Records": [record]}, None)
        assert answer == {"batchItemFailures": []}, (name, body)

    def _tick(self) -> None:
        now = self.clock.now()
        for name, _ in list(self.runtime.table.due("AxleDue", now)):
            self._look("axle", name)
        for name, _ in list(self.runtime.table.due("ControlDue", now)):
            self._look("control", name)

    def _next_due(self) -> datetime | None:
        dues = [
            unstamp(item[name]["S"])
            for item in self.table.items.values()
            for name, shard in (("axle_due", "axle_shard"), ("control_due", "control_shard"))
            if name in item and not item[shard]["S"].startswith("site-")
        ]
        return min(dues, default=None)

    # What is found in the end

    def items(self) -> list[dict[str, Any]]:
        return [decode_item(item) for item in self.table.items.values()]

    def record(self, site: str) -> SiteRecord | None:
        return self.runtime.sites.get(site)

    def faults_found(self, site: str) -> list[str]:
        """The differences between a site's record, its twins, the aliases, the half-hours, Axle and the cars."""
        record = self.record(site)
        return self._faults_of_erased(site) if record is None else self._faults_of(record)

    def _faults_of_erased(self, site: str) -> list[str]:
        ours = [(i["pk"], i["sk"]) for i in self.items() if site in (i["pk"].partition("#")[2], i.get("asset"))]
        ours += [(i["pk"], i["sk"]) for i in self.items() if i["sk"] == "TWIN" and i["link"]["site"] == site]
        return [f"left: {pk}/{sk}" for pk, sk in ours if sk != "RECEIPT"]

    def personal_data(self) -> list[str]:
        """Items of the table with something that only Axle may have: the meter point, the address, the email."""
        texts = {key: json.dumps(item) for key, item in self.table.items.items()}
        return [f"personal: {key}" for key, text in texts.items() if any(part in text for part in PERSONAL)]

    def _faults_of(self, record: SiteRecord) -> list[str]:
        found = []
        if record.call is not None or record.changes or record.removals or record.begun_at is not None:
            found.append(f"unfinished: {record}")
        if record.state not in {"active", "unenrolled", "taken_back"}:
            found.append(f"state {record.state}")
        site = self.axle.world.sites.get(_uuid(record.axle_site_id)) if record.axle_site_id else None
        if record.axle_site_id and site is None:
            return [*found, "Axle does not know the site"]
        if site is not None:
            enrolled = SMART_CHARGING in site.propositions
            if enrolled != (record.enrolment == "enrolled") or record.enrolment != record.wanted:
                found.append(f"enrolled at Axle: {enrolled}, acknowledged {record.enrolment}, wanted {record.wanted}")
            known = sorted(self.axle.world.assets[i].external_id for i in site.asset_ids)
            if known != sorted(record.assets):
                found.append(f"assets at Axle {known}, ours {record.assets}")
        return [*found, *(fault for asset in record.assets for fault in self._faults_of_asset(asset, record))]

    def _faults_of_asset(self, asset: str, record: SiteRecord) -> list[str]:
        try:
            twin = self.runtime.table.twin(asset)
        except UnknownAssetError:
            return [f"{asset} has no twin"]
        link, found = twin.link, []
        if link.leaving or link.swapping or link.site != record.site or link.enrolled != (record.wanted == "enrolled"):
            found.append(f"{asset}: {link}")
        for claim in claims_of(twin):
            item = self.table.items.get((claim.key["pk"], claim.key["sk"]))
            if item is None or decode_item(item).get("reserved") or decode_item(item)["asset"] != claim.asset:
                found.append(f"{asset} lacks {claim}")
        at_axle = self.axle.world.assets.get(_uuid(link.axle_asset_id))
        if at_axle is None or at_axle.external_id != asset:
            return [*found, f"{asset} is not at Axle"]
        if at_axle.power_kw != link.power_kw:
            found.append(f"{asset}: power at Axle {at_axle.power_kw}, ours {link.power_kw}")
        snoozed = link.snoozed_until is not None and self.clock.now() < link.snoozed_until
        plugged = twin.presence.session is not None and not snoozed
        if link.enrolled and at_axle.plugged_in != plugged:
            found.append(f"{asset}: plugged in at Axle {at_axle.plugged_in}, here {plugged}")
        if not link.enrolled and link.vehicle is not None and link.vehicle.vehicle_id in self.maker.held:
            found.append(f"{asset}: its car is still held")
        return [*found, *self._faults_of_half_hours(asset, twin), *self._faults_of_readings(asset, link)]

    def _faults_of_readings(self, asset: str, link: Link) -> list[str]:
        """Half-hours that Axle lacks of an asset that is out: its last readings had to come before that."""
        if link.enrolled:
            return []
        slots = self.runtime.slots.read(asset, NOW - timedelta(days=1))
        lacking = [s for s in slots if may_be_reported(link, s.start, s.end) and is_unreported(s)]
        return [f"{asset}: Axle lacks {slot.start:%H:%M} ({slot.state})" for slot in lacking]

    def _faults_of_half_hours(self, asset: str, twin: Any) -> list[str]:
        held = [s for slot in self.runtime.slots.read(asset, NOW - timedelta(days=1)) for s in slot.samples]
        facts = sorted((s.at, s.kind != "unplugged") for s in held if "plugged" in s.kind or s.kind == "joined")
        if not facts and twin.presence.session is None:
            return []
        open_in_slots = bool(facts) and facts[-1][1]
        if open_in_slots != (twin.presence.session is not None):
            return [f"{asset}: the half-hours say {open_in_slots}, the session is {twin.presence.session}"]
        return []

    def connections_left(self, vehicles: set[str]) -> list[str]:
        """Cars that were ended in use, and cars that are in use no more and are still connected at their maker.

        At Enode a car stays connected while another of its user and vendor is in use.
        """
        found = [f"ended in use: {name}" for name in self.makers.ended_in_use]
        users = {CARS[name] for name in vehicles if name in CARS}
        left = {name for name in self.onboarded - vehicles if name in CARS and CARS[name] not in users}
        return found + [f"still connected: {name}" for name in sorted(left & self.makers.connected())]

    def strays(self) -> list[str]:
        """Things that belong to no site of ours: sites and assets at Axle, aliases, tokens, cars that are held."""
        records = [r for item in self.items() if item["sk"] == "SITE" and (r := self.record(item["site"])) is not None]
        assets = {asset: record for record in records for asset in record.assets}
        present = [asset for asset in assets if ("ASSET#" + asset, "TWIN") in self.table.items]
        twins = [replace(self.runtime.table.twin(asset), news=()) for asset in present]
        known = {(c.key["pk"], c.key["sk"]) for twin in twins for c in claims_of(twin)}
        known |= {(f"ALIAS#{AXLE_SITE}#{r.axle_site_id}", "ALIAS") for r in records if r.axle_site_id}
        found = [f"alias {key}" for key in self.table.items if key[0].startswith("ALIAS#") and key not in known]
        sites = {record.axle_site_id for record in records}
        found += [f"site at Axle {site.mpan}" for id_, site in self.axle.world.sites.items() if str(id_) not in sites]
        found += [f"asset at Axle {name}" for name in self.axle.world.asset_by_external_id if name not in assets]
        found += [f"twin {i['pk']}" for i in self.items() if i["sk"] == "TWIN" and i["asset"] not in assets]
        vehicles = {t.link.vehicle.vehicle_id for t in twins if t.link.vehicle is not None}
        found += [f"held car {vehicle}" for vehicle in self.maker.held - vehicles]
        found += self.connections_left(vehicles)
        found += [f"row refused: {row}" for row in self.axle.readings.report()["rejected"]]
        rows = {i["pk"].removeprefix("ASSET#") for i in self.items() if i["pk"].startswith("ASSET#")}
        return found + [f"rows of {asset}" for asset in rows - set(assets)]


def _vehicle_in(record: Mapping[str, Any]) -> str | None:
    """The vehicle of a twin, as the table's stream has it."""
    image = record["dynamodb"].get("NewImage") or record["dynamodb"].get("OldImage")
    link = decode_item(image)["link"] if image else {}
    return (link.get("vehicle") or {}).get("vehicle_id")


def _uuid(text: str | None) -> Any:
    from uuid import UUID

    return UUID(text or "0" * 32)


@contextmanager
def new_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A new world, in force for all functions."""
    world = World()
    monkeypatch.setattr("driveway.sites.reconcile.WAIT_S", 0.0)
    monkeypatch.setattr("driveway.commands.dispatch.commands", lambda _: world.maker)
    monkeypatch.setattr("driveway.commands.dispatch.connect", lambda *_: None)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Driveway")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "driveway")
    use(world.runtime)
    try:
        yield world
    finally:
        use(None)


__all__ = ["FaultKind", "World", "new_world"]
