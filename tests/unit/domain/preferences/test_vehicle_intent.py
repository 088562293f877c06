"""Several cars at one charger: the intent of the plugged-in car counts, and is reported to Axle once."""

from datetime import datetime
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.axle_sync.answers import acknowledged
from driveway.domain.axle_sync.calls import AxleCall
from driveway.domain.axle_sync.differences import axle_due, next_call, wanted_intent
from driveway.domain.preferences.errors import PreferenceError
from driveway.domain.preferences.vehicle_intent import (
    MOST_VEHICLES,
    intent_in_force,
    is_vehicle_id,
    parse_vehicle_intent,
    vehicle_intent_body,
    with_vehicle_intent,
)
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.reports.apply_observations import apply_presence_step
from driveway.domain.twin import Intent, Presence, Twin, VehicleIntent
from driveway.values import replace
from tests.support.domain.example_preferences import EVERY_DAY
from tests.support.domain.limits import limit_at
from tests.support.domain.twins import NOW, a_twin, minutes

LEAF = Intent(ready_by=EVERY_DAY, kwh=12)
ZOE = Intent(ready_by=dict.fromkeys(EVERY_DAY, "09:30"), target_soc_pct=80)
EXACT = PresenceRules(refresh_s=0)


def a_charger(**own: VehicleIntent) -> Twin:
    """A charger that a Leaf, a Zoe (or those in ``own``) and cars without an intent of their own share."""
    twin = a_twin(vehicle_intents=own or {"leaf": VehicleIntent(LEAF), "zoe": VehicleIntent(ZOE, battery_kwh=40)})
    return replace(twin, link=replace(twin.link, type="charger"))


def saw(twin: Twin, minute: float, *, now: float | None = None, **signals: Any) -> Twin:
    """The twin after an observation at a minute of the evening, which arrives then or at ``now``."""
    seen = Observation(at=NOW + minutes(minute), source="app", **signals)
    known_at = NOW + minutes(minute if now is None else now)
    step = observe(twin.presence, seen, now=known_at, rules=EXACT)
    return apply_presence_step(twin, step)


def plugged_in(minute: float, twin: Twin | None = None, **signals: Any) -> Twin:
    return saw(twin or a_charger(), minute, plugged_in=True, at_home=True, **signals)


def reported(twin: Twin, minute: float) -> tuple[Twin, list[AxleCall]]:
    """The twin after all reports to Axle at a minute, and their calls."""
    now, calls = NOW + minutes(minute), list[AxleCall]()
    while (call := next_call(twin, now)) is not None:
        calls.append(call)
        twin = acknowledged(twin, call, now)
    return twin, calls


def known_to_axle(twin: Twin, minute: float) -> Twin:
    return reported(twin, minute)[0]


def decides(twin: Twin) -> tuple[str | None, bool]:
    counting = intent_in_force(twin)
    return counting.vehicle_id, counting.of_vehicle


def test_the_car_that_is_plugged_in_decides_whose_intent_counts() -> None:
    twin = plugged_in(0)
    assert intent_in_force(twin).intent is twin.intent
    leaf, other = saw(twin, 1, vehicle_id="leaf"), saw(twin, 1, vehicle_id="van")
    assert (intent_in_force(leaf).intent, decides(leaf)) == (LEAF, ("leaf", True))
    assert (intent_in_force(other).intent, decides(other)) == (twin.intent, ("van", False))


@pytest.mark.parametrize("named", [-10, 0, 5])
def test_a_car_may_be_named_shortly_before_the_plug_in_with_it_or_after_it(named: float) -> None:
    reports: list[tuple[float, dict[str, Any]]] = [(named, {"vehicle_id": "leaf"})]
    reports.append((0, {"plugged_in": True, "at_home": True}))
    twin = a_charger()
    for minute, signals in sorted(reports, key=lambda each: each[0]):
        twin = saw(twin, minute, **signals)
    if named == 0:
        twin = plugged_in(0, vehicle_id="leaf")
    assert decides(twin) == ("leaf", True)


def test_a_name_ends_with_the_plug_it_was_for() -> None:
    away = saw(plugged_in(0, vehicle_id="leaf"), 60, plugged_in=False)
    again = plugged_in(90, away)
    assert again.presence.session is not None
    assert again.presence.session.plugged_at == NOW + minutes(90)
    assert decides(again) == (None, False)


def test_a_name_given_long_before_the_plug_in_does_not_count_for_it() -> None:
    assert decides(plugged_in(20, saw(a_charger(), 0, vehicle_id="leaf"))) == (None, False)


def test_the_name_stays_when_the_plug_out_was_a_false_one() -> None:
    twin = saw(plugged_in(0, vehicle_id="leaf"), 60, plugged_in=False)
    assert decides(saw(twin, 61, plugged_in=True)) == ("leaf", True)
    closed = saw(twin, 63, reachable=True)
    assert closed.presence.session is None
    reopened = saw(closed, 61, now=64, charging=True)
    assert reopened.presence.session is not None
    assert decides(reopened) == ("leaf", True)


def test_a_name_reported_for_a_session_that_is_over_does_not_count_for_the_next_one() -> None:
    twin = plugged_in(90, saw(plugged_in(0), 60, plugged_in=False))
    assert decides(saw(twin, 50, now=95, vehicle_id="leaf")) == (None, False)


def test_a_car_that_is_reported_unplugged_is_not_the_one_that_is_plugged_in() -> None:
    twin = saw(plugged_in(0), 5, plugged_in=False, vehicle_id="leaf")
    assert decides(saw(twin, 6, plugged_in=True)) == (None, False)


def test_another_car_plugged_in_while_a_plug_out_is_held_is_another_session() -> None:
    twin = saw(plugged_in(0, vehicle_id="leaf"), 60, plugged_in=False)
    swapped = plugged_in(61, twin, vehicle_id="zoe")
    last, session = swapped.presence.last_session, swapped.presence.session
    assert last is not None
    assert session is not None
    assert (last.closed_at, session.plugged_at) == (NOW + minutes(60), NOW + minutes(61))
    assert decides(swapped) == ("zoe", True)
    assert {"PluggedOut", "PluggedIn", "VehicleNamed"} <= {entry.event for entry in swapped.news}


def test_the_same_car_plugged_in_while_a_plug_out_is_held_goes_on_with_its_session() -> None:
    twin = saw(plugged_in(0, vehicle_id="leaf"), 60, plugged_in=False)
    on = plugged_in(61, twin, vehicle_id="leaf")
    assert on.presence.session == twin.presence.session
    assert on.presence.held_plug_out is None


def test_a_name_makes_one_event() -> None:
    twin = plugged_in(0, vehicle_id="leaf")
    again = saw(replace(twin, news=()), 1, vehicle_id="leaf")
    assert [entry.detail["vehicle_id"] for entry in twin.news if entry.event == "VehicleNamed"] == ["leaf"]
    assert again.news == ()


NAMES = st.lists(st.sampled_from(["leaf", "zoe", "van"]), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(names=NAMES, plug=st.integers(-10, 3))
def test_the_latest_name_counts_in_any_order_of_arrival(names: list[str], plug: int) -> None:
    reports: list[tuple[int, dict[str, Any]]] = [(minute, {"vehicle_id": name}) for minute, name in enumerate(names)]
    reports.append((plug, {"plugged_in": True, "at_home": True}))
    ends = set()
    for order in permutations(reports):
        twin = a_charger()
        for minute, signals in order:
            twin = saw(twin, minute, now=5, **signals)
        ends.add(decides(twin))
    assert ends == {(names[-1], names[-1] != "van")}


def test_a_plug_in_carries_the_intent_of_its_car_and_nothing_else_is_reported() -> None:
    twin = plugged_in(0, known_to_axle(a_charger(), 0), vehicle_id="leaf")
    calls = reported(twin, 0)[1]
    assert [(call.kind, call.body["intent"]["energy_required_kwh"]) for call in calls] == [("plug-in", 12)]


def test_a_car_that_is_named_later_or_again_is_one_call() -> None:
    twin = known_to_axle(plugged_in(0, known_to_axle(a_charger(), 0)), 0)
    leaf, calls = reported(saw(twin, 2, vehicle_id="leaf"), 2)
    assert [(call.kind, call.body["intent"]["energy_required_kwh"]) for call in calls] == [("intent", 12)]
    back, calls = reported(saw(leaf, 4, vehicle_id="van"), 4)
    assert [(call.kind, call.body["intent"]["energy_required_kwh"]) for call in calls] == [("intent", 30)]
    assert reported(saw(back, 6, vehicle_id="bus"), 6)[1] == []


def test_a_car_that_leaves_is_a_plug_out_and_no_other_intent() -> None:
    twin = known_to_axle(plugged_in(0, known_to_axle(a_charger(), 0), vehicle_id="leaf"), 0)
    left = saw(saw(twin, 60, plugged_in=False), 63, reachable=True)
    after, calls = reported(left, 63)
    assert [call.kind for call in calls] == ["plug-out"]
    assert [call.kind for call in reported(plugged_in(90, after), 90)[1]] == ["plug-in"]


@settings(max_examples=40, deadline=None)
@given(cars=st.lists(st.sampled_from(["leaf", "zoe", "van", None]), min_size=1, max_size=6))
def test_each_plug_in_is_reported_once_with_the_intent_of_its_car(cars: list[str | None]) -> None:
    wanted = {"leaf": ("07:00:00", 12.0), "zoe": ("09:30:00", 29.6), "van": ("07:00:00", 30.0)}
    twin = known_to_axle(a_charger(), 0)
    for number, car in enumerate(cars):
        start = 60.0 * number
        twin, calls = reported(plugged_in(start + 1, twin, vehicle_id=car), start + 1)
        assert [call.kind for call in calls] == ["plug-in"]
        sent = calls[0].body["intent"]
        assert (sent["ready_by_local_time"], sent["energy_required_kwh"]) == wanted[car or "van"]
        twin = saw(saw(twin, start + 40, plugged_in=False), start + 50, reachable=True)
        twin, calls = reported(twin, start + 50)
        assert [call.kind for call in calls] == ["plug-out"]


def test_energy_is_bounded_by_the_battery_of_the_car_that_is_plugged_in() -> None:
    big = replace(LEAF, kwh=90)
    for own_kwh, energy_kwh in ((40.0, 40.0), (None, 64.0)):
        twin = plugged_in(0, a_charger(leaf=VehicleIntent(big, own_kwh)), vehicle_id="leaf")
        intent = wanted_intent(twin, NOW)
        assert intent is not None
        assert intent.energy_required_kwh == energy_kwh


def test_a_target_counts_from_the_state_of_charge_of_this_car_and_not_of_the_one_before() -> None:
    twin = saw(plugged_in(0, vehicle_id="leaf", soc_pct=70, battery_full=True), 60, plugged_in=False)
    zoe = plugged_in(90, twin, vehicle_id="zoe")
    assert (zoe.presence.soc_pct, zoe.presence.battery_full) == (None, None)
    late = saw(zoe, 59, now=91, soc_pct=75)
    unknown, known = wanted_intent(late, NOW), wanted_intent(saw(late, 92, soc_pct=62), NOW)
    assert unknown is not None
    assert known is not None
    assert (unknown.energy_required_kwh, unknown.energy_estimated) == (29.6, True)
    assert (known.energy_required_kwh, known.energy_estimated) == (8.0, False)


def test_a_state_of_charge_reported_before_the_name_but_at_this_plug_is_this_cars() -> None:
    twin = saw(plugged_in(0, vehicle_id="leaf", soc_pct=70), 60, plugged_in=False)
    zoe = saw(plugged_in(90, twin, soc_pct=62), 91, vehicle_id="zoe")
    intent = wanted_intent(zoe, NOW)
    assert intent is not None
    assert intent.energy_required_kwh == 8.0


def test_another_car_with_the_same_target_is_reported_even_if_it_needs_less() -> None:
    both = a_charger(zoe=VehicleIntent(ZOE, 40), kona=VehicleIntent(ZOE, 40))
    twin = known_to_axle(plugged_in(0, known_to_axle(both, 0), vehicle_id="zoe", soc_pct=30), 0)
    calls = reported(saw(twin, 60, vehicle_id="kona", soc_pct=40), 60)[1]
    assert [(call.kind, call.body["intent"]["energy_required_kwh"]) for call in calls] == [("intent", 17.8)]


def test_a_refused_target_of_one_car_does_not_stop_the_report_of_anothers() -> None:
    both = a_charger(zoe=VehicleIntent(ZOE, 40), kona=VehicleIntent(ZOE, 40))
    zoe = next_call(known_but_the_intent(plugged_in(0, both, vehicle_id="zoe", soc_pct=30)), NOW)
    kona = next_call(known_but_the_intent(plugged_in(0, both, vehicle_id="kona", soc_pct=30)), NOW)
    assert zoe is not None
    assert kona is not None
    assert zoe.fingerprint != kona.fingerprint


def known_but_the_intent(twin: Twin) -> Twin:
    twin = known_to_axle(twin, 0)
    return replace(twin, axle=replace(twin.axle, intent=None))


def test_the_minimum_state_of_charge_is_that_of_the_car_that_is_plugged_in() -> None:
    needy = VehicleIntent(replace(LEAF, minimum_soc_pct=50), battery_kwh=37)
    twin = plugged_in(0, a_charger(leaf=needy), soc_pct=40)
    assert limit_at(twin, NOW).source == "default"
    holds = limit_at(saw(twin, 1, vehicle_id="leaf"), NOW + minutes(1))
    # Thirty minutes after the state of charge was observed.
    assert (holds.source, holds.end) == ("minimum_soc", NOW + minutes(30))


def test_the_next_departure_of_the_car_that_is_plugged_in_is_reported_when_one_has_passed() -> None:
    weekend = Intent(ready_by={**EVERY_DAY, "sat": "10:00"}, kwh=12)
    twin = a_charger(leaf=VehicleIntent(weekend))
    assert axle_due(known_to_axle(plugged_in(0, twin), 0), NOW) is None
    twin = known_to_axle(plugged_in(0, twin, vehicle_id="leaf"), 0)
    friday = datetime.fromisoformat("2026-01-16T07:00:00Z")
    assert axle_due(twin, NOW) == friday
    calls = reported(twin, (friday - NOW) / minutes(1))[1]
    assert [(call.kind, call.body["intent"]["ready_by_local_time"]) for call in calls] == [("intent", "10:00:00")]


@pytest.mark.parametrize("name", ["leaf", "5YJ30000000000001", "DE-123", "a" * 64, "0.b:c_d-e"])
def test_a_vehicles_id_is_the_apps_own_word(name: str) -> None:
    assert is_vehicle_id(name)


@pytest.mark.parametrize("name", ["", "a" * 65, "-a", "a b", "a/b", "é", "a\n"])
def test_other_texts_are_refused_as_a_vehicles_id(name: str) -> None:
    assert not is_vehicle_id(name)


def test_the_intent_of_a_car_is_an_intent_with_perhaps_a_battery() -> None:
    body = {"target_soc_pct": 90, "ready_by": "8:30", "battery_kwh": 40}
    own = parse_vehicle_intent(body)
    assert (own.intent.target_soc_pct, own.battery_kwh) == (90, 40)
    assert parse_vehicle_intent({"ready_by": "07:00", "battery_kwh": None}).battery_kwh is None


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/ready_by"]),
        ({"ready_by": "07:00", "battery_kwh": 0}, ["/battery_kwh"]),
        ({"ready_by": "07:00", "battery_kwh": 1001}, ["/battery_kwh"]),
        ({"ready_by": "07:00", "battery_kwh": "40"}, ["/battery_kwh"]),
        ({"ready_by": "25:00", "battery_kwh": True}, ["/battery_kwh", "/ready_by"]),
        ({"ready_by": "07:00", "vehicle_id": "leaf"}, ["/vehicle_id"]),
    ],
)
def test_every_fault_of_a_cars_intent_is_pointed_at(body: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(PreferenceError) as refused:
        parse_vehicle_intent(body)
    assert [pointer for pointer, _ in refused.value.errors] == pointers


@given(
    kwh=st.none() | st.floats(0, 500),
    battery_kwh=st.none() | st.floats(0.1, 1000),
    minimum=st.none() | st.integers(0, 100),
)
def test_normalising_a_cars_intent_twice_is_the_same_as_once(
    kwh: float | None, battery_kwh: float | None, minimum: int | None
) -> None:
    own = parse_vehicle_intent(
        {"kwh": kwh, "battery_kwh": battery_kwh, "minimum_soc_pct": minimum, "ready_by": {"sat": "9:30"}}
    )
    assert parse_vehicle_intent(vehicle_intent_body(own)) == own


def test_a_target_needs_the_battery_of_the_car_or_of_the_asset() -> None:
    twin = a_twin()
    unknown = replace(twin, link=replace(twin.link, battery_kwh=None))
    assert with_vehicle_intent(unknown, "zoe", VehicleIntent(ZOE, 40)).vehicle_intents["zoe"].battery_kwh == 40
    assert with_vehicle_intent(twin, "zoe", VehicleIntent(ZOE)).vehicle_intents["zoe"].battery_kwh is None
    with pytest.raises(PreferenceError) as refused:
        with_vehicle_intent(unknown, "zoe", VehicleIntent(ZOE))
    assert [pointer for pointer, _ in refused.value.errors] == ["/target_soc_pct"]


def test_an_intent_that_changes_nothing_leaves_the_same_twin() -> None:
    twin = a_charger()
    assert with_vehicle_intent(twin, "leaf", VehicleIntent(LEAF)) is twin
    assert with_vehicle_intent(twin, "van", None) is twin


def test_the_number_of_cars_with_an_own_intent_is_bounded() -> None:
    twin = a_twin(vehicle_intents={f"car-{number}": VehicleIntent(LEAF) for number in range(MOST_VEHICLES)})
    with pytest.raises(PreferenceError):
        with_vehicle_intent(twin, "one-more", VehicleIntent(LEAF))
    assert with_vehicle_intent(twin, "car-0", VehicleIntent(ZOE, 40)).vehicle_intents["car-0"].intent == ZOE
    assert len(with_vehicle_intent(twin, "car-0", None).vehicle_intents) == MOST_VEHICLES - 1


def test_the_assets_intent_counts_for_a_twin_without_observations() -> None:
    twin = a_twin(presence=Presence())
    assert decides(twin) == (None, False)
