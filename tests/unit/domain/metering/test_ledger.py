"""The ledger: what is reported of a half-hour, when, and the effect of Axle's answers."""

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.half_hours import HALF_HOUR, half_hour_of, half_hours_between, local_day_half_hours
from driveway.domain.metering.completeness import completeness, of_local_day
from driveway.domain.metering.ledger import answered, claimed, measured, to_report_again
from driveway.domain.metering.plugged_slots import next_to_make, plugged_slot, successors, without_holes
from driveway.domain.metering.reading_rows import answers_by_row, rows_for
from driveway.domain.metering.samples import Sample
from driveway.domain.metering.slot import CLAIM, ENERGY, GRACE, LIFETIME, ReportedValue, Slot
from driveway.values import replace

START = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)
CLOSED = START + HALF_HOUR + GRACE
AXLE_ID = "6f0c2f4e-6a5e-4f0e-9d7a-0d5f3b7f3a10"


def slot(energy_wh: int = 3600, **changes: Any) -> Slot:
    empty = Slot("car-1", AXLE_ID, START, plugged=True)
    return measured(None, replace(empty, energy_wh=energy_wh, **changes), now=START, grace=GRACE)


def answer(row: dict[str, Any], error: str | None = None) -> dict[str, Any]:
    about = {key: row[key] for key in ("asset_id", "start_timestamp", "end_timestamp", "label")}
    return {**about, "accepted": error is None, "error": error}


def sent(now: datetime = CLOSED, **changes: Any) -> Slot:
    return claimed(slot(**changes), "run-1", now=now)


def reported(before: Slot, error: str | None = None, *, now: datetime = CLOSED) -> Slot:
    return answered(before, answers_by_row([answer(row, error) for row in rows_for([before])]), now=now)


def state_at(slot: Slot, now: datetime) -> str:
    """The state at ``now``: an open, corrected or waiting slot is due from ``due_at`` on."""
    return "due" if slot.due_at is not None and slot.due_at <= now else slot.state


def test_a_slot_is_open_until_its_grace_is_over_and_due_from_then_on() -> None:
    open_slot = slot()
    assert state_at(open_slot, CLOSED - timedelta(seconds=1)) == "open"
    assert state_at(open_slot, CLOSED) == "due"


def test_an_empty_half_hour_is_never_due() -> None:
    idle = measured(None, Slot("car-1", AXLE_ID, START), now=START, grace=GRACE)
    assert (idle.state, idle.due_at) == ("open", None)


def test_a_plugged_in_half_hour_without_energy_is_reported_as_zero() -> None:
    (row,) = rows_for([sent(energy_wh=0)])
    assert row["value"] == 0


def test_a_row_is_axles_half_hour_in_kwh() -> None:
    assert rows_for([sent(energy_wh=3601)]) == [
        {
            "asset_id": AXLE_ID,
            "start_timestamp": "2026-01-15T23:30:00Z",
            "end_timestamp": "2026-01-16T00:00:00Z",
            "value": 3.601,
            "label": ENERGY,
        }
    ]


@given(st.integers(0, 20_000))
def test_a_value_is_whole_watt_hours_in_three_decimals(energy_wh: int) -> None:
    value = rows_for([sent(energy_wh=energy_wh)])[0]["value"]
    assert len(repr(value).partition(".")[2]) <= 3
    assert round(value * 1000) == energy_wh


def test_an_accepted_slot_is_done() -> None:
    done = reported(sent())
    assert (done.state, done.due_at, done.reported.accepted_wh, done.attempts) == ("accepted", None, 3600, 0)


def test_a_rejected_slot_is_parked_with_axles_reason() -> None:
    parked = reported(sent(), "value too high")
    assert (parked.state, parked.due_at, parked.reported.words) == ("rejected", None, "value too high")


def test_late_data_makes_an_accepted_slot_due_again_after_a_grace() -> None:
    done, now = reported(sent()), CLOSED + timedelta(hours=3)
    late = measured(done, replace(done, energy_wh=3700), now=now, grace=GRACE)
    assert (late.state, late.due_at) == ("corrected", now + GRACE)
    more = measured(late, replace(late, energy_wh=3800), now=now + timedelta(minutes=9), grace=GRACE)
    assert more.due_at == now + GRACE, "a stream of late data does not postpone the correction again"
    assert [row["value"] for row in rows_for([claimed(more, "run-2", now=now + GRACE)])] == [3.8]


def test_late_data_that_leaves_the_value_as_it_was_sends_nothing() -> None:
    done = reported(sent())
    late = measured(done, replace(done, energy_wh=3700), now=CLOSED, grace=GRACE)
    back = measured(late, replace(late, energy_wh=3600), now=CLOSED, grace=GRACE)
    assert (back.state, back.due_at) == ("accepted", None)


def test_energy_corrected_to_zero_is_reported_even_when_not_plugged_in() -> None:
    done = replace(reported(sent()), plugged=False)
    assert measured(done, replace(done, energy_wh=0), now=CLOSED, grace=GRACE).state == "corrected"


def test_a_half_hour_is_refused_since_axle_first_refused_either_of_its_rows() -> None:
    both = sent(samples=frozenset({Sample(START, "lifetime", 5000)}))
    energy, lifetime = rows_for([both], lifetime_rows=True)
    for refused in (energy, lifetime):
        answers = answers_by_row([answer(row, "no" if row is refused else None) for row in (energy, lifetime)])
        once = answered(both, answers, now=CLOSED, lifetime_rows=True)
        assert once.rejected_at == CLOSED
        later = answered(once, answers, now=CLOSED + HALF_HOUR, lifetime_rows=True)
        assert later.rejected_at == CLOSED
    accepted = answers_by_row([answer(energy), answer(lifetime)])
    assert answered(both, accepted, now=CLOSED, lifetime_rows=True).rejected_at is None


def test_a_rejected_value_is_tried_again_only_when_it_changes() -> None:
    parked = reported(sent(), "no")
    assert measured(parked, replace(parked, flags=("gap",)), now=CLOSED, grace=GRACE).due_at is None
    changed = measured(parked, replace(parked, energy_wh=3500), now=CLOSED, grace=GRACE)
    assert (changed.state, reported(claimed(changed, "run-2", now=CLOSED)).state) == ("corrected", "accepted")


def test_a_parked_slot_is_reported_again_with_both_rows_on_request() -> None:
    being_sent = sent(samples=frozenset({Sample(START, "lifetime", 5000)}))
    rows = rows_for([being_sent], lifetime_rows=True)
    answers = answers_by_row([answer(row, "no") for row in rows])
    parked = answered(being_sent, answers, now=CLOSED, lifetime_rows=True)
    now = CLOSED + timedelta(days=3)
    again = to_report_again(parked, now=now)
    assert again is not None
    assert state_at(again, now) == "due"
    assert rows_for([claimed(again, "run-2", now=now)], lifetime_rows=True) == rows


def test_only_a_parked_slot_is_reported_again() -> None:
    changed = measured(reported(sent(), "no"), replace(reported(sent(), "no"), energy_wh=1), now=CLOSED, grace=GRACE)
    for other in (slot(), sent(), reported(sent()), changed):
        assert to_report_again(other, now=CLOSED) is None


def test_a_value_measured_while_another_was_being_sent_is_due_after_the_answer() -> None:
    being_sent = sent()
    changed = measured(being_sent, replace(being_sent, energy_wh=3700), now=CLOSED, grace=GRACE)
    assert changed.state == "sent"
    after = reported(changed)
    assert (after.state, after.reported.accepted_wh, state_at(after, CLOSED)) == ("corrected", 3600, "due")


def test_a_claim_ends_by_itself() -> None:
    assert state_at(sent(), CLOSED + CLAIM - timedelta(seconds=1)) == "sent"
    assert state_at(sent(), CLOSED + CLAIM) == "due"


def test_retry_delays_grow_to_five_minutes() -> None:
    current, waits = slot(), []
    for _ in range(7):
        current = answered(claimed(current, "run", now=CLOSED), {}, now=CLOSED)
        assert current.due_at is not None
        waits.append((current.due_at - CLOSED).total_seconds())
    assert waits == [30, 60, 120, 240, 300, 300, 300]


def test_an_answer_is_found_in_any_order_case_and_zone() -> None:
    second = replace(sent(), start=START + HALF_HOUR)
    slots = [sent(), second]
    rows = rows_for(slots)
    responses = [answer(rows[1], "no"), {**answer(rows[0]), "asset_id": AXLE_ID.upper()}]
    responses[1]["start_timestamp"] = "2026-01-16T00:30:00+01:00"
    answers = answers_by_row(responses)
    assert [answered(s, answers, now=CLOSED).state for s in slots] == ["accepted", "rejected"]


def test_an_answer_about_another_label_or_asset_is_ignored() -> None:
    (row,) = rows_for([sent()])
    answers = answers_by_row([{**answer(row), "label": LIFETIME}, {**answer(row), "asset_id": "another"}])
    assert state_at(answered(sent(), answers, now=CLOSED), CLOSED + timedelta(minutes=5)) == "due"


def test_a_lifetime_row_reports_the_last_reading_of_the_register() -> None:
    seen = frozenset(
        {Sample(START, "lifetime", 1_234_000), Sample(START + timedelta(minutes=9), "lifetime", 1_234_567)}
    )
    rows = rows_for([sent(samples=seen)], lifetime_rows=True)
    assert [(row["label"], row["value"]) for row in rows] == [(ENERGY, 3.6), (LIFETIME, 1234.567)]


def test_a_cars_own_register_is_not_reported_because_it_counts_energy_taken_elsewhere() -> None:
    seen = frozenset(
        {Sample(START, "lifetime", 9_000_000, "vehicle_ac_input"), Sample(START, "lifetime", 8, "battery")}
    )
    assert [row["label"] for row in rows_for([sent(samples=seen)], lifetime_rows=True)] == [ENERGY]


def test_an_accepted_row_is_not_sent_again_beside_an_unanswered_one() -> None:
    being_sent = sent(samples=frozenset({Sample(START, "lifetime", 5000)}))
    rows = rows_for([being_sent], lifetime_rows=True)
    half = answered(being_sent, answers_by_row([answer(rows[0])]), now=CLOSED, lifetime_rows=True)
    again = claimed(half, "run-2", now=CLOSED + timedelta(minutes=1))
    assert [row["label"] for row in rows_for([again], lifetime_rows=True)] == [LIFETIME]


def test_half_hours_follow_a_plugged_in_one_up_to_now() -> None:
    plugged = plugged_slot(slot(), START)
    assert successors(plugged, now=START + timedelta(minutes=75)) == [START + HALF_HOUR, START + 2 * HALF_HOUR]
    assert successors(replace(plugged, plugged_at_end=False), now=START + timedelta(days=1)) == []


def test_the_half_hour_after_a_plugged_in_one_is_made_unless_a_claim_makes_it() -> None:
    now = START + timedelta(minutes=75)
    plugged = plugged_slot(slot(), START)
    done = replace(plugged, state="accepted", due_at=None)
    assert next_to_make(plugged, now=now) is None
    for latest in (done, replace(plugged, state="sent", due_at=now)):
        assert next_to_make(latest, now=now) == plugged_slot(plugged, START + HALF_HOUR)
    assert next_to_make(done, now=START + timedelta(minutes=29)) is None
    assert next_to_make(replace(done, plugged_at_end=False), now=now) is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("measure"), st.integers(0, 4)),
        st.tuples(st.sampled_from(["accept", "reject", "lose", "act and lose", "die after acting"]), st.just(0)),
    ),
    max_size=14,
)


@settings(max_examples=200)
@given(STEPS)
def test_axle_always_ends_with_the_measured_value_and_receives_no_accepted_value_twice(
    steps: list[tuple[str, int]],
) -> None:
    now, current, axle = CLOSED, slot(energy_wh=1), ReportedValue()
    for step, value in [*steps, ("accept", 0), ("accept", 0)]:
        now += timedelta(hours=1)
        if step == "measure":
            current = measured(current, replace(current, energy_wh=value), now=now - GRACE * 2, grace=GRACE)
            continue
        if current.due_at is None or current.due_at > now:
            continue
        current = claimed(current, "run", now=now)
        rows = rows_for([current])
        assert len(rows) <= 1
        for row in rows:
            sure = current.reported.accepted_wh is not None
            assert not (sure and axle.accepted_wh == round(row["value"] * 1000))
            if step in ("accept", "act and lose", "die after acting"):
                axle = ReportedValue(accepted_wh=round(row["value"] * 1000))
            elif step == "reject":
                axle = replace(axle, rejected_wh=round(row["value"] * 1000))
        if step in ("accept", "reject"):
            current = reported(current, "no" if step == "reject" else None, now=now)
        elif step in ("lose", "act and lose"):
            current = answered(current, {}, now=now)
    parked = current.state == "rejected" and current.reported.rejected_wh == current.energy_wh
    assert parked or axle.accepted_wh == current.energy_wh


class TestCompleteness:
    def test_it_counts_the_closed_half_hours_that_axle_expects(self) -> None:
        done = reported(sent())
        parked = replace(reported(sent(), "no"), start=START + HALF_HOUR)
        idle = Slot("car-1", AXLE_ID, START + 2 * HALF_HOUR)
        still_open = replace(slot(), start=START + 3 * HALF_HOUR)
        found = completeness([done, parked, idle, still_open], now=START + timedelta(hours=2))
        assert (found.expected, found.accepted, found.rejected, found.ratio) == (2, 1, 1, 0.5)

    def test_an_empty_day_is_complete(self) -> None:
        assert completeness([], now=START).ratio == 1.0

    def test_half_hours_of_a_plugged_in_car_that_were_never_made_are_expected(self) -> None:
        first = replace(reported(sent()), plugged_at_end=True)
        last = replace(reported(sent()), start=START + 3 * HALF_HOUR, plugged_at_end=True)
        now = START + timedelta(hours=3)
        assert [slot.start for slot in without_holes([first, last], now=now)] == [
            START + number * HALF_HOUR for number in range(7)
        ]
        found = completeness(without_holes([first, last], now=now), now=now)
        assert (found.expected, found.accepted) == (5, 2)
        unplugged = [replace(slot, plugged_at_end=False) for slot in (first, last)]
        assert without_holes(unplugged, now=now) == unplugged

    def test_zero_rows_of_a_plugged_in_car_count_like_any_other(self) -> None:
        done, unreported = reported(sent(energy_wh=0)), replace(slot(energy_wh=0), start=START + HALF_HOUR)
        found = completeness([done, unreported], now=START + timedelta(hours=2))
        assert (found.expected, found.accepted) == (2, 1)

    def test_a_corrected_slot_is_not_complete_until_the_new_value_is_accepted(self) -> None:
        done = reported(sent())
        late = measured(done, replace(done, energy_wh=1), now=CLOSED, grace=GRACE)
        assert completeness([late], now=CLOSED).accepted == 0


@pytest.mark.parametrize(
    ("day", "count"),
    [(date(2026, 3, 29), 46), (date(2026, 7, 1), 48), (date(2026, 10, 25), 50), (date(2026, 1, 15), 48)],
)
def test_a_british_day_has_46_48_or_50_half_hours(day: date, count: int) -> None:
    starts = local_day_half_hours(day, "Europe/London")
    assert len(starts) == count
    assert starts == tuple(starts[0] + HALF_HOUR * i for i in range(count))
    slots = [Slot("car-1", AXLE_ID, starts[0] + HALF_HOUR * i) for i in range(-3, 60)]
    assert [s.start for s in of_local_day(slots, day, "Europe/London")] == list(starts)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)), st.integers(1, 10**10))  # noqa: DTZ001 - hypothesis takes the zone apart from the bounds
def test_half_hours_cover_a_span_without_a_hole(start: datetime, length_ms: int) -> None:
    end = start + timedelta(milliseconds=min(length_ms, 10**9))
    starts = list(half_hours_between(start, end))
    assert starts[0] == half_hour_of(start) <= start
    assert starts[-1] < end <= starts[-1] + HALF_HOUR
    assert all(b - a == HALF_HOUR for a, b in itertools.pairwise(starts))
