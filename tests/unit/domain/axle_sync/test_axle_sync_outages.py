"""The traces of an outage of Axle on a twin: pauses, doubts about lost reports, and nothing once it is over."""

from datetime import datetime, timedelta

import pytest

from driveway.domain.axle_sync.answers import (
    ACTS_WITHIN,
    acknowledged,
    answered,
    claimed_call,
    held_back,
    pause_s,
    put_off,
)
from driveway.domain.axle_sync.differences import at_rest, axle_due, call_due, in_sync, mark_unacknowledged
from driveway.domain.twin import Twin
from driveway.values import replace
from tests.support.domain.example_preferences import EVENING, NIGHT, THIRTY_KWH
from tests.support.domain.reported_twins import claim, kinds, lost, reported, settled
from tests.support.domain.twins import NOW, a_twin, minutes, plugged, unplugged, with_charge_now


def test_pauses_double_from_five_seconds_to_five_minutes_and_half_of_each_is_chance() -> None:
    longest = [pause_s(attempts, None, 1.0) for attempts in range(9)]
    assert longest == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert [pause_s(attempts, None, 0.0) for attempts in range(9)] == [pause / 2 for pause in longest]


@pytest.mark.parametrize(("asked_s", "least", "most"), [(60, 60, 75), (3600, 300, 300), (0.5, 2.5, 5)])
def test_a_wait_that_axle_asks_for_is_waited_within_five_minutes(asked_s: float, least: float, most: float) -> None:
    assert least <= pause_s(0, asked_s, 0.0) <= pause_s(0, asked_s, 0.99) <= most


def test_a_twin_that_was_put_off_is_due_at_its_time_and_not_before() -> None:
    twin = put_off(plugged(settled(a_twin())), "HTTP 503", now=NOW, wait_s=30, spread=0)
    assert axle_due(twin, NOW) == NOW + timedelta(seconds=30)
    assert call_due(twin, NOW) is None
    assert call_due(twin, NOW + timedelta(seconds=30)) is not None
    assert axle_due(twin, NOW + minutes(1)) == NOW + minutes(1)


def test_an_outage_is_one_line_in_the_timeline_and_is_known_since_its_first_moment() -> None:
    twin = plugged(settled(a_twin()))
    for minute in range(5):
        twin = put_off(twin, "HTTP 503", now=NOW + minutes(minute), wait_s=None, spread=0)
    assert [entry.event for entry in twin.news].count("AxleUnavailable") == 1
    assert (twin.axle.attempts, twin.axle.unacknowledged_since, twin.axle.last_error) == (5, NOW, "HTTP 503")
    after = settled(twin)
    assert (after.axle.attempts, after.axle.unacknowledged_since, after.axle.last_error) == (0, None, None)


def test_a_twin_with_nothing_to_report_is_not_held_back() -> None:
    twin = settled(a_twin())
    assert held_back(twin, "open", now=NOW, until=NOW + minutes(1)) is twin
    waiting = held_back(plugged(twin), "open", now=NOW, until=NOW + minutes(1))
    assert axle_due(waiting, NOW) == NOW + minutes(1)
    assert (waiting.axle.attempts, waiting.axle.last_error) == (0, "open")


def test_a_value_that_axle_does_not_know_yet_is_marked_with_its_time_once() -> None:
    twin = settled(a_twin())
    assert mark_unacknowledged(twin, NOW) is twin
    marked = mark_unacknowledged(plugged(twin), NOW)
    assert marked.axle.unacknowledged_since == NOW
    assert mark_unacknowledged(marked, NOW + minutes(1)) is marked


def down(twin: Twin, times: int = 8) -> Twin:
    """The twin after so many failed calls, six minutes apart."""
    for number in range(times):
        twin = put_off(twin, "HTTP 503", now=NOW + minutes(6 * number), wait_s=None, spread=0)
    return twin


def test_an_outage_leaves_nothing_on_a_twin_whose_change_was_undone_meanwhile() -> None:
    twin, later = settled(a_twin()), NOW + minutes(60)
    undone = replace(down(replace(twin, tariff=EVENING)), tariff=NIGHT)
    assert in_sync(undone, later)
    assert axle_due(undone, later) == later, "a reconcile is due to clear it away"
    quiet = at_rest(undone, later)
    assert (quiet.axle, axle_due(quiet, later)) == (twin.axle, None)
    assert at_rest(quiet, later) is quiet


def test_the_next_outage_begins_with_a_short_pause_and_its_own_time() -> None:
    undone = at_rest(replace(down(replace(settled(a_twin()), tariff=EVENING)), tariff=NIGHT), NOW + minutes(60))
    days_later = NOW + timedelta(days=9)
    again = put_off(plugged(undone, "s9", days_later), "HTTP 503", now=days_later, wait_s=None, spread=1)
    assert again.axle.retry_at == days_later + timedelta(seconds=5)
    assert again.axle.unacknowledged_since == days_later
    assert again.news[-1].event == "AxleUnavailable"


def test_a_refusal_whose_value_was_taken_back_is_forgotten() -> None:
    parked = reported(replace(settled(a_twin()), tariff=EVENING), refuse=("tariff-update",))[0]
    quiet = at_rest(replace(parked, tariff=NIGHT), NOW)
    assert (quiet.axle.refusals, quiet.axle.last_error) == ((), None)
    assert kinds(replace(quiet, tariff=EVENING)) == ["tariff-update"]


def test_the_twin_stays_as_it_is_while_a_report_is_pending_or_under_way_or_refused() -> None:
    waiting = down(replace(settled(a_twin()), tariff=EVENING))
    parked = reported(replace(settled(a_twin()), tariff=EVENING), refuse=("tariff-update",))[0]
    calling = replace(claim(replace(waiting, axle=replace(waiting.axle, retry_at=None)), NOW, "x"), tariff=NIGHT)
    for twin in (waiting, parked, calling):
        assert at_rest(twin, NOW) is twin


# Calls that Axle carries out after the calls that followed them


def reported_by_claims(twin: Twin, now: datetime) -> tuple[Twin, list[str]]:
    """The twin after all reports to Axle, each claimed and answered, and the kinds of the calls."""
    made: list[str] = []
    while (call := claimed_call(twin := claim(twin, now, f"call-{len(made)}"), f"call-{len(made)}")) is not None:
        twin = answered(twin, f"call-{len(made)}", lambda reported, call=call: acknowledged(reported, call, now))
        made.append(call.kind)
        assert len(made) < 10
    return twin, made


def overtaken(first: Twin, then: Twin) -> Twin:
    """The twin ``then``, which was reported to Axle just after a call for ``first`` was lost."""
    return reported_by_claims(replace(then, axle=lost(first).axle), NOW + timedelta(seconds=5))[0]


def test_values_reported_after_a_lost_call_are_reported_once_more_when_it_can_no_longer_be_carried_out() -> None:
    twin, latest = settled(a_twin()), NOW + ACTS_WITHIN
    after = overtaken(plugged(twin, "s1"), twin)
    assert axle_due(after, NOW + timedelta(seconds=6)) == latest
    assert reported_by_claims(after, latest - timedelta(seconds=1)) == (after, [])
    quiet, calls = reported_by_claims(after, latest)
    assert (calls, axle_due(quiet, latest)) == (["plug-out"], None)


def test_a_lost_call_whose_value_is_the_last_one_reported_is_not_reported_again() -> None:
    twin = plugged(settled(a_twin()), "s1")
    after = overtaken(twin, twin)
    assert axle_due(after, NOW + timedelta(seconds=6)) is None
    assert reported_by_claims(after, NOW + ACTS_WITHIN) == (after, [])


def test_a_lost_plug_in_that_carried_older_values_has_them_reported_again_too() -> None:
    twin = plugged(settled(a_twin()), "s1")
    after = overtaken(twin, replace(twin, tariff=EVENING, intent=replace(THIRTY_KWH, kwh=12)))
    assert reported_by_claims(after, NOW + ACTS_WITHIN)[1] == ["tariff-update", "intent"]


def test_a_lost_plug_out_may_have_ended_the_charge_now_reported_after_it() -> None:
    twin = settled(plugged(a_twin(), "s1"))
    after = overtaken(unplugged(twin), with_charge_now(plugged(twin, "s2"), NOW + minutes(90)))
    assert reported_by_claims(after, NOW + ACTS_WITHIN)[1] == ["plug-in", "charge-now"]


def test_a_lost_call_does_not_change_later_reports() -> None:
    twin, later = replace(settled(a_twin()), tariff=EVENING), NOW + minutes(10)
    quiet, calls = reported_by_claims(replace(overtaken(twin, twin), tariff=NIGHT), later)
    assert (calls, axle_due(quiet, later)) == (["tariff-update"], None)
