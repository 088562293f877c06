"""Fifteen nights on the simulators, through the real functions, as support meets them in the morning.

Of each, the verdict, the sentence, the warnings with what took them back, and what ``make why`` prints.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from driveway.domain.sessions.verdict import SENTENCES, Verdict
from tests.world.reported_nights import Report, ReportedNight, reported


@dataclass(frozen=True)
class Expected:
    """What must be reported: ``text`` whole, ``warnings`` by their events, and lines of ``make why``.

    ``at_the_end`` may follow the warnings: whether another hourly try falls before the window's end is drawn.
    """

    verdict: str
    text: str
    warnings: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    banner: str = "smart_charging"
    spec: dict[str, Any] = field(default_factory=dict)
    at_the_end: tuple[str, ...] = ()


def all_well(night: ReportedNight) -> None:
    night.move(18, 0, "plug-in")


def asleep(night: ReportedNight) -> None:
    all_well(night)
    night.set_car(22, 0, asleep=True)


def provider_down(night: ReportedNight) -> None:
    tariff = {"off_peak": [{"start": "01:30", "end": "06:30"}], "timezone": "Europe/London"}
    night.ask(17, 30, "PUT", "/assets/car-1/tariff", tariff)
    all_well(night)
    night.on(1, 0, lambda: night.world.simulated("POST", "/faults", {"path": "^/enode", "status": 503}))


def impossible(night: ReportedNight) -> None:
    all_well(night)
    night.ask(18, 5, "PUT", "/assets/car-1/intent", {"kwh": 60, "ready_by": "07:00"})


def at_five(night: ReportedNight) -> None:
    night.move(5, 0, "plug-in")


def revoked(night: ReportedNight) -> None:
    all_well(night)
    night.set_car(22, 0, account_connected=False)


def connected_again(night: ReportedNight) -> None:
    revoked(night)
    night.set_car(0, 15, account_connected=True)


def false_plug_outs(night: ReportedNight) -> None:
    all_well(night)
    for hour in (20, 0, 2):
        night.move(hour, 0, "report", plugged=False, charging=False)
        night.move(hour, 1, "report")


def by_hand(night: ReportedNight) -> None:
    all_well(night)
    night.move(20, 0, "driver-start")


def axle_silent(night: ReportedNight) -> None:
    night.axle_does(17, 30, "/faults", {"path": "^/entities", "status": 503})
    all_well(night)


def replanned(night: ReportedNight) -> None:
    all_well(night)
    for number in range(5):
        night.plan_of_axle(19 + number, 0, number + 1, 10 * number, 300 + 10 * number)


def charge_now(night: ReportedNight) -> None:
    all_well(night)
    night.ask(19, 0, "PUT", "/assets/car-1/charge-now", {"for_minutes": 300})


def snoozed(night: ReportedNight) -> None:
    all_well(night)
    night.ask(19, 0, "POST", "/sites/home-1/snooze", {"until": "2026-01-16T12:00:00Z"})


def at_three(night: ReportedNight) -> None:
    all_well(night)
    night.move(3, 0, "plug-out")


SVG = "{http://www.w3.org/2000/svg}"
SAMPLED_KWH = 0.3
"""What a half-hour that was measured by samples may be off."""

NOT_CHARGING = "Start it in its own app, or unplug it and plug it in again."
TO_0700 = "kWh of the energy that you asked for will be missing."

NIGHTS: dict[str, tuple[Callable[[ReportedNight], None], Expected]] = {
    "all well": (
        all_well,
        Expected(
            "READY",
            "Your car got 44.4 of 30.0 kWh by 07:00.",
            why=(
                "  cost       3.11; at full power from the plug-in 12.47",
                "    15 Jan 23:30  start sent in time, confirmed after 1 s. The car shows that it is charging.",
                "  warnings: none",
            ),
        ),
    ),
    "asleep all night": (
        asleep,
        Expected(
            "SHORT_CAR_UNREACHABLE",
            "Your car got 0.0 of 30.0 kWh by 07:00. The car could not be reached. Park it where it has reception, or "
            "wake it in its own app.",
            ("CommandFailed", "NeedsAttention", "ReadyByAtRisk", *("CommandFailed", "ReadyByAtRisk") * 3),
            ("  missing    30.0 kWh SHORT_CAR_UNREACHABLE", NOT_CHARGING),
            "needs_attention",
        ),
    ),
    "provider down from 01:00": (
        provider_down,
        Expected(
            "SHORT_PROVIDER_DOWN",
            "Your car got 0.0 of 30.0 kWh by 07:00. The car maker's service did not answer. While that lasts, start "
            "the car at its charge point or in the car.",
            ("CommandFailed", "NeedsAttention", *("CommandFailed", "ReadyByAtRisk") * 4),
            ("  missing    30.0 kWh SHORT_PROVIDER_DOWN", "was not charging at 18:00. " + NOT_CHARGING),
            "needs_attention",
            at_the_end=("CommandFailed",),
        ),
    ),
    "ready-by impossible": (
        impossible,
        Expected(
            "SHORT_PLAN",
            "Your car got 44.4 of 60.0 kWh by 07:00. The plan gave it too little time. Ask for less, or choose charge "
            "now.",
            ("ReadyByAtRisk",),
            (f"15.6 {TO_0700} To charge at once, choose charge now.", "  missing    15.6 kWh SHORT_PLAN"),
        ),
    ),
    "plugged in at 05:00": (
        at_five,
        Expected(
            "SHORT_PLUGGED_IN_LATE",
            "Your car got 3.7 of 30.0 kWh by 07:00. The car was plugged in, or reported so, too late to take it all. "
            "Plug in earlier.",
            ("ReadyByAtRisk",),
            (f"26.3 {TO_0700}", "  missing    15.2 kWh SHORT_PLUGGED_IN_LATE"),
        ),
    ),
    "account revoked": (
        revoked,
        Expected(
            "SHORT_ACCOUNT",
            "Your car got 0.0 of 30.0 kWh by 07:00. The car maker's account was not connected. Connect it again in "
            "the app.",
            ("NeedsAttention", "ReadyByAtRisk", "CommandFailed", "ReadyByAtRisk"),
            (
                f"15 Jan 23:30  ReadyByAtRisk   By 07:00 about 30.0 {TO_0700} Connect the car maker's account again",
                "left alone (PROVIDER_NEEDS_USER)",
            ),
            "needs_car_connection",
        ),
    ),
    "account connected again": (
        connected_again,
        Expected(
            "READY",
            "Your car got 37.0 of 30.0 kWh by 07:00.",
            ("NeedsAttention", "ReadyByAtRisk", "CommandFailed", "Reconnected", "ReadyBySafe"),
            ("ReadyBySafe     By 07:00 your car will have the 30.0 kWh that you asked for, after all.",),
        ),
    ),
    "limit in the car": (
        all_well,
        Expected(
            "SHORT_LIMIT_IN_CAR",
            "Your car got 21.3 of 30.0 kWh by 07:00. A limit in the car stopped it earlier or slowed it down. Check "
            "its charge limit.",
            ("ReadyByAtRisk",),
            (f"15 Jan 18:00  ReadyByAtRisk   By 07:00 about 8.7 {TO_0700} Your car stops at the charge limit",),
            spec={"charge_limit_pct": 50},
        ),
    ),
    "false plug-outs": (
        false_plug_outs,
        Expected("READY", "Your car got 44.2 of 30.0 kWh by 07:00.", why=("15 Jan 18:00, still plugged in",)),
    ),
    "charged by hand in the peak": (
        by_hand,
        Expected(
            "READY",
            "Your car got 56.9 of 30.0 kWh by 07:00.",
            ("NeedsAttention",),
            (
                "31.0 off-peak, 25.9 in the peak, 25.9 outside the plan",
                "Your car charges outside the plan. You or another app started it, so we let it go on.",
            ),
            "driver_decides",
        ),
    ),
    "Axle silent": (
        axle_silent,
        Expected(
            "READY",
            "Your car got 44.4 of 30.0 kWh by 07:00.",
            ("AxleUnavailable",),
            ("    15 Jan 23:30 to 16 Jan 05:30  7.4 kW (default, DEFAULT_OFF_PEAK)",),
        ),
    ),
    "Axle re-plans five times": (
        replanned,
        Expected(
            "READY",
            "Your car got 37.0 of 30.0 kWh by 07:00.",
            why=tuple(
                f"    15 Jan {19 + number}:00  charges 16 Jan 00:{10 * number:02} to 05:{10 * number:02} (axle)"
                for number in range(5)
            ),
        ),
    ),
    "charge-now": (
        charge_now,
        Expected(
            "READY",
            "Your car got 56.9 of 30.0 kWh by 07:00.",
            why=("    15 Jan 19:00 to 16 Jan 00:00  7.4 kW (charge_now, CHARGE_NOW)", "33.3 in the peak, 0.0 outside"),
        ),
    ),
    "snooze": (
        snoozed,
        Expected(
            "SHORT_SNOOZED",
            "Your car got 0.0 of 30.0 kWh by 07:00. Smart charging was snoozed, and the car did not charge by itself. "
            "End the snooze, or start the car in its own app.",
            why=("left alone (SNOOZED)",),
            banner="snoozed",
        ),
    ),
    "home unknown": (
        all_well,
        Expected(
            "NO_SESSION_HOME_UNKNOWN",
            "The car was plugged in, but nothing showed that it was at home. Let the car share its location with the "
            "app.",
            ("NoSession",),
            ("NO_SESSION_HOME_UNKNOWN: ",),
            "home_unknown",
            {"reports_place": False},
        ),
    ),
    "unplugged at 03:00": (
        at_three,
        Expected(
            "SHORT_UNPLUGGED_EARLY",
            "Your car got 25.9 of 30.0 kWh by 07:00. The car was unplugged, or last seen "
            "plugged in at home, before its ready-by time.",
            why=("  plugged in 15 Jan 18:00, unplugged 16 Jan 03:00", "  missing    4.1 kWh SHORT_UNPLUGGED_EARLY"),
            banner="ready",
        ),
    ),
}


@cache
def night_of(name: str) -> Report:
    happens, expected = NIGHTS[name]
    return reported(happens, **expected.spec)


def session_of(name: str) -> dict[str, Any]:
    session = night_of(name).session
    assert session is not None
    return session


@pytest.mark.parametrize("name", NIGHTS)
def test_the_verdict_the_sentence_and_the_warnings_of_a_night_are_right(name: str) -> None:
    report, expected = night_of(name), NIGHTS[name][1]
    assert (report.row["verdict"], report.row["text"]) == (expected.verdict, expected.text), "\n".join(report.why)
    allowed = {expected.warnings, expected.warnings + expected.at_the_end}
    assert tuple(report.kinds_of_warnings) in allowed, report.warnings
    assert report.asset["banner"]["state"] == expected.banner
    printed = "\n".join(report.why)
    assert report.why[1] == f"{expected.verdict}: {expected.text}"
    assert [line for line in expected.why if line not in printed] == [], printed
    assert not (report.row["verdict"] == Verdict.READY and "missing  " in printed)
    known = {verdict.value: sentence for verdict, sentence in SENTENCES.items()}
    assert known.get(expected.verdict, "") in expected.text or expected.verdict == "READY"


@pytest.mark.parametrize("name", [name for name in NIGHTS if name != "home unknown"])
def test_the_picture_of_a_night_agrees_with_the_cars_own_meter_and_says_what_the_list_says(name: str) -> None:
    report = night_of(name)
    root = ET.fromstring(report.picture)  # noqa: S314  the document is our own
    bars = [bar.findtext(f"{SVG}title") or "" for bar in root.iter(f"{SVG}rect") if "energy" in bar.get("class", "")]
    drawn_kwh = {words[4:9]: float(words[10:].split(" kWh")[0]) for words in bars}
    counted_kwh = {f"{start:%H:%M}": kwh for start, kwh in report.meter_kwh.items() if kwh > 0}
    assert drawn_kwh == pytest.approx({start: counted_kwh[start] for start in drawn_kwh}, abs=SAMPLED_KWH)
    assert max([0.0, *(kwh for start, kwh in counted_kwh.items() if start not in drawn_kwh)]) < SAMPLED_KWH
    assert (root.findtext(f"{SVG}title") or "").endswith(f": {report.row['text']}")


def test_a_warning_of_a_sleeping_car_grows_to_what_was_missing_in_the_end() -> None:
    report = night_of("asleep all night")
    warned_kwh = [one["detail"]["shortfall_kwh"] for one in report.timeline if one["event"] == "ReadyByAtRisk"]
    assert warned_kwh == sorted(warned_kwh)
    assert warned_kwh[-1] == 30.0
    assert not any("choose charge now" in text for _, text in report.warnings)


def test_a_refused_account_is_reported_after_the_refusal_that_showed_it() -> None:
    events = [entry["event"] for entry in night_of("account revoked").timeline]
    order = ["CommandPlanned", "CommandSent", "CommandRefused", "NeedsAttention", "ReadyByAtRisk", "CommandFailed"]
    first = events.index("CommandPlanned")
    assert events[first : first + len(order)] == order


def test_the_command_of_a_session_has_its_attempts_its_outcome_and_its_delays() -> None:
    run = session_of("asleep all night")["command_runs"][0]
    assert (run["action"], run["due_at"], run["sent_at"]) == ("start", "2026-01-15T23:30:00Z", "2026-01-15T23:30:00Z")
    assert (run["sent_after_s"], run["attempts"], run["outcome"]) == (0.0, 4, "CommandFailed")
    assert run["ended_after_s"] > 3600


def test_the_cost_of_a_session_is_by_the_drivers_prices_and_beside_it_what_it_would_have_been_at_once() -> None:
    session = session_of("charge-now")
    energy = session["energy"]
    assert session["cost"]["pence"] == pytest.approx(energy["off_peak_kwh"] * 7 + energy["peak_kwh"] * 30, abs=0.1)
    five_and_a_half_hours_kwh = 5.5 * 7.4
    at_once = five_and_a_half_hours_kwh * 30 + (session["energy_kwh"] - five_and_a_half_hours_kwh) * 7
    assert session["cost"]["at_once_pence"] == pytest.approx(at_once, abs=0.1)


def test_every_plan_of_axles_is_kept_with_what_it_changed() -> None:
    plans = session_of("Axle re-plans five times")["plans"]
    replans = [plan for plan in plans if plan["at"] >= "2026-01-15T19:00:00Z"]
    assert [plan["changed"] for plan in replans] == [["limits"]] * 5
    starts = [next(one["start"] for one in plan["limits"] if one["limit_kw"] > 0) for plan in replans]
    assert starts == [f"2026-01-16T00:{10 * number:02}:00Z" for number in range(5)]


def test_the_limits_in_force_end_with_the_session() -> None:
    assert session_of("unplugged at 03:00")["in_force"][-1]["end"] == "2026-01-16T03:00:00Z"


def test_half_hours_have_their_quality_and_what_axle_accepted() -> None:
    charged = [one for one in session_of("all well")["half_hours"] if one["energy_kwh"]]
    assert sum(one["axle_accepted_kwh"] for one in charged) == pytest.approx(44.4, abs=0.01)
    assert {one["quality"] for one in charged} == {"power"}


def test_a_running_session_has_the_present_state_of_charge() -> None:
    session = session_of("all well")
    assert session["soc_pct"] == pytest.approx(20 + 44.4 * 0.9 / 64 * 100, abs=3)


def test_the_status_and_the_timeline_give_the_same_reason_for_no_session() -> None:
    report = night_of("home unknown")
    (entry,) = [entry for entry in report.timeline if entry["event"] == "NoSession"]
    assert entry["reason"] == report.asset["desired"]["reason"] == "HOME_UNKNOWN"
    assert [one["condition"] for one in report.asset["banner"]["unmet"]] == ["home_known"]


@pytest.mark.parametrize("name", NIGHTS)
def test_what_is_kept_of_a_session_for_the_past_takes_at_most_ten_write_units(name: str) -> None:
    assert 0 < night_of(name).history_units <= 10


@pytest.mark.parametrize("name", NIGHTS)
def test_the_night_of_all_homes_takes_at_most_four_write_units_of_a_home(name: str) -> None:
    assert (name == "home unknown") == (night_of(name).figure_units == 0)
    assert night_of(name).figure_units <= 4
