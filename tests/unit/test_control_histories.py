"""Charge control on generated histories: any schedule, any driver, any provider fault, on a simulated clock."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driveway.domain.guard import explain
from driveway.domain.reasons import Reason
from tests.unit.control_rig import MINUTE, OPEN, PROVIDER_FAULTS, Rig, new_twin

HISTORIES = int(os.environ.get("CONTROL_HISTORIES", "25"))
BREAKER_OVER = timedelta(hours=5)
EXCUSES = {Reason.DAILY_BUDGET_SPENT, Reason.PAIR_CAP_REACHED, Reason.BATTERY_FULL}

minutes = st.sampled_from([25, 50, 10, 4, 120, 1, 0.1])
parts = st.lists(
    st.tuples(st.sampled_from([3, 15, 40, 90]), st.sampled_from([0.0, 0.0, 3.0, 7.4])), min_size=1, max_size=5
)
happenings: st.SearchStrategy[tuple[str, Callable[[Rig], None]]] = st.one_of(
    st.just(("plug in", Rig.plug_in)),
    st.just(("plug out", Rig.plug_out)),
    st.just(("drive to a charger elsewhere", Rig.drive_to_a_charger_elsewhere)),
    st.just(("false plug-out", lambda rig: rig.observe(plugged_in=False))),
    st.just(("self-start", Rig.self_start)),
    st.just(("self-stop", lambda rig: rig.set_charging(False))),
    st.just(("full", Rig.fill)),
    st.just(("silence", lambda rig: setattr(rig, "silent", not rig.silent))),
    parts.map(lambda some: ("schedule", lambda rig: rig.schedule(*some))),
    minutes.map(lambda some: ("charge now", lambda rig: rig.charge_now(some))),
    st.booleans().map(lambda flag: ("enrolment", lambda rig: rig.link(enrolled=flag))),
    minutes.map(lambda some: ("snooze", lambda rig: rig.link(snoozed_min=some))),
    st.sampled_from([*PROVIDER_FAULTS, None]).map(lambda fault: ("fault", lambda rig: setattr(rig, "fault", fault))),
    st.sampled_from([1, 30, 240]).map(
        lambda slow: ("slow car", lambda rig: setattr(rig.car, "obeys_after", timedelta(seconds=slow)))
    ),
)
histories = st.lists(st.tuples(minutes, happenings), min_size=6, max_size=30)
providers = st.sampled_from(["enode", "smartcar", "tesla", "ocpp"])

tried: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def _print_what_was_tried() -> object:
    yield
    print(f"\ncharge control: {dict(sorted(tried.items()))}")


def played(provider: str, history: list[tuple[float, tuple[str, Callable[[Rig], None]]]]) -> Rig:
    """The rig after a history, which it checks at every write, with all faults over."""
    rig = Rig(twin=new_twin(provider))
    rig.plug_in()
    for gap, (_, happening) in history:
        rig.run(gap * MINUTE)
        happening(rig)
    tried["histories"] += 1
    tried["commands"] += len(rig.sent)
    tried["happenings"] += len(history)
    tried["given up"] += len(rig.told("CommandFailed"))
    tried["put off"] += len(rig.told("CommandPutOff"))
    rig.fault, rig.silent = None, False
    rig.car.obeys_after = timedelta(seconds=5)
    return rig


def excused(rig: Rig) -> bool:
    held_back = explain(rig.twin, rig.now, rig.rules)[1]
    return held_back is not None and held_back.reason in EXCUSES


def agrees(rig: Rig) -> bool:
    """Whether the car does what is desired, is rightly left alone, or a named protection says why not."""
    want, _ = explain(rig.twin, rig.now, rig.rules)
    if want.want == "leave":
        idle = not rig.car.plugged or rig.car.full or rig.car.charging or not rig.car.held
        return idle or want.reason is Reason.THIRD_PARTY_INTERFERENCE or excused(rig)
    return rig.car.charging == (want.want == "charge") or rig.car.full or excused(rig)


def settings_for(share: float) -> settings:
    return settings(
        max_examples=max(1, int(HISTORIES * share)), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )


@settings_for(1)
@given(provider=providers, history=histories)
def test_the_car_does_what_is_desired_once_faults_cease(provider: str, history: list) -> None:  # type: ignore[type-arg]  # of events
    rig = played(provider, history)
    rig.run(BREAKER_OVER)
    off = timedelta(0)
    for _ in range(24):
        rig.run(10 * MINUTE)
        off = timedelta(0) if agrees(rig) else off + 10 * MINUTE
        assert off <= 40 * MINUTE, (explain(rig.twin, rig.now, rig.rules), rig.twin.control, rig.car)


@settings_for(0.6)
@given(provider=providers, history=histories)
def test_a_drivers_charge_now_wins_over_everything_but_the_daily_budget(provider: str, history: list) -> None:  # type: ignore[type-arg]  # of events
    rig = played(provider, history)
    rig.link(enrolled=True)
    rig.come_home()
    rig.plug_in()
    rig.car.full = False
    rig.run(20 * MINUTE)
    rig.charge_now(120)
    rig.run(45 * MINUTE)
    assert rig.car.charging or excused(rig), (explain(rig.twin, rig.now, rig.rules), rig.twin.control, rig.car)


@settings_for(0.6)
@given(provider=providers, history=histories, how=st.sampled_from(["unenrolled", "leaving", "snoozed"]))
def test_a_car_that_is_let_go_of_is_left_able_to_charge(provider: str, history: list, how: str) -> None:  # type: ignore[type-arg]  # of events
    rig = played(provider, history)
    rig.change(lambda twin: replace(twin, charge_now=None))
    match how:
        case "unenrolled":
            rig.link(enrolled=False)
        case "leaving":
            rig.link(leaving=True)
        case _:
            rig.link(snoozed_min=24 * 60)
    rig.run(BREAKER_OVER)
    assert not rig.car.held or rig.car.full or excused(rig) or not rig.car.plugged, (rig.twin.control, rig.car)
    assert rig.twin.control.command is None or rig.twin.control.command.state not in OPEN
