"""Every path on which we stop a car and then lose authority, on each kind of provider, with each fault.

The car is able to charge within two hours of the end of the fault. Where no report shows that an account works again,
it is within a day. Where the plug is reported falsely, it is within the twelve hours in which our stop may be the
cause. The gate plays a sample of the combinations, ``RELEASE_COMBINATIONS=all`` all of them.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product

import pytest

from driveway.domain.control.operator_switch import with_switch
from driveway.domain.reports.account_connection import disconnected
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import new_twin
from tests.support.domain.control_car_life import MINUTE
from tests.support.domain.control_rig import OFF_PEAK_STARTS, Rig

HOUR = timedelta(hours=1)
PROVIDERS = ("enode", "smartcar", "tesla", "ocpp")
LIMITING = ("tesla", "ocpp")
RELEASING = ("unenrolled", "offboarded", "snoozed", "vehicle replaced", "operator's switch")
LOST = ("account revoked", "provider down for a day", "Axle silent", "schedule over")
"""Paths after which the plan, or the default schedule, decides again: the fault ends within off-peak hours."""

FAULTS = (
    "refused",
    "retryable",
    "needs user",
    "out of service",
    "asleep",
    "answer lost",
    "event lost",
    "lying plug",
    "command ignored",
    "account back without an event",
    "dead connection",
)
RIG_FAULTS = {
    "needs user": "needs_user",
    "out of service": "out",
    "answer lost": "answer_lost",
    "event lost": "event_lost",
    "command ignored": "ignored",
    "account back without an event": "needs_user",
    "dead connection": "retryable",
    "lying plug": None,
}
WITHIN = {"lying plug": timedelta(hours=14), "account back without an event": timedelta(hours=25)}
STEP = 10 * MINUTE


@dataclass(frozen=True)
class Combination:
    path: str
    provider: str
    held_by: str
    fault: str

    def __str__(self) -> str:
        return f"{self.path} / {self.provider} / {self.held_by} / {self.fault}"


def combinations() -> Iterator[Combination]:
    """Only some providers can be held at a limit, and only a stop causes a false plug-out, for some hours."""
    for path, provider, held_by, fault in product((*RELEASING, *LOST), PROVIDERS, ("stop", "limit"), FAULTS):
        if held_by == "limit" and (provider not in LIMITING or fault == "lying plug"):
            continue
        if fault == "lying plug" and (provider == "ocpp" or path == "provider down for a day"):
            continue
        yield Combination(path, provider, held_by, fault)


ALL = tuple(combinations())
WHOLE = os.environ.get("RELEASE_COMBINATIONS") == "all"
PLAYED = ALL if WHOLE else ALL[:: max(1, len(ALL) // 60)]
played: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def _print_how_many() -> Iterator[None]:
    yield
    print(f"\nreleases: {sum(played.values())} of {len(ALL)} combinations played, by path: {dict(played)}")


def held_car(combination: Combination) -> Rig:
    """A car that is held by Axle's schedule, or charges at its limit."""
    silent = combination.fault == "account back without an event"
    rig = Rig(twin=new_twin(combination.provider), sighting_every=None if silent else STEP)
    rig.car.driver_amps = rig.car.amps = 16
    rig.car.seems_unplugged_while_held = combination.fault == "lying plug"
    rig.plug_in()
    rig.run(10 * MINUTE)
    rig.schedule((120, 0.0 if combination.held_by == "stop" else 3.0))
    rig.run(20 * MINUTE)
    assert rig.car.held == (combination.held_by == "stop"), combination
    assert rig.car.limit_kw == (None if combination.held_by == "stop" else 3.0), combination
    return rig


def lose_authority(rig: Rig, path: str) -> None:
    match path:
        case "unenrolled":
            rig.link(enrolled=False)
        case "offboarded" | "vehicle replaced":
            rig.link(leaving=True)
        case "snoozed":
            rig.link(snoozed_min=72 * 60)
        case "operator's switch":
            rig.change(lambda twin: with_switch(twin, rig.now, released=True, since=rig.now))
        case "account revoked":
            rig.change(lambda twin: disconnected(twin, "the account was revoked", rig.now))
        case "provider down for a day":
            fault, rig.fault = rig.fault, "out"
            rig.run(24 * HOUR)
            rig.fault = fault
        case "schedule over":
            rig.run(HOUR)
            rig.change(lambda twin: replace(twin, profiles=()))
        case _:
            rig.run(2 * HOUR)


def end_of_fault(rig: Rig) -> datetime:
    """Ten minutes into the next off-peak hours."""
    nights = (OFF_PEAK_STARTS + timedelta(days=day, minutes=10) for day in range(4))
    return next(at for at in nights if at > rig.now)


def able_to_charge(rig: Rig) -> bool:
    """Whether the car draws power, or could draw it, with the current that its driver chose."""
    car = rig.car
    waits = car.kept is not None and not car.is_in_window(rig.now)
    return car.charging or (not car.held and not waits and car.amps == car.driver_amps)


def as_its_driver_chose(rig: Rig, combination: Combination) -> bool:
    if combination.path not in RELEASING:
        return rig.car.amps == rig.car.driver_amps and rig.car.limit_kw is None
    charger_forgets = combination.provider == "ocpp"
    return rig.car.amps == rig.car.driver_amps and (charger_forgets or rig.car.limit_kw is None)


@pytest.mark.parametrize("combination", PLAYED, ids=str)
def test_the_car_is_able_to_charge_soon_after_the_fault(combination: Combination) -> None:
    rig = held_car(combination)
    rig.fault = RIG_FAULTS.get(combination.fault, combination.fault)
    lose_authority(rig, combination.path)
    rig.run(end_of_fault(rig) - rig.now)
    rig.fault = None
    if combination.path == "account revoked" and combination.fault != "account back without an event":
        rig.observe(plugged_in=rig.car.plugged, charging=rig.car.charging, reachable=True)
    within, waited = WITHIN.get(combination.fault, 2 * HOUR), timedelta(0)
    while not (able_to_charge(rig) and as_its_driver_chose(rig, combination)):
        assert waited < within, (rig.twin.control, rig.twin.presence, rig.car)
        rig.run(STEP)
        waited += STEP
    played[combination.path] += 1


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("path", RELEASING)
def test_where_a_command_is_unsupported_none_is_sent_again_and_one_sentence_says_so(path: str, provider: str) -> None:
    rig = Rig(twin=new_twin(provider), fault="unsupported")
    rig.plug_in()
    rig.run(4 * HOUR)
    asked = rig.actions()
    assert asked == ["stop"], "a command that the car cannot carry out is tried once"
    lose_authority(rig, path)
    rig.run(4 * HOUR)
    assert rig.actions() == asked
    assert [one.reason for one in rig.entries_of("NeedsAttention")] == [Reason.PROVIDER_UNSUPPORTED]
    assert rig.car.charging
