"""Each check of what must hold can fail: a planted violation is named, and what is right is not."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from driveway.domain.twin import AxleCallClaim, ChargeNow, Command, CommandState, HeldPlugOut, Twin
from driveway.values import replace
from tests.support.domain.twins import a_twin
from tests.world import invariants
from tests.world.crash_points import prepared
from tests.world.invariants import Asked, OpenState, Sent
from tests.world.situations import SITUATIONS
from tests.world.watch import Seen, of_command

NOW = datetime(2026, 1, 15, 20, 0, tzinfo=UTC)
DWELL = timedelta(minutes=5)


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def asked(count: int, *, lets_charge: bool = False) -> list[Asked]:
    return [Asked(after(number / 1000), "v", lets_charge) for number in range(count)]


def twin(**axle: Any) -> Twin:
    made = a_twin()
    return replace(made, axle=replace(made.axle, **axle))


def command(**changes: Any) -> Command:
    return replace(Command("c", "start", "CHARGE_NOW", "planned", NOW, NOW, after(10), confirm_by=after(2)), **changes)


def wrong(found: Iterator[str]) -> bool:
    return list(found) != []


@pytest.mark.parametrize(
    ("planted", "right"),
    [
        pytest.param(
            lambda: invariants.over_the_month(asked(411), 500),
            lambda: invariants.over_the_month(asked(410), 500),
            id="a read with only the reserve of the month left",
        ),
        pytest.param(
            lambda: invariants.over_the_bucket(asked(123, lets_charge=True), 120, 2.0),
            lambda: invariants.over_the_bucket(asked(120, lets_charge=True), 120, 2.0),
            id="a start with an empty bucket",
        ),
        pytest.param(
            lambda: invariants.over_the_bucket(asked(99), 120, 2.0),
            lambda: invariants.over_the_bucket(asked(96), 120, 2.0),
            id="a read from the reserve of the bucket",
        ),
        pytest.param(
            lambda: invariants.dwell_cut([Sent(NOW, "stop", "a"), Sent(after(4), "start", "b")], DWELL),
            lambda: invariants.dwell_cut([Sent(NOW, "stop", "a"), Sent(after(5), "start", "b")], DWELL),
            id="a start four minutes after a stop",
        ),
        pytest.param(
            lambda: invariants.too_many_pairs({str(number) for number in range(7)}, 6),
            lambda: invariants.too_many_pairs({str(number) for number in range(6)}, 6),
            id="seven stops that worked",
        ),
        pytest.param(
            lambda: invariants.written_out_of_order(
                {"version": 7, "revision": 2, "intent": 1}, {"version": 7, "revision": 2, "intent": 2}
            ),
            lambda: invariants.written_out_of_order(
                {"version": 7, "revision": 2, "slots_due": 1}, {"version": 7, "revision": 2, "slots_due": 2}
            ),
            id="a write over a version that was not read",
        ),
        pytest.param(
            lambda: invariants.called_unclaimed(twin(call_claim=None), NOW),
            lambda: invariants.called_unclaimed(twin(call_claim=AxleCallClaim("a", NOW, after(2))), NOW),
            id="a call to Axle without a claim",
        ),
        pytest.param(
            lambda: invariants.plugged_in_too_early(twin(tariff=None)),
            lambda: invariants.plugged_in_too_early(twin(plug=object())),
            id="a plug-in before the tariff",
        ),
        pytest.param(
            lambda: invariants.too_large("a message", "é" * 131_073),
            lambda: invariants.too_large("a message", "e" * 262_144),
            id="a message of more than 256 KiB",
        ),
        pytest.param(
            lambda: invariants.position_in("a slot", "'lat': 51.752, 'lon': -1.2577", home_is_allowed=True),
            lambda: invariants.position_in("a slot", "51.752 kWh"),
            id="a car's position",
        ),
        pytest.param(
            lambda: invariants.position_in("a slot", "[51.5034, -0.1276]"),
            lambda: invariants.position_in("a site", "[51.5034, -0.1276]", home_is_allowed=True),
            id="a home's position beside its site",
        ),
        pytest.param(
            lambda: invariants.zero_for_energy(0, 51),
            lambda: invariants.zero_for_energy(None, 51),
            id="a zero for energy that flowed",
        ),
    ],
)
def test_a_planted_violation_is_found(planted: Any, right: Any) -> None:
    assert wrong(planted())
    assert not wrong(right())


@pytest.mark.parametrize(
    ("dues", "found"),
    [
        ({"control_due": after(2)}, False),
        ({"control_due": after(3)}, True),
        ({"control_due": None}, True),
    ],
)
def test_an_open_state_that_nobody_leaves_is_found(dues: dict[str, datetime | None], found: bool) -> None:
    states = iter([OpenState("command sent", after(2), "control_due")])
    assert wrong(invariants.never_left(states, dues, NOW)) is found


def test_every_open_state_of_a_twin_has_its_time() -> None:
    made = replace(a_twin(), charge_now=ChargeNow("b", NOW, after(30)))
    open_twin = replace(
        made,
        control=replace(made.control, command=command(), schedule_command=command(state="sent", confirm_by=None)),
        presence=replace(made.presence, held_plug_out=HeldPlugOut(NOW, after(1))),
        axle=replace(made.axle, call_claim=AxleCallClaim("a", NOW, after(2))),
        link=replace(made.link, snoozed_until=after(600)),
    )
    assert {state.name: state.until for state in invariants.open_states(open_twin)} == {
        "command planned": after(2),
        "schedule command sent": None,
        "held plug-out": after(1),
        "charge-now": after(30),
        "snooze": after(600),
        "call to Axle": after(2),
    }
    assert "schedule command sent has no end" in list(
        invariants.never_left(invariants.open_states(open_twin), {"control_due": after(1), "axle_due": after(2)}, NOW)
    )


def test_a_charger_is_watched_as_cars_are() -> None:
    with prepared(SITUATIONS["a start at a charger"]) as (stage, home):
        world = stage.world
        body = {"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 1}}
        world.session.post(f"http://cars.test/ocpp/chargers/{home.vehicle_id}/SetChargingProfile", json=body)
        assert [one for one in world.violations if "not claimed" in one]


@pytest.mark.parametrize(
    ("state", "claimed", "found"),
    [("sent", True, False), ("confirmed", True, False), ("confirmed", False, True), ("planned", True, True)],
)
def test_a_command_that_a_report_confirms_before_its_call_is_claimed(
    state: CommandState, claimed: bool, found: bool
) -> None:
    twin = replace(a_twin(), control=replace(a_twin().control, command=command(state=state)))
    actions = frozenset({command().action})
    wrongs = list(of_command(NOW, Seen(), [twin], "vehicle-1", actions, is_claimed=claimed))
    assert any("not claimed" in one for one in wrongs) == found


def test_a_command_of_last_night_is_not_the_one_that_is_sent_now() -> None:
    restore = command(id="r", action="restore_current", state="sent", confirm_by=None)
    control = replace(a_twin().control, command=command(state="confirmed"), schedule_command=restore)
    actions = frozenset({"start", "restore_current"})
    assert not list(of_command(NOW, Seen(), [replace(a_twin(), control=control)], "v", actions, is_claimed=True))


def test_what_a_function_writes_and_sends_is_watched() -> None:
    with prepared(SITUATIONS["intent"]) as (stage, home):
        world = stage.world
        runtime = world.host.runtime("ClockFunction")
        queue = runtime.settings.text("AXLE_SYNC_QUEUE_URL")
        with pytest.raises(ClientError):
            runtime.queues.send_message(QueueUrl=queue, MessageBody="x" * 262_145)
        key = {"pk": {"S": f"ASSET#{home.asset}"}, "sk": {"S": "TWIN"}}
        runtime.dynamodb.update_item(
            TableName=runtime.table.name,
            Key=key,
            UpdateExpression="SET control_due = :at REMOVE axle_due",
            ExpressionAttributeValues={":at": {"S": "2026-01-15T20:00:00.000Z"}},
        )
        found = "\n".join(world.violations)
    assert "has 262145 bytes" in found
    assert "is written over version" in found
