"""What the judge allows a product that could not know better: as much as stated, and no more."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.world import ends
from tests.world.car_night import CarNight, Opening, Stay
from tests.world.measured import hidden_wh, is_lost_contact, is_sound, soc_step_wh, unseen_falls_wh, unseen_stops_wh
from tests.world.seen import Report
from tests.world.verdicts import HOLDS, verdicts_are_so

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
CAR = "car"


def at(minute: float) -> datetime:
    return EVENING + timedelta(minutes=minute)


def report(minute: float, *, charging: bool = False, plugged: bool = True, at_home: bool = True) -> Report:
    return Report(at(minute), plugged, at_home, at(minute), charging)


def night_of_one(provider: str, *reports: Report, charged: tuple[float, float] = (0, 60)) -> CarNight:
    """A car of 64 kWh that took 6 kW between two minutes, and these reports of it."""
    since, until = charged
    moments = [SimpleNamespace(at=at(since), charging=True, most_kw=6.0)]
    moments.append(SimpleNamespace(at=at(until), charging=False, most_kw=6.0))

    def meter_wh(then: datetime) -> float:
        return 100.0 * min(max((then - at(since)) / timedelta(minutes=1), 0.0), until - since)

    cars = {CAR: SimpleNamespace(transitions=moments)}
    world = SimpleNamespace(
        cars=SimpleNamespace(world=SimpleNamespace(cars=cars)), clock=SimpleNamespace(now=lambda: at(900))
    )
    one: Any = SimpleNamespace(
        home=SimpleNamespace(provider=provider, vehicle_id=CAR, spec={}),
        seen=SimpleNamespace(reports={CAR: list(reports)}),
        night=SimpleNamespace(world=world),
        moments=moments,
        meter_wh=meter_wh,
        within=lambda *_: [],
    )
    return cast("CarNight", one)


@pytest.mark.parametrize(
    ("provider", "outages", "silences", "drop", "sound"),
    [
        ("ocpp", [], [], 0.0, True),
        ("ocpp", ["ocpp"], [], 0.0, False),
        ("ocpp", [CAR], [], 0.0, False),
        ("ocpp", ["enode"], ["enode"], 0.0, True),
        ("ocpp", [], ["ocpp"], 0.0, False),
        ("ocpp", [], [], 0.1, False),
        ("enode", [], [], 0.0, False),
    ],
)
def test_only_a_charger_that_was_reported_throughout_has_a_sound_meter(
    provider: str, outages: list[str], silences: list[str], drop: float, sound: bool
) -> None:
    one: Any = night_of_one(provider)
    one.seen.outages = defaultdict(list, {name: [(EVENING, at(9))] for name in outages})
    one.seen.silences = defaultdict(list, {name: [(EVENING, at(9))] for name in silences})
    one.night.neighbourhood = SimpleNamespace(makers={"ocpp": {"webhook_faults": {"drop": drop}}})
    assert is_sound(one) == sound


@pytest.mark.parametrize(
    ("provider", "first_seen_min", "allowed_wh"),
    [("enode", 90, 3000), ("tesla", 90, 3000), ("enode", 60, 0), ("ocpp", 90, 0)],
)
def test_power_may_hold_until_the_first_report_of_a_stop_where_nothing_else_shows_it(
    provider: str, first_seen_min: float, allowed_wh: float
) -> None:
    one = night_of_one(provider, report(0, charging=True), report(first_seen_min))
    assert unseen_stops_wh(one) == allowed_wh


@pytest.mark.parametrize(
    ("provider", "spec", "reports", "allowed_wh"),
    [
        ("enode", {"claimed_soc_pct": 0}, [report(0, charging=True), report(90)], 5100),
        ("enode", {"claimed_soc_pct": 0}, [report(60), report(0, charging=True)], 2600),
        ("enode", {"claimed_soc_pct": 0}, [report(0), report(90)], 0),
        ("enode", {}, [report(0, charging=True), report(90)], 0),
        ("tesla", {"claimed_soc_pct": 0}, [report(0, charging=True), report(90)], 0),
    ],
)
def test_power_may_hold_while_it_falls_unseen_only_where_the_state_of_charge_is_made_up(
    provider: str, spec: dict[str, object], reports: list[Report], allowed_wh: float
) -> None:
    """The car took 2.4 kWh in the first hour, and then nothing. It may take 5 kW."""
    one: Any = night_of_one(provider, *reports)
    one.home.spec = spec
    one.moment = lambda _: SimpleNamespace(most_kw=5.0)
    one.meter_wh = lambda then: 0.0 if then == EVENING else 2400.0
    assert round(unseen_falls_wh(one)) == allowed_wh


@pytest.mark.parametrize(
    ("provider", "reachable", "seen_again", "withheld", "lost"),
    [
        ("tesla", False, report(480, plugged=False, at_home=False), False, True),
        ("tesla", False, None, False, True),
        ("tesla", False, report(480), False, False),
        ("tesla", False, report(480), True, True),
        ("tesla", True, report(480, plugged=False, at_home=False), False, False),
        ("tesla", True, report(480), True, False),
        ("enode", False, report(480, plugged=False, at_home=False), True, False),
    ],
    ids=[
        "elsewhere",
        "never seen again",
        "at its plug",
        "at its plug after an opt-out",
        "in contact",
        "in contact before an opt-out",
        "of another maker",
    ],
)
def test_only_a_tesla_without_contact_whose_energy_nothing_shows_or_corrects_counts_as_having_slept(
    provider: str, reachable: bool, seen_again: Report | None, withheld: bool, lost: bool
) -> None:
    one: Any = night_of_one(provider, report(-60), *([seen_again] if seen_again is not None else []))
    one.within = lambda *_: [SimpleNamespace(reachable=reachable)]
    assert is_lost_contact(one, EVENING, is_withheld=withheld) == lost


@pytest.mark.parametrize(("provider", "allowed_wh"), [("enode", 711), ("smartcar", 0), ("tesla", 0), ("ocpp", 0)])
def test_a_car_without_a_register_is_measured_to_a_per_cent_of_its_battery(provider: str, allowed_wh: int) -> None:
    assert round(soc_step_wh(night_of_one(provider))) == allowed_wh


@pytest.mark.parametrize(
    ("provider", "lasted_min", "seen_min", "allowed_wh"),
    [
        ("enode", 5, None, 500),
        ("enode", 5, 2, 200),
        ("enode", 7, None, 0),
        ("enode", 25, 6, 600),
        ("enode", 25, 7, 0),
        ("smartcar", 5, None, 0),
    ],
    ids=[
        "a short one",
        "a short one that is seen",
        "over a per cent of the battery",
        "the beginning of one that is seen",
        "over a per cent before it is seen",
        "of a car with a register",
    ],
)
def test_a_zero_may_hide_only_less_than_a_per_cent_of_the_battery_before_a_report_showed_the_charge(
    provider: str, lasted_min: float, seen_min: float | None, allowed_wh: float
) -> None:
    reports = [report(-5), report(30)] if seen_min is None else [report(seen_min, charging=True)]
    assert hidden_wh(night_of_one(provider, *reports, charged=(0, lasted_min)), EVENING) == allowed_wh
    assert hidden_wh(night_of_one(provider, *reports, charged=(0, lasted_min)), at(30)) == 0


@pytest.mark.parametrize(
    ("spec", "seen_min", "allowed_wh"),
    [({"claimed_soc_pct": 50}, 41, 2000), ({"claimed_soc_pct": 0}, 39, 0), ({}, 41, 0)],
    ids=["first shown after the half-hour was reported", "shown before", "of a battery that shows it"],
)
def test_a_zero_may_hide_more_only_if_the_state_of_charge_is_made_up_and_the_charge_was_shown_later(
    spec: dict[str, Any], seen_min: float, allowed_wh: float
) -> None:
    one: Any = night_of_one("enode", report(0), report(seen_min, charging=True), charged=(10, 90))
    one.home.spec = spec
    assert hidden_wh(one, EVENING) == allowed_wh


@pytest.mark.parametrize(
    ("reports", "stays_until_min", "holds"),
    [
        ([report(0), report(485)], 600, False),
        ([report(0), report(470)], 600, True),
        ([report(0), report(300, plugged=False), report(485)], 600, True),
        ([report(0), report(300, at_home=False), report(485)], 600, True),
        ([report(0), report(485)], 500, True),
    ],
    ids=["plugged in", "not seen for an hour", "seemed unplugged", "seemed away", "unplugged"],
)
def test_a_car_was_unplugged_early_only_if_it_was_or_seemed_so_or_was_not_seen_for_an_hour(
    reports: list[Report], stays_until_min: float, holds: bool
) -> None:
    stay: Any = SimpleNamespace(start=EVENING, end=at(stays_until_min))
    early = HOLDS["SHORT_UNPLUGGED_EARLY"]
    assert early(night_of_one("enode", *reports), cast("Stay", stay), at(540), 1000.0, True) == holds


@pytest.mark.parametrize(("leaves_min", "holds"), [(300, True), (600, False)], ids=["in the night", "after it"])
def test_a_car_out_of_reach_was_left_alone_once_its_home_had_left(leaves_min: float, holds: bool) -> None:
    one: Any = SimpleNamespace(
        edges=lambda _: [at(minute) for minute in (0, 240, 480, 720)],
        hindrance=lambda *_: "out of reach",
        takes_no_part=lambda then: then >= at(leaves_min),
    )
    stay: Any = SimpleNamespace(start=EVENING, end=at(900))
    assert HOLDS["SHORT_LEFT_ALONE"](one, stay, at(540), 1000.0, True) == holds


@pytest.mark.parametrize(("soc_pct", "found"), [(99.6, False), (99.4, True)])
def test_a_battery_counts_as_filled_from_the_state_of_charge_on_that_is_full_in_whole_per_cents(
    soc_pct: float, found: bool
) -> None:
    row = {
        "session": "one",
        "night": "2026-01-15",
        "verdict": "READY",
        "text": "Your car got 6.0 of 20.0 kWh by 05:00.",
    }
    row |= {"opened_at": at(0).isoformat(), "closed_at": at(600).isoformat(), "ready_by": at(420).isoformat()}
    answer = SimpleNamespace(status_code=200, json=lambda: {"sessions": [row]})
    one: Any = night_of_one("smartcar")
    one.night.world.request = lambda *_: answer
    one.home.asset, one.home.behaviours = "car-1", ()
    one.stays, one.shown_share = [SimpleNamespace(start=at(0), end=at(600))], 1.0
    one.was_full, one.filled_to = (lambda *_: False), (lambda pct, *_: soc_pct >= pct)
    assert bool(verdicts_are_so(one)[0]) == found


@pytest.mark.parametrize(("plugged_in_s", "found"), [(0.3, False), (1.0, True)], ids=["same second", "a second later"])
def test_a_session_that_ended_at_its_first_report_is_of_the_plug_in_of_the_same_second(
    plugged_in_s: float, *, found: bool
) -> None:
    row = {"session": "one", "night": "2026-01-15", "verdict": "SHORT_UNPLUGGED_EARLY", "energy_kwh": 0.0}
    row |= {"text": "Your car got 0.0 of 20.0 kWh by 05:00.", "ready_by": at(420).isoformat()}
    row |= {"opened_at": at(0).isoformat(), "closed_at": (at(0) + timedelta(milliseconds=1)).isoformat()}
    answer = SimpleNamespace(status_code=200, json=lambda: {"sessions": [row]})
    one: Any = night_of_one("smartcar", report(15, at_home=False))
    one.night.world.request = lambda *_: answer
    one.home.asset, one.home.behaviours = "car-1", ()
    one.stays, one.shown_share = [Stay(at(plugged_in_s / 60), at(600), is_over=True)], 1.0
    one.was_full = one.filled_to = lambda *_: False
    assert bool(verdicts_are_so(one)[0]) == found


@pytest.mark.parametrize(("full_after_ms", "found"), [(0.6, False), (1.4, True)])
def test_a_battery_that_is_full_as_its_session_ends_is_full_in_time(full_after_ms: float, *, found: bool) -> None:
    full_at = at(60) + timedelta(milliseconds=full_after_ms)
    row = {"session": "one", "night": "2026-01-15", "verdict": "READY", "text": "Your car got 6.0 of 20.0 kWh."}
    row |= {"opened_at": at(0).isoformat(), "closed_at": at(60).isoformat(), "ready_by": at(420).isoformat()}
    answer = SimpleNamespace(status_code=200, json=lambda: {"sessions": [row]})
    one: Any = night_of_one("smartcar")
    one.night.world.request = lambda *_: answer
    one.home.asset, one.home.behaviours = "car-1", ()
    one.stays, one.shown_share = [SimpleNamespace(start=at(0), end=at(600))], 1.0
    one.was_full = one.filled_to = lambda *limits: full_at <= limits[-1]
    assert bool(verdicts_are_so(one)[0]) == found


def has_wrong_zero(one: CarNight, silences: list[tuple[datetime, datetime]], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the judge complains of an accepted zero in the half-hour of the evening, in which 3 kWh flowed."""
    monkeypatch.setattr(ends, "CarNight", lambda *_: one)
    provider = one.home.provider
    home = SimpleNamespace(asset="car-1", vehicle_id=CAR, provider=provider, behaviours=())
    row = {"start_timestamp": EVENING.isoformat(), "label": ends.ENERGY, "value": 0.0}
    readings = SimpleNamespace(report=lambda _: {"rows": [row]})
    state: Any = SimpleNamespace(
        axle_asset=lambda _: SimpleNamespace(id="axle-1"),
        car=lambda _: SimpleNamespace(slots_wh={EVENING: 3000.0}),
        world=SimpleNamespace(axle=SimpleNamespace(readings=readings)),
        slots=[],
    )
    seen = SimpleNamespace(silences=defaultdict(list, {provider: silences}))
    night: Any = SimpleNamespace(neighbourhood=SimpleNamespace(homes=[home]), seen=seen)
    return bool(list(ends.no_zero_hides_energy(night, state)))


@pytest.mark.parametrize(
    ("silence", "found"), [((-30, 5), False), ((29, 60), False), ((30, 60), True), ((-30, 0), True), (None, True)]
)
def test_a_zero_for_energy_is_left_out_only_in_the_half_hours_of_a_silence(
    silence: tuple[float, float] | None, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    silences = [] if silence is None else [(at(silence[0]), at(silence[1]))]
    assert has_wrong_zero(night_of_one("smartcar"), silences, monkeypatch) == found


@pytest.mark.parametrize("reachable", [False, True])
def test_a_zero_for_energy_is_left_out_of_a_tesla_that_lost_contact(
    reachable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one: Any = night_of_one("tesla", report(480, plugged=False, at_home=False))
    one.within = lambda *_: [SimpleNamespace(reachable=reachable)]
    assert has_wrong_zero(one, [], monkeypatch) == reachable


@pytest.mark.parametrize(("obeys_from_min", "unreached"), [(39, False), (41, True), (70, True)])
def test_a_car_that_obeys_only_in_the_last_minutes_of_the_hour_of_an_erasure_may_stay_held(
    obeys_from_min: float, unreached: bool
) -> None:
    request = SimpleNamespace(method="DELETE", path="/sites/home-1", asked_at=EVENING, answered_at=None)
    one: Any = SimpleNamespace(
        home=SimpleNamespace(site="home-1", vehicle_id=CAR, provider="enode"),
        moments=[SimpleNamespace(at=at(obeys_from_min))],
        seen=SimpleNamespace(outages=defaultdict(list)),
        night=SimpleNamespace(app=SimpleNamespace(asked=[request])),
        _is_in_reach=lambda then: then >= at(obeys_from_min),
    )
    assert CarNight.is_erased_unreached(one, at(120)) == unreached


@pytest.mark.parametrize(
    ("asked_kwh", "stored_kwh", "holds"),
    [(50.0, 40.0, True), (50.0, 50.0, False), (50.0, 39.0, False), (30.0, 40.0, False)],
)
def test_energy_above_the_battery_is_cut_to_it_and_no_other_intent_may_differ(
    asked_kwh: float, stored_kwh: float, holds: bool
) -> None:
    home = SimpleNamespace(site="home-1", asset=CAR, spec={"battery_kwh": 40.0})
    request = SimpleNamespace(path=f"/assets/{CAR}/intent", status=202, body={"kwh": asked_kwh})
    night: Any = SimpleNamespace(neighbourhood=SimpleNamespace(homes=[home]), app=SimpleNamespace(asked=[request]))
    twin = SimpleNamespace(intent=SimpleNamespace(kwh=stored_kwh))
    state: Any = SimpleNamespace(record=lambda _: None, twins={CAR: twin})
    assert (not list(ends.what_was_accepted_is_so(night, state))) == holds


@pytest.mark.parametrize(
    ("obeys_after_s", "fault_min", "began", "grace_min"),
    [
        (600, 1, "plan", 25),
        (600, -1, "plan", 25),
        (600, None, "plan", 15),
        (600, -3, "plan", 15),
        (600, 16, "plan", 15),
        (0, 1, "plan", 15),
        (600, 1, "out of reach", 80),
    ],
)
def test_only_a_car_that_obeys_late_has_longer_to_charge_and_only_after_a_fault_about_its_start(
    obeys_after_s: float, fault_min: float | None, began: str, grace_min: float
) -> None:
    suffered = [] if fault_min is None else [at(fault_min)]
    home, seen = SimpleNamespace(spec={"command_delay_s": obeys_after_s}), SimpleNamespace(suffered=suffered)
    one = CarNight(cast("Any", None), cast("Any", seen), cast("Any", home))
    opening = Opening(CAR, EVENING, at(60), began, None, timedelta())
    assert one.grace_of(opening) == timedelta(minutes=grace_min)


@pytest.mark.parametrize(
    ("reports", "began", "fault_min", "grace_min"),
    [
        ([report(-60, charging=True), report(0)], "not reported", None, 45),
        ([report(-60, charging=True), report(0)], "not reported", 31, 55),
        ([report(-60, charging=True), report(0)], "plan", None, 15),
        ([report(-60, charging=True), report(-8, plugged=False), report(0)], "not reported", None, 15),
        ([report(-60, charging=True), report(-8, at_home=False), report(0)], "not reported", None, 15),
        ([report(-60), report(0)], "not reported", None, 15),
        ([report(-60, charging=True), report(0, charging=True)], "not reported", None, 15),
        ([report(-200, charging=True), report(0)], "not reported", None, 15),
        ([report(0)], "not reported", None, 15),
        ([report(-60, charging=True), report(1)], "not reported", None, 15),
    ],
    ids=[
        "unseen while it charged",
        "unseen, and a fault about the start",
        "held by its plan",
        "a report of the plug-out",
        "a report of another place",
        "it did not charge",
        "it charges again",
        "charging was reported before the plug-in",
        "nothing was reported before",
        "nothing was reported since",
    ],
)
def test_only_a_plug_out_that_reports_show_as_a_mere_stop_may_be_undone_as_late_as_a_drivers_stop(
    reports: list[Report], began: str, fault_min: float | None, grace_min: float
) -> None:
    suffered = [] if fault_min is None else [at(fault_min)]
    seen = SimpleNamespace(suffered=suffered, reports={CAR: reports})
    home = SimpleNamespace(vehicle_id=CAR, spec={"command_delay_s": 600})
    one = CarNight(cast("Any", None), cast("Any", seen), cast("Any", home))
    vars(one)["stays"] = [Stay(at(-180), at(-10), is_over=True), Stay(at(-4), at(420), is_over=True)]
    opening = Opening(CAR, at(0.5), at(140), began, None, timedelta())
    assert one.grace_of(opening) == timedelta(minutes=grace_min)


def test_a_car_that_was_plugged_in_once_has_no_plug_out_to_hide() -> None:
    seen = SimpleNamespace(suffered=[], reports={CAR: [report(-60, charging=True), report(0)]})
    one = CarNight(cast("Any", None), cast("Any", seen), cast("Any", SimpleNamespace(vehicle_id=CAR, spec={})))
    vars(one)["stays"] = [Stay(at(-180), at(420), is_over=True)]
    assert one.grace_of(Opening(CAR, at(0.5), at(140), "not reported", None, timedelta())) == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("provider", "suffered_s", "outage", "lost"),
    [
        ("tesla", 3, None, True),
        ("tesla", -3, None, True),
        ("tesla", 60, None, False),
        ("tesla", None, (-600, 600), True),
        ("tesla", None, (60, 600), False),
        ("enode", 3, (-600, 600), False),
    ],
    ids=["a fault after", "a fault before", "a fault later", "an outage", "an outage later", "another maker"],
)
def test_a_tesla_account_is_lost_once_a_fault_kept_its_newest_refresh_token_from_us(
    provider: str, suffered_s: float | None, outage: tuple[float, float] | None, *, lost: bool
) -> None:
    tokens = SimpleNamespace(issued_at=lambda user: at(30) if user == "driver" else None)
    world = SimpleNamespace(cars=SimpleNamespace(tesla=SimpleNamespace(refresh_tokens=tokens)))
    suffered = [] if suffered_s is None else [at(30 + suffered_s / 60)]
    outages = [] if outage is None else [(at(30 + outage[0] / 60), at(30 + outage[1] / 60), "acts and does not answer")]
    there = SimpleNamespace(at=at(-60), obeys=True, reachable=True, account_connected=True)
    seen: Any = SimpleNamespace(suffered=suffered, outages={provider: outages}, moments={CAR: [there]})
    home: Any = SimpleNamespace(provider=provider, user_id="driver", vehicle_id=CAR, spec={})
    night: Any = SimpleNamespace(world=world, neighbourhood=SimpleNamespace(makers={}))
    one = CarNight(night, seen, home)
    vars(one)["takes_no_part"] = lambda _: True
    out = [one.hindrance(Stay(at(-60), at(900), is_over=True), at(minute)) for minute in (19, 120)]
    assert out == ["not enrolled", "out of reach" if lost else "not enrolled"]
