"""Charge control on generated histories: any schedule, any driver, any provider fault, on a simulated clock.

The rig checks the promises (``control_promises``) at every write and every command; the tests here check the end of a
history. Beside the usual rules there is a tight set, whose limits are met in almost every history.
"""

import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driveway.domain.control.desired import Desired
from driveway.domain.control.protection import explain
from driveway.domain.control.required_command import is_instructed
from driveway.domain.control.settings import ControlRules
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.domain.control_car import START, new_twin
from tests.support.domain.control_car_life import MINUTE, OPEN
from tests.support.domain.control_promises import KEPT_FOR_STARTS, Promises
from tests.support.domain.control_rig import PROVIDER_FAULTS, Rig

HISTORIES = int(os.environ.get("CONTROL_HISTORIES", "100"))
HOUR = timedelta(hours=1)
BREAKER_OVER = timedelta(minutes=85)
"""The longest pause of an hour and its jitter, and what a command takes that was under way before."""

TIGHT = ControlRules(
    daily_commands=6,
    daily_wakes=3,
    max_pairs=2,
    max_attempts=3,
    first_retry=timedelta(seconds=10),
    confirm_start_within=2 * MINUTE,
    confirm_stop_within=MINUTE,
    min_dwell=2 * MINUTE,
    breaker_pause=5 * MINUTE,
)
RULES = {
    "usual": (ControlRules(), Promises),
    "tight": (
        TIGHT,
        lambda: Promises(daily_commands=6, daily_wakes=3, pairs=2, attempts=3, dwell=2 * MINUTE, pause=5 * MINUTE),
    ),
}

Happening = tuple[str, Callable[[Rig], None]]

minutes = st.sampled_from([25, 50, 10, 4, 120, 1, 0.1])
parts = st.lists(
    st.tuples(st.sampled_from([3, 15, 40, 90]), st.sampled_from([0.0, 0.0, 3.0, 7.4])), min_size=1, max_size=5
)
faults = st.sampled_from([*PROVIDER_FAULTS, *[None] * len(PROVIDER_FAULTS)])
happenings: st.SearchStrategy[Happening] = st.one_of(
    st.just(("plug in", Rig.plug_in)),
    st.just(("plug out", Rig.plug_out)),
    st.just(("drive to a charger elsewhere", Rig.drive_to_a_charger_elsewhere)),
    st.just(("false plug-out", Rig.seem_unplugged)),
    st.just(("self-start", Rig.self_start)),
    st.just(("self-stop", Rig.self_stop)),
    st.just(("full", Rig.fill)),
    st.booleans().map(lambda silent: ("silence", lambda rig: rig.be_silent(silent))),
    st.booleans().map(lambda flag: ("reachable", lambda rig: rig.observe(reachable=flag))),
    parts.map(lambda some: ("schedule", lambda rig: rig.schedule(*some))),
    parts.map(lambda some: ("schedule", lambda rig: rig.schedule(*some, (600, 0.0)))),
    minutes.map(lambda some: ("charge now", lambda rig: rig.charge_now(some))),
    st.booleans().map(lambda flag: ("enrolment", lambda rig: rig.link(enrolled=flag))),
    minutes.map(lambda some: ("snooze", lambda rig: rig.link(snoozed_min=some))),
    st.sampled_from([1, 30, 240]).map(
        lambda slow: ("slow car", lambda rig: setattr(rig.car, "obeys_after", timedelta(seconds=slow)))
    ),
)


@st.composite
def rigs(draw: st.DrawFn) -> Rig:
    """A car of any provider that was plugged in some time of the night, under either rules."""
    rules, promises = RULES[draw(st.sampled_from(["usual", "usual", "tight"]))]
    rig = Rig(
        twin=new_twin(draw(st.sampled_from(["enode", "smartcar", "tesla", "ocpp"]))),
        rules=rules,
        promises=promises(),
        now=START + draw(st.sampled_from([0, 6, 12])) * HOUR,
        sighting_every=draw(st.sampled_from([10 * MINUTE, None])),
    )
    rig.happened.append(f"{'tight' if rules is TIGHT else 'usual'} rules from {rig.now:%H:%M}")
    rig.happened.append("changes only" if rig.sighting_every is None else "sighted regularly")
    rig.car.driver_amps = rig.car.amps = draw(st.sampled_from([32, 16, 8]))
    rig.plug_in()
    return rig


@st.composite
def played_rigs(draw: st.DrawFn) -> Rig:
    """A rig after a history with all faults over; it checked every write of it."""
    rig = draw(rigs())
    for gap, fault, (name, happening) in draw(
        st.lists(st.tuples(minutes, faults, happenings), min_size=6, max_size=30)
    ):
        rig.run(gap * MINUTE)
        rig.fault = fault
        rig.happened.append(f"{name} at {rig.now:%d %H:%M:%S} ({fault})")
        happening(rig)
        tried[str(fault)] += 1
    rig.fault = None
    rig.be_silent(False)
    rig.car.obeys_after = timedelta(seconds=5)
    tried["histories"] += 1
    tried["commands"] += len(rig.sent)
    tried["given up"] += len(rig.entries_of("CommandFailed"))
    tried["put off"] += len(rig.entries_of("CommandPutOff"))
    tried["woken"] += sum(rig.promised.wakes.values())
    tried["stopped"] += sum(rig.promised.stops.values())
    return rig


tried: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def _print_what_was_tried() -> object:
    yield
    print(f"\ncharge control: {dict(sorted(tried.items()))}")


def excused(rig: Rig) -> bool:
    """Whether a named guard explains why the car does not do what is desired; the rig counts the budget itself."""
    held_back = explain(rig.twin, rig.now, rig.rules)[1]
    if held_back is None:
        return False
    if held_back.reason is Reason.DAILY_BUDGET_SPENT:
        return rig.per_day[rig.now.date().isoformat()] >= rig.promised.daily_commands - KEPT_FOR_STARTS
    return held_back.reason in {Reason.PAIR_CAP_REACHED, Reason.BATTERY_FULL}


def follows(rig: Rig, want: Desired) -> bool:
    """Whether the car does what is desired, with the limit that it can keep."""
    car, vehicle = rig.car, rig.twin.link.vehicle
    limits = want.want == "charge" and vehicle is not None and vehicle.capabilities.takes_limits
    limited = car.limit_kw == want.limit_kw or (want.limit_kw is not None and car.amps == car.driver_amps < 32)
    return car.charging == (want.want == "charge") and (not limits or limited)


def state(rig: Rig) -> tuple[object, ...]:
    """The state of a rig, to explain a failure."""
    return explain(rig.twin, rig.now, rig.rules), rig.twin.control, rig.car


def agrees(rig: Rig) -> bool:
    """Whether the car does what is desired, is rightly left alone, or is held back by a named guard."""
    want, _ = explain(rig.twin, rig.now, rig.rules)
    if want.want == "leave":
        idle = not rig.car.plugged or rig.car.full or rig.car.charging or not rig.car.held
        return idle or want.reason is Reason.THIRD_PARTY_INTERFERENCE or excused(rig)
    # A charger can do no more than let a car charge.
    left_to_car = want.want == "charge" and rig.car.unwilling and is_instructed(rig.twin) and not rig.car.held
    return follows(rig, want) or rig.car.full or left_to_car or excused(rig)


def at_home_again(rig: Rig) -> None:
    """A car that is enrolled, at home, plugged in and not full, and that keeps no schedule."""
    rig.change(lambda twin: replace(twin, charge_now=None, profiles=()))
    rig.link(enrolled=True, snoozed_min=0)
    rig.run(MINUTE)
    rig.come_home()
    rig.plug_in()
    rig.run(MINUTE)
    rig.raise_charge_limit()
    rig.run(20 * MINUTE)


busy_parts = st.lists(
    st.tuples(st.sampled_from([20, 6, 45]), st.sampled_from([0.0, 7.4, 3.0, 0.0, 5.0])), min_size=8, max_size=16
)


def settings_for(share: float) -> settings:
    return settings(
        max_examples=max(1, int(HISTORIES * share)), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )


@settings_for(1)
@given(rig=played_rigs())
def test_the_car_does_what_is_desired_once_faults_cease(rig: Rig) -> None:
    rig.run(BREAKER_OVER)
    off = timedelta(0)
    for _ in range(24):
        rig.run(10 * MINUTE)
        off = timedelta(0) if agrees(rig) else off + 10 * MINUTE
        assert off <= 40 * MINUTE, state(rig)


@settings_for(0.4)
@given(rig=rigs(), schedule=busy_parts)
def test_a_busy_schedule_is_followed_as_far_as_the_guards_allow(rig: Rig, schedule: list[tuple[float, float]]) -> None:
    rig.run(6 * MINUTE)
    rig.schedule(*schedule)
    for part_min, _ in schedule:
        rig.run((part_min - 0.5) * MINUTE)
        assert agrees(rig), state(rig)
        rig.run(0.5 * MINUTE)
    tried["stopped"] += sum(rig.promised.stops.values())


def obstruct(rig: Rig, obstacle: str) -> None:
    """Bring the car into a state in which only the driver's wish lets it charge."""
    rig.schedule((60 * 24, 0.0))
    rig.run(20 * MINUTE)
    match obstacle:
        case "left alone":
            rig.fault = "refused"
            rig.schedule((60 * 24, 7.4))
            rig.run(12 * MINUTE)
            rig.fault = None
        case "snoozed":
            rig.link(snoozed_min=24 * 60)
            rig.run(MINUTE)
            rig.set_charging(False)


def put_off_and_lost(rig: Rig) -> None:
    """The provider is out of service, and the first commands after that are lost."""
    for fault in ("out", "event_lost"):
        rig.fault = fault
        rig.run(1.5 * MINUTE)
    rig.fault = None


@settings_for(0.6)
@given(rig=played_rigs(), obstacle=st.sampled_from(["left alone", "snoozed", "out of service", "held"]))
def test_a_drivers_charge_now_wins_over_everything_but_the_daily_budget(rig: Rig, obstacle: str) -> None:
    at_home_again(rig)
    obstruct(rig, obstacle)
    rig.charge_now(120)
    if obstacle == "out of service":
        put_off_and_lost(rig)
    # Not a whole minute, at which a schedule that the car keeps may stop it: it is started again within seconds.
    rig.run(5.3 * MINUTE)
    assert rig.car.charging or excused(rig), state(rig)
    rig.run(HOUR)
    assert rig.car.charging or excused(rig), state(rig)


@settings_for(0.6)
@given(
    rig=played_rigs(),
    how=st.sampled_from(["unenrolled", "leaving", "snoozed"]),
    fault=st.sampled_from([None, None, *PROVIDER_FAULTS]),
)
def test_a_released_car_is_able_to_charge(rig: Rig, how: str, fault: str | None) -> None:
    at_home_again(rig)
    rig.schedule((60 * 24, 0.0))
    rig.run(20 * MINUTE)
    rig.fault = fault
    match how:
        case "unenrolled":
            rig.link(enrolled=False)
        case "leaving":
            rig.link(leaving=True)
        case _:
            rig.link(snoozed_min=48 * 60)
    rig.run(10 * MINUTE)
    rig.fault = None
    rig.run(BREAKER_OVER)
    # What a provider calls unsupported is asked for again after a day.
    assert not rig.car.held or excused(rig) or fault == "unsupported", state(rig)
    rig.run(25 * HOUR)
    assert not rig.car.held, state(rig)
    assert not rig.car.kept_schedule, state(rig)
    assert rig.car.amps == rig.car.driver_amps, state(rig)
    assert rig.twin.control.command is None or rig.twin.control.command.state not in OPEN
