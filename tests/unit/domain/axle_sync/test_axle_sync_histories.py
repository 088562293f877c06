"""Axle's picture after generated histories: any changes, any failures that end, and calls that others interrupt."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driveway.domain.axle_sync.answers import acknowledged, answered, claimed, claimed_call, put_off, refused
from driveway.domain.axle_sync.calls import AxleCall
from driveway.domain.axle_sync.differences import (
    at_rest,
    axle_due,
    in_sync,
    wanted_charge_now,
    wanted_intent,
    wanted_session,
)
from driveway.domain.preferences.departures import next_departure
from driveway.domain.preferences.intent import intent_differs
from driveway.domain.preferences.tariff import axle_tariff
from driveway.domain.twin import Intent, Tariff, Twin, Window
from driveway.values import replace
from tests.support.domain.example_preferences import EVERY_DAY
from tests.support.domain.model_axle import ModelAxle
from tests.support.domain.twins import NOW, a_twin, linked, minutes, plugged, unplugged, with_charge_now, with_soc

TARIFFS = tuple(Tariff((Window(60 * hour, 60 * hour + 300),), "Europe/London", "dual_rate") for hour in (1, 2))
INTENTS = (
    Intent(ready_by=EVERY_DAY, kwh=30),
    Intent(ready_by=EVERY_DAY, kwh=12),
    Intent(ready_by=EVERY_DAY | {"fri": "06:15", "sun": "10:00"}, hours=3),
    Intent(ready_by=EVERY_DAY, target_soc_pct=80),
    Intent(ready_by=EVERY_DAY, target_soc_pct=95, may_charge_peak=True),
)
RANK = {
    "tariff-update": 0,
    "intent": 1,
    "plug-in": 2,
    "plug-out": 2,
    "vehicle-update": 2,
    "charge-now": 3,
    "charge-now-deleted": 3,
}
LEASE = minutes(2)

Fate = Literal[
    "done", "unreceived", "lost", "done but lost", "done late but lost", "caller vanishes", "done but caller vanishes"
]
FATES: tuple[Fate, ...] = get_args(Fate)
LATE_BY = timedelta(seconds=50)
"""Long enough for other calls to be made first."""

changes = st.one_of(
    st.tuples(st.just("tariff"), st.integers(0, len(TARIFFS) - 1)),
    st.tuples(st.just("intent"), st.integers(0, len(INTENTS) - 1)),
    st.tuples(st.just("soc"), st.integers(10, 95)),
    st.tuples(st.just("power"), st.sampled_from([4, 7, 11])),
    st.tuples(st.just("plug"), st.just(0)),
    st.tuples(st.just("unplug"), st.just(0)),
    st.tuples(st.just("charge-now"), st.sampled_from([20, 60, 300])),
    st.tuples(st.just("end charge-now"), st.just(0)),
    st.tuples(st.just("snooze"), st.sampled_from([0, 30, 2000])),
)
follow_ups = st.sampled_from(
    ["nothing", "a reconcile", "a reconcile", "a reconcile when due", "a reconcile when due", "an hour"]
)
moves_made = st.lists(st.tuples(changes, follow_ups), min_size=8, max_size=30)

Moves = list[tuple[tuple[str, int], str]]


@dataclass
class History:
    """A twin, the changes it goes through, and an Axle that fails as the test decides."""

    axle: ModelAxle
    fates: list[Fate]
    interruptions: list[tuple[str, int]]
    refuses: frozenset[str]
    now: datetime = NOW
    twin: Twin = field(default_factory=lambda: a_twin(tariff=TARIFFS[0], intent=INTENTS[0]))
    wants: int = 0
    sessions: int = 0
    calls: list[AxleCall] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    late: list[tuple[datetime, AxleCall]] = field(default_factory=list)

    def apply(self, what: str, value: int) -> None:
        twin = self.twin
        if what == "tariff":
            self.twin = replace(twin, tariff=TARIFFS[value])
        elif what == "intent":
            self.twin = replace(twin, intent=INTENTS[value])
        elif what == "soc":
            self.twin = with_soc(twin, value, self.now)
        elif what == "power":
            self.twin = linked(twin, power_kw=value)
        elif what == "plug" and twin.presence.session is None:
            self.sessions += 1
            self.twin = plugged(twin, f"s{self.sessions}", self.now)
        elif what == "unplug":
            self.twin = replace(unplugged(twin), charge_now=None)
        elif what == "charge-now":
            self.twin = with_charge_now(twin, self.now + minutes(value))
        elif what == "end charge-now":
            self.twin = replace(twin, charge_now=None)
        elif what == "snooze":
            self.twin = linked(twin, snoozed_until=self.now + minutes(value))
        self.wants += 1

    def follow_up(self, how: str) -> None:
        due = axle_due(self.twin, self.now)
        if how == "an hour":
            self.now += minutes(60)
        elif how == "a reconcile when due" and due is not None and due - self.now < minutes(10):
            self.now = due
        if how.startswith("a reconcile"):
            self.reconcile()

    def reconcile(self) -> None:
        """One reconcile by one instance: calls until nothing is due, Axle fails, or the instance vanishes."""
        for number in range(10):
            name = f"{len(self.calls)}.{number}"
            self.twin = claimed(self.twin, self.now, id=name, until=self.now + LEASE)
            call = claimed_call(self.twin, name)
            if call is None or not self.make(call, name):
                self.twin = at_rest(self.twin, self.now)
                return

    def make(self, call: AxleCall, name: str) -> bool:
        self.check_order(call)
        self.calls.append(call)
        fate = self.fates.pop() if self.fates else "done"
        is_refused = self.is_refused(call)
        self.carry_out_late()
        if fate == "done late but lost" and not is_refused:
            self.late.append((self.now + LATE_BY, call))
        if fate in {"done", "done but lost", "done but caller vanishes"} and not is_refused:
            self.axle.take(call)
        if self.interruptions:
            self.apply(*self.interruptions.pop())
        self.now += timedelta(seconds=1)
        now = self.now
        if "vanishes" in fate:
            self.outcomes["vanished"] += 1
            return False
        if fate != "done":
            self.outcomes["unavailable"] += 1
            unanswered = None if fate == "unreceived" else call
            self.outcomes["lost"] += unanswered is not None
            self.twin = answered(
                self.twin,
                name,
                lambda twin: put_off(twin, "down", now=now, wait_s=None, spread=0.5, unanswered=unanswered),
            )
            return False
        self.outcomes["refused" if is_refused else "accepted"] += 1
        self.twin = answered(
            self.twin,
            name,
            lambda twin: (
                refused(twin, call, status=400, detail="no", now=now) if is_refused else acknowledged(twin, call, now)
            ),
        )
        return True

    def carry_out_late(self) -> None:
        """Let Axle carry out the lost calls whose time has come. It is muddled by them for a while."""
        muddled = list(self.axle.muddled)
        for _, call in (late for late in self.late if late[0] <= self.now):
            self.axle.take(call)
        self.late = [late for late in self.late if late[0] > self.now]
        self.axle.muddled = muddled

    def is_refused(self, call: AxleCall) -> bool:
        tariff, intent = call.body.get("tariff"), call.body.get("intent")
        return (
            call.kind in self.refuses
            or ("tariff" in self.refuses and tariff is not None and tariff["off_peak_times"].startswith("02:00"))
            or ("intent" in self.refuses and intent is not None and intent["energy_required_kwh"] == 12)
        )

    def check_order(self, call: AxleCall) -> None:
        """What comes before this call has been acknowledged, is carried by it, or was refused."""
        axle, now = self.twin.axle, self.now
        refused_kinds = {refusal.call for refusal in axle.refusals}
        if RANK[call.kind] > 0 and call.tariff is None and "tariff-update" not in refused_kinds:
            assert axle.tariff == axle_tariff(self.twin.tariff), call
        intent = wanted_intent(self.twin, now)
        if RANK[call.kind] > 1 and call.intent is None and "intent" not in refused_kinds and intent is not None:
            reported = axle.intent
            assert reported is not None, call
            # Under one target the energy moves with the state of charge.
            assert reported.target_soc_pct is not None or not intent_differs(reported, intent), call
        if call.kind == "charge-now":
            session = wanted_session(self.twin, now)
            assert session is not None
            assert axle.plug is not None
            assert axle.plug.session_id == session.id

    def settle(self, until: datetime) -> None:
        """Let time pass from one due instant to the next, until nothing is left to report before ``until``."""
        reconciles = 0
        while (due := axle_due(self.twin, self.now)) is not None and due < until:
            assert due >= self.now
            before = len(self.calls)
            self.now = due
            self.reconcile()
            reconciles += 1
            if len(self.calls) == before:
                again = axle_due(self.twin, self.now)
                assert again is None or again > self.now, "a reconcile that finds nothing to do must not be due at once"
            assert reconciles < 400
        self.now = until - timedelta(milliseconds=1)
        self.carry_out_late()

    def check_picture(self) -> None:
        axle, reported, twin, now = self.axle, self.twin.axle, self.twin, self.now
        assert reported.tariff is None or axle.tariff == _tariff_sent(reported.tariff)
        session, wanted, intent = wanted_session(twin, now), wanted_charge_now(twin, now), wanted_intent(twin, now)
        refused_kinds = {refusal.call for refusal in reported.refusals}
        assert in_sync(twin, now) or refused_kinds
        if "tariff-update" not in refused_kinds:
            assert axle.tariff == _tariff_sent(axle_tariff(twin.tariff))
        if "intent" not in refused_kinds and intent is not None:
            assert axle.intent is not None
            assert axle.intent["ready_by_local_time"] == intent.ready_by_local_time
            assert axle.intent["charging_mode"] == intent.charging_mode
            assert axle.intent["may_charge_peak"] == intent.may_charge_peak
            if twin.intent.target_soc_pct is None:
                assert axle.intent["energy_required_kwh"] == intent.energy_required_kwh
        if not refused_kinds & {"plug-in", "plug-out"}:
            assert axle.plugged_in is (session is not None)
            assert axle.session_id == (session.id if session else None)
            if session is not None and reported.charging_rate_kw is not None and "vehicle-update" not in refused_kinds:
                assert axle.charging_rate_kw == twin.link.power_kw
            alive = axle.charge_now_until if axle.charge_now_until is not None and axle.charge_now_until > now else None
            if not refused_kinds & {"charge-now", "charge-now-deleted"}:
                assert alive == (wanted.until if wanted else None)
        if "plug-out" not in self.refuses:
            assert axle.muddled == []


def _tariff_sent(tariff: Any) -> dict[str, Any]:
    return {
        "off_peak_times": tariff.off_peak_times,
        "timezone": tariff.timezone,
        "tariff_type": tariff.tariff_type,
    }


def most_calls(history: History) -> int:
    """The bound on calls to Axle.

    Three for the first reports; two for every change (a re-opened session is a plug-out and a plug-in, a plug-out with
    a charge-now ends that as well, a snooze does so and undoes it later) and one for every departure at another time.
    Every failure costs two: itself, and a further call if the value has meanwhile changed back. Values that were
    reported after a lost call may need another report, which takes four calls at most. Each refusal costs itself.
    """
    failures = history.outcomes["unavailable"] + history.outcomes["vanished"]
    departures = sum(
        1
        for day in range(1 + (history.now - NOW).days)
        if next_departure(history.twin.intent, "Europe/London", NOW + timedelta(days=day)) is not None
    )
    late = 4 * history.outcomes["lost"]
    return 3 + 2 * history.wants + departures + 2 * failures + late + history.outcomes["refused"]


SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)


def test_axles_picture_equals_the_twin_after_any_changes_and_any_failures_that_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tally: Counter[str] = Counter()

    @settings(SETTINGS, max_examples=200)
    @given(
        moves=moves_made,
        fates=st.lists(st.sampled_from(FATES), max_size=20),
        interruptions=st.lists(changes, max_size=5),
        ends_charge_now=st.booleans(),
    )
    def histories(moves: Moves, fates: list[Fate], interruptions: list[tuple[str, int]], ends_charge_now: bool) -> None:
        history = History(ModelAxle(ends_charge_now), list(fates), list(interruptions), frozenset())
        run(history, moves, tally)
        assert in_sync(history.twin, history.now)
        if wanted_session(history.twin, history.now) is not None:
            assert history.axle.charging_rate_kw == history.twin.link.power_kw

    histories()
    show("any failures", tally, capsys)


def test_what_axle_refuses_for_good_keeps_nothing_else_from_it(capsys: pytest.CaptureFixture[str]) -> None:
    tally: Counter[str] = Counter()

    @settings(SETTINGS, max_examples=100)
    @given(
        moves=moves_made,
        fates=st.lists(st.sampled_from(FATES), max_size=8),
        interruptions=st.lists(changes, max_size=3),
        refuses=st.frozensets(st.sampled_from(["tariff", "intent", *RANK]), max_size=3),
    )
    def histories(
        moves: Moves, fates: list[Fate], interruptions: list[tuple[str, int]], refuses: frozenset[str]
    ) -> None:
        history = History(ModelAxle(), list(fates), list(interruptions), refuses)
        run(history, moves, tally)
        assert history.outcomes["refused"] <= 6 * (history.wants + 1)

    histories()
    show("refusals too", tally, capsys)


def run(history: History, moves: Moves, tally: Counter[str]) -> None:
    for change, then in moves:
        history.apply(*change)
        history.follow_up(then)
    for span in (timedelta(hours=1), timedelta(days=9)):
        history.settle(history.now + span)
        history.check_picture()
    assert len(history.calls) <= most_calls(history)
    tally.update(history.outcomes)
    tally["histories"] += 1


def show(name: str, tally: Counter[str], capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = ", ".join(f"{tally[what]} {what}" for what in ("accepted", "refused", "unavailable", "lost", "vanished"))
    with capsys.disabled():
        print(f"\nAxle sync, {name}: {tally['histories']} histories; calls: {outcomes}")
