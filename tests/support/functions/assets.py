"""Assets for the tests of single functions: put on the stage without a call to Axle, and the calls about them."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from driveway.auth.signatures import hmac_hex
from driveway.domain.axle_sync.answers import acknowledged
from driveway.domain.axle_sync.differences import next_call
from driveway.domain.metering.plug_facts import facts_mark
from driveway.domain.sites.record import SiteRecord
from driveway.domain.twin import (
    Command,
    Intent,
    Observed,
    Presence,
    Session,
    Tariff,
    Twin,
    Vehicle,
    Weekday,
    Window,
)
from driveway.values import replace
from driveway.vehicles.accounts import keep_tokens
from driveway.vehicles.registry import capabilities
from tests.support.domain.links import a_link
from tests.support.functions.rig import NOW, ROOT, Reply, Rig, aws, function, read_secrets

EVENTS = ROOT / "events"
AT_ONCE = 10
AXLE_ASSET = "0d6a2f0e-6f0e-4b7e-9a0c-0a5b1c2d3e4f"
AXLE_SECRET = "axle-webhook-secret"
AXLE_SITE = "5b0f6a0e-0000-4b7e-9a0c-0a5b1c2d3e4f"
EVERY_DAY: dict[Weekday, str] = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "07:00")
ENODE_CAR = Vehicle(
    provider="enode",
    vehicle_id="0f5f1c0e-58a5-4a3b-9b0e-1d2c3b4a5f60",
    home_location_id="3d0c5b1e-7b3c-4a51-8d3f-2f6f6f4d9a10",
    user_id="app-user-77",
)
SMARTCAR_CAR = Vehicle("smartcar", "veh-1", user_id="sc-user-9", capabilities=capabilities("smartcar"))
TESLA_CAR = Vehicle("tesla", "5YJ30000000000001", capabilities=capabilities("tesla"))
SAMPLE_SECRETS = {
    "enode": ["enode-webhook-secret-1"],
    "smartcar": ["example-amt"],
    "tesla": ["example-relay-secret"],
}


def a_twin(now: datetime, **link: Any) -> Twin:
    """An enrolled car without observations; ``link`` changes its link."""
    axle_ids = {"axle_site_id": AXLE_SITE, "axle_asset_id": AXLE_ASSET}
    known: dict[str, Any] = {**axle_ids, "battery_kwh": 64, "vehicle": ENODE_CAR}
    return Twin(
        link=a_link(now, **known | link),
        tariff=Tariff((Window(0, 330), Window(1410, 1440)), "Europe/London", "dual_rate"),
        intent=Intent(ready_by=EVERY_DAY, kwh=30),
    )


def place(rig: Rig, *twins: Twin) -> None:
    """Put twins, with their aliases and their site, into the table."""
    now = rig.clock.now()
    site = rig.runtime.sites.get("home-1")
    known = site or SiteRecord("home-1", enrolment="enrolled", axle_site_id=AXLE_SITE)
    names = tuple(sorted({*known.assets, *(twin.link.asset for twin in twins)}))
    record = rig.runtime.sites.write(site, replace(known, assets=names), now=now)
    for first in range(0, len(twins), AT_ONCE):
        pairs = [(None, twin) for twin in twins[first : first + AT_ONCE]]
        record = rig.runtime.sites.write(record, record, now=now, twins=pairs)


def keep_refresh_token(rig: Rig, user_id: str, token: str) -> None:
    """Keep a refresh token of a Tesla owner, as the ``PUT`` of a site does."""
    keep_tokens([("car-1", Vehicle("tesla", "VIN", user_id=user_id), token)], "home-1", rig.runtime)


def plugged_in(twin: Twin, at: datetime) -> Twin:
    """The twin of a car that has been plugged in at home, not charging, since ``at``."""
    yes, no = Observed(True, at), Observed(False, at)
    session = Session(at.strftime("%Y%m%dT%H%M%SZ"), opened_at=at, plugged_at=at)
    presence = Presence(plugged_in=yes, at_home=yes, charging=no, session=session, plugged_at=at)
    return replace(twin, presence=presence)


def recorded(twin: Twin) -> Twin:
    """The twin whose half-hours hold its plug facts."""
    return replace(twin, meter=replace(twin.meter, facts=facts_mark(twin.presence)))


def all_acknowledged(twin: Twin, now: datetime) -> Twin:
    """The twin of which Axle has acknowledged everything."""
    while (call := next_call(twin, now)) is not None:
        twin = acknowledged(twin, call, now)
    return replace(twin, news=())


def planned_start(**changes: Any) -> Command:
    """A charge-now's start that is planned for the present instant."""
    return replace(
        Command(
            id="command-1",
            action="start",
            reason="CHARGE_NOW",
            state="planned",
            planned_at=NOW,
            not_before=NOW,
            expires_at=NOW + timedelta(minutes=10),
        ),
        **changes,
    )


def set_secret(rig: Rig, setting: str, value: Mapping[str, Any]) -> None:
    """Rotate a secret. The copy that was read before is dropped, as after five minutes."""
    aws("secretsmanager").put_secret_value(SecretId=setting, SecretString=json.dumps(value))
    rig.runtime.__dict__["_secrets"] = read_secrets()


def sample(name: str) -> dict[str, Any]:
    """A file of ``events/``."""
    loaded: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return loaded


def called(name: str, event: Mapping[str, Any]) -> Reply:
    """The answer of an HTTP function to a whole event."""
    answer = function(name).handler(event, None)
    return Reply(answer["statusCode"], answer["headers"], answer["body"])


def axle_signature(body: bytes, at: datetime, secret: str = AXLE_SECRET) -> str:
    """The ``x-axle-sig`` of a body signed at an instant."""
    signed_s = int(at.timestamp())
    return f"t={signed_s},v1={hmac_hex(secret, f'{signed_s}.'.encode() + body)}"


def in_base64(event: Mapping[str, Any]) -> dict[str, Any]:
    """The same event as API Gateway passes on a binary body."""
    return {**event, "body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}


def refuse(rig: Rig, monkeypatch: pytest.MonkeyPatch, operation: str, *, times: int = 1) -> None:
    """Let the next calls of a table operation (``update_item``) fail, as in an outage of DynamoDB."""
    real, left = getattr(rig.runtime.dynamodb, operation), [times]

    def call(**request: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "an outage"}}, operation)
        return real(**request)

    monkeypatch.setattr(rig.runtime.dynamodb, operation, call)


@dataclass
class Queues:
    """The queues of wake-ups: keeps the asset, the reconciler and the delay in seconds of each."""

    looks: list[tuple[str, str, int]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    others: list[tuple[str, str]] = field(default_factory=list)
    refusing: bool = False
    waiting: int = 0

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        return {"Attributes": {name: str(self.waiting) for name in AttributeNames}}

    def send_message(self, QueueUrl: str, MessageBody: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if self.refusing:
            raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessage")
        self.others.append((QueueUrl, MessageBody))
        return {}

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if self.refusing:
            return {"Successful": [], "Failed": [{"Id": entry["Id"]} for entry in Entries]}
        assert len({entry["Id"] for entry in Entries}) == len(Entries) <= 10
        assert all(0 <= entry["DelaySeconds"] <= 900 for entry in Entries)
        queue = "axle" if "AXLE" in QueueUrl else "control"
        self.bodies += [entry["MessageBody"] for entry in Entries]
        asked = [(json.loads(entry["MessageBody"]), entry["DelaySeconds"]) for entry in Entries]
        self.looks += [(queue, body["asset"], delay_s) for body, delay_s in asked if "asset" in body]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}


def queues_of(rig: Rig) -> Queues:
    """Queues in place of the stage's own, so that their delays can be seen."""
    queues = Queues()
    rig.runtime.__dict__["queues"] = queues
    return queues
