"""A command is sent once and in time, whatever becomes of the claim that was written for it."""

import json
from datetime import timedelta
from typing import Any

import pytest
import requests

from driveway.domain.twin import ChargeNow, Vehicle
from driveway.runtime.settings import Settings
from driveway.values import replace
from tests.support.faults import FAULTS, Call, Death, FaultKind, Outside
from tests.support.functions.assets import a_twin, all_acknowledged, place, planned_start, plugged_in, set_secret
from tests.support.functions.rig import NOW, Rig, function, template
from tests.support.vehicles.provider_api import ProviderApi, Reply, SubmissionResult

BASE = "https://chargers.example"
EARLIER = NOW - timedelta(hours=1)
REDELIVERED_AFTER_S = template()["Resources"]["OcppCommandsQueue"]["Properties"]["VisibilityTimeout"]


class Stage:
    """A charger with a planned start, and the function that sends it, with faults at its calls."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.outside, self.sent = rig, Outside(), 0
        rig.runtime.settings = Settings({**rig.runtime.settings.environ, "OCPP_BASE_URL": BASE})
        set_secret(rig, "PROVIDERS_SECRET", {"ocpp": {"token": "t"}})
        http = requests.Session()
        http.mount(BASE, ProviderApi(self._answer))
        for name, client in (("dynamodb", rig.runtime.dynamodb), ("http", http)):
            rig.runtime.__dict__[name] = self.outside.reached_through(name, client)
        twin = all_acknowledged(
            plugged_in(a_twin(EARLIER, type="charger", vehicle=Vehicle("ocpp", "CP-1")), EARLIER), NOW
        )
        command = planned_start()
        boost = ChargeNow("boost-1", NOW, NOW + timedelta(hours=1))
        place(rig, replace(twin, charge_now=boost, control=replace(twin.control, command=command)))

    def _answer(self, asked: SubmissionResult) -> Reply:
        self.sent += asked.method == "POST"
        return Reply(200, {} if asked.method == "GET" else {"status": "Accepted"})

    def deliver(self, **plan: Any) -> tuple[bool, list[Call]]:
        """Deliver the command's message; whether the queue may forget it, and the calls that were made."""
        detail = {"asset": "car-1", "command_id": "command-1", "provider": "ocpp", "not_before": NOW.isoformat()}
        record = {"messageId": "1", "body": json.dumps(detail), "eventSource": "aws:sqs"}
        with self.outside.watching(**plan) as calls:
            try:
                answer = function("vehicle_commands").handler({"Records": [record]}, None)
            except Death:
                return False, calls
        return answer == {"batchItemFailures": []}, calls

    def redeliver(self) -> None:
        """Let the message come back, once, when its visibility has run out."""
        self.rig.clock.move(seconds=REDELIVERED_AFTER_S)
        assert self.deliver()[0]

    @property
    def outcome(self) -> str | None:
        command = self.rig.twin("car-1").control.command
        return command.outcome if command is not None else None


@pytest.fixture
def stage(rig: Rig) -> Stage:
    return Stage(rig)


CALLS = ("get_item", "get_item", "get_item", "get_item", "update_item", "request", "get_item", "update_item")
"""What sending a command calls, before the half-hours are recorded."""
CLAIM = CALLS.index("update_item")
SENDING = CALLS.index("request")


@pytest.mark.parametrize("number", range(len(CALLS)))
@pytest.mark.parametrize("fault", FAULTS)
def test_a_command_goes_out_at_once_or_with_its_repeated_message(stage: Stage, fault: FaultKind, number: int) -> None:
    done, calls = stage.deliver(fault=(number, fault))
    assert tuple(call.operation for call in calls[: number + 1]) == CALLS[: number + 1]
    if number == CLAIM and fault in {"own repeat", "answer lost", "conflict"}:
        assert (done, stage.sent) == (True, 1), "a claim that was written is one's own, a conflict is nobody's"
    if not done:
        stage.redeliver()
    unanswered = number == SENDING and fault in {"answer lost", "unavailable"}
    assert stage.outcome == ("RETRYABLE" if unanswered else "ACCEPTED")
    assert stage.sent == (0 if (number, fault) == (SENDING, "unavailable") else 1) or not done


def test_a_message_that_comes_twice_at_once_is_sent_once(stage: Stage) -> None:
    _, calls = stage.deliver()
    assert stage.sent == 1
    stage.rig.clock.move(seconds=1)
    assert stage.deliver()[0]
    assert stage.sent == 1
    assert tuple(call.operation for call in calls[: len(CALLS)]) == CALLS
