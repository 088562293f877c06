"""Cars that fail, sleep, respond late or report falsely: few commands, and the plan once the fault ends."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.stack.homes import KINDS, Home, Stack
from tests.support.stack.waiting import until

MOST_SENDS = 14


@dataclass(frozen=True)
class Fault:
    """A fault that a car has from the start, what its timeline has to show of it, and what ends it."""

    name: str
    provider: str
    spec: dict[str, Any]
    observed_state_matches: frozenset[str] = frozenset()
    end: dict[str, Any] = field(default_factory=dict)


REFUSED = frozenset({"RETRY_WAIT"})
IGNORED = frozenset({"NOT_CONFIRMED_IN_TIME"})
ANY = REFUSED | IGNORED
GAVE_UP = frozenset({"GAVE_UP_RELEASED"})
OBEYS, AWAKE = {"action_fault": None}, {"asleep": False}
LIES, WORN = {"action_fault": "confirmed_without_effect"}, {"refuses_after_starts": 0}
DAWDLERS = ("enode", "tesla", "ocpp")

FAULTS = [
    Fault("unconfirmed", "enode", {"action_fault": "never_confirmed"}),
    Fault("ignores", "tesla", {"action_fault": "never_confirmed"}, ANY, OBEYS),
    *(Fault("fails", kind, {"action_fault": "fails"}, ANY, OBEYS) for kind in KINDS),
    *(Fault("lies", kind, LIES, ANY, OBEYS) for kind in ("enode", "tesla", "ocpp")),
    Fault("lies", "smartcar", LIES, GAVE_UP, OBEYS),
    *(Fault("sleeps", kind, {"asleep": True}, ANY, AWAKE) for kind in ("enode", "smartcar", "ocpp")),
    Fault("sleeps", "tesla", {"asleep": True}),
    *(Fault("dawdles", kind, {"command_delay_s": 240}) for kind in DAWDLERS),
    *(Fault("is-worn", kind, WORN, ANY, {"refuses_after_starts": None}) for kind in ("enode", "tesla")),
    Fault("governed", "enode", {"governed": True}, ANY, {"governed": False}),
]


def case(fault: Fault) -> str:
    return f"{fault.name}-{fault.provider}"


@pytest.fixture(scope="module")
def homes(running: Stack) -> dict[str, Home]:
    """Each faulty car plugged in at off-peak; in line once its fault ends; then commanded to stop at peak."""
    homes = {}
    intent = {"kwh": 60, "ready_by": running.hhmm(1200)}
    for fault in FAULTS:
        home = Home(running, f"faulty-{case(fault)}", fault.provider, intent=intent, battery_kwh=200)
        homes[case(fault)] = home.join(**fault.spec)
    for home in homes.values():
        home.until(home.in_sync, "Axle has acknowledged everything")
        home.move("plug-in")
    unnoticed = [fault for fault in FAULTS if fault.observed_state_matches]

    def all_noticed() -> bool:
        for fault in [fault for fault in unnoticed if fault.observed_state_matches & set(homes[case(fault)].reasons())]:
            homes[case(fault)].set(**fault.end)
            unnoticed.remove(fault)
        return not unnoticed

    until(all_noticed, "every fault was noticed")
    for home in homes.values():
        home.until(home.charging, "the car charges, its fault being over")
    for home in homes.values():
        home.put("tariff", running.off_peak((600, 700)))
    for home in homes.values():
        home.until(lambda home=home: not home.charging(), "the car stops at peak")
    return homes


def sent(home: Home) -> list[str]:
    actions = [entry["detail"]["action"] for entry in home.timeline() if entry["event"] == "CommandSent"]
    return [action for action in actions if action in {"start", "stop"}]


@pytest.mark.parametrize("name", [case(fault) for fault in FAULTS])
def test_it_follows_the_plan_again_without_a_storm_of_commands(name: str, homes: dict[str, Home]) -> None:
    assert not homes[name].charging()
    assert 1 <= len(sent(homes[name])) <= MOST_SENDS


@pytest.mark.parametrize("name", [case(fault) for fault in FAULTS])
def test_axle_receives_one_session(name: str, homes: dict[str, Home]) -> None:
    received = [call["event"] for call in homes[name].at_axle()["history"]]
    assert received.count("plug_in") == 1


@pytest.mark.parametrize("name", [case(fault) for fault in FAULTS if fault.observed_state_matches == GAVE_UP])
def test_the_app_is_informed_of_a_car_that_does_not_follow(name: str, homes: dict[str, Home]) -> None:
    assert "NeedsAttention" in [entry["event"] for entry in homes[name].timeline()]


@pytest.mark.parametrize("kind", DAWDLERS)
def test_a_car_that_takes_its_time_is_not_asked_again_and_again(kind: str, homes: dict[str, Home]) -> None:
    # Its four minutes are less than a second here, so a busy machine may send one more command.
    asked = sent(homes[f"dawdles-{kind}"])
    assert max(asked.count("start"), asked.count("stop")) <= 2, homes[f"dawdles-{kind}"].story()


def test_a_sleeping_tesla_is_woken(homes: dict[str, Home]) -> None:
    assert homes["sleeps-tesla"].car()["spec"]["asleep"] is False
