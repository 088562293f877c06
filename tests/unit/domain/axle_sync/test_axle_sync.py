"""The next report to Axle, example by example."""

from datetime import UTC, datetime, timedelta

from driveway.domain.axle_sync.answers import (
    acknowledged,
    answered,
    claimed,
    claimed_call,
    put_off,
    refused,
)
from driveway.domain.axle_sync.calls import AxleCall
from driveway.domain.axle_sync.differences import axle_due, in_sync, next_call
from driveway.domain.twin import AxleState, Intent, Twin
from driveway.values import replace
from tests.support.domain.example_preferences import EVENING, EVERY_DAY, THIRTY_KWH
from tests.support.domain.reported_twins import claim, kinds, lost, reported, settled
from tests.support.domain.twins import NOW, a_twin, linked, minutes, plugged, unplugged, with_charge_now, with_soc


def test_the_first_report_is_tariff_intent_and_the_present_plug_state_each_on_its_own() -> None:
    assert kinds(a_twin()) == ["tariff-update", "intent", "plug-out"]
    assert kinds(plugged(a_twin())) == ["tariff-update", "intent", "plug-in"]


def test_what_axle_is_sent_is_tariff_intent_and_vehicle_in_axles_words() -> None:
    tariff, intent, plug_in = reported(plugged(a_twin()))[1]
    assert tariff.path.endswith("/event/tariff-update")
    assert tariff.body == {
        "tariff": {
            "off_peak_times": "00:00-05:30, 23:30-24:00",
            "timezone": "Europe/London",
            "tariff_type": "dual_rate",
        }
    }
    assert intent.body == {
        "intent": {
            "energy_required_kwh": 30.0,
            "ready_by": "2026-01-16T07:00:00Z",
            "ready_by_local_time": "07:00:00",
            "energy_estimated": True,
            "may_charge_peak": False,
            "charging_mode": "maximise_charging_time",
        }
    }
    assert plug_in.body == {"vehicle": {"charging_rate_kw": 7.4}} | tariff.body | intent.body


def test_a_later_plug_in_says_all_that_is_new_in_one_call() -> None:
    twin = replace(plugged(settled(a_twin())), tariff=EVENING, intent=replace(THIRTY_KWH, kwh=12))
    after, calls = reported(twin)
    assert [call.kind for call in calls] == ["plug-in"]
    assert calls[0].body["tariff"]["off_peak_times"] == "20:00-23:00"
    assert calls[0].body["intent"]["energy_required_kwh"] == 12
    assert in_sync(after, NOW)


def test_nothing_is_reported_when_nothing_changed_or_all_changed_back() -> None:
    twin = settled(plugged(a_twin()))
    assert next_call(twin, NOW) is None
    assert next_call(replace(replace(twin, tariff=EVENING), tariff=twin.tariff), NOW) is None


def test_ten_quick_changes_cost_one_call_with_the_last_value() -> None:
    twin = settled(a_twin())
    for kwh in range(10):
        twin = replace(twin, intent=replace(THIRTY_KWH, kwh=float(kwh)))
    calls = reported(twin)[1]
    assert [(call.kind, call.body["intent"]["energy_required_kwh"]) for call in calls] == [("intent", 9.0)]


def test_a_session_closed_and_opened_again_before_axle_knew_is_plug_out_and_plug_in() -> None:
    twin = settled(plugged(a_twin(), "s1"))
    assert kinds(plugged(unplugged(twin), "s2")) == ["plug-out", "plug-in"]


def test_a_session_opened_and_closed_unreported_is_not_reported() -> None:
    twin = settled(a_twin())
    assert kinds(unplugged(plugged(twin))) == []


def test_a_session_that_never_ended_after_all_is_reported_again() -> None:
    twin = settled(unplugged(settled(plugged(a_twin(), "s1"))))
    assert kinds(plugged(twin, "s1")) == ["plug-in"]


def test_while_the_site_is_snoozed_axle_takes_the_car_to_be_unplugged() -> None:
    twin = linked(with_charge_now(settled(plugged(a_twin())), NOW + minutes(90)), snoozed_until=NOW + minutes(60))
    after, calls = reported(twin)
    assert [call.kind for call in calls] == ["plug-out"]
    assert axle_due(after, NOW) == NOW + minutes(60)
    assert kinds(after, NOW + minutes(60)) == ["plug-in", "charge-now"]


def test_nothing_is_reported_of_an_asset_that_is_not_enrolled_or_leaves() -> None:
    twin = plugged(a_twin())
    for link in (replace(twin.link, enrolled=False), replace(twin.link, leaving=True)):
        gone = replace(twin, link=link)
        assert (next_call(gone, NOW), axle_due(gone, NOW), in_sync(gone, NOW)) == (None, None, True)


def test_a_site_that_joins_again_has_all_reported_again_even_what_was_refused_before() -> None:
    twin = reported(plugged(a_twin()), refuse=("tariff-update", "plug-in"))[0]
    assert kinds(replace(twin, axle=AxleState())) == ["tariff-update", "intent", "plug-in"]


# Charge now


def test_charge_now_is_reported_after_the_plug_in_and_its_end_before_the_time() -> None:
    twin, calls = reported(with_charge_now(plugged(settled(a_twin())), NOW + minutes(90)))
    assert [call.kind for call in calls] == ["plug-in", "charge-now"]
    assert calls[1].body == {"end_at": "2026-01-15T19:30:00Z"}
    assert kinds(replace(twin, charge_now=None)) == ["charge-now-deleted"]


def test_a_charge_now_whose_time_is_over_is_nothing_to_report() -> None:
    twin = settled(with_charge_now(settled(plugged(a_twin())), NOW + minutes(90)))
    assert kinds(twin, NOW + minutes(90)) == []
    assert kinds(replace(twin, charge_now=None), NOW + minutes(90)) == []
    assert kinds(with_charge_now(settled(plugged(a_twin())), NOW)) == []


def test_only_another_end_makes_another_charge_now_for_axle() -> None:
    twin = settled(with_charge_now(settled(plugged(a_twin())), NOW + minutes(90), "b1"))
    assert kinds(with_charge_now(twin, NOW + minutes(90), "b2")) == []
    assert kinds(with_charge_now(twin, NOW + minutes(91), "b2")) == ["charge-now"]


def test_a_charge_now_of_a_car_that_is_not_plugged_in_is_not_reported() -> None:
    assert kinds(with_charge_now(settled(a_twin()), NOW + minutes(90))) == []


def test_a_charge_now_that_lived_through_a_plug_out_is_reported_again_as_axle_may_have_ended_it() -> None:
    twin = settled(with_charge_now(settled(plugged(a_twin(), "s1")), NOW + minutes(90)))
    assert kinds(plugged(twin, "s2")) == ["plug-out", "plug-in", "charge-now"]
    assert kinds(replace(unplugged(twin), charge_now=None)) == ["plug-out", "charge-now-deleted"]


def test_a_charge_now_waits_for_a_plug_in_that_axle_refuses() -> None:
    twin, calls = reported(with_charge_now(plugged(settled(a_twin())), NOW + minutes(90)), refuse=("plug-in",))
    assert {call.kind for call in calls} == {"plug-in"}
    assert not in_sync(twin, NOW)


# Departures and the state of charge


def test_when_a_departure_passes_the_next_ones_time_is_reported_once() -> None:
    weekend = Intent(ready_by=EVERY_DAY | {"sat": "09:30"}, kwh=30)
    twin = settled(a_twin(intent=weekend))
    friday_departure = datetime(2026, 1, 16, 7, 0, tzinfo=UTC)
    assert axle_due(twin, NOW) == friday_departure
    after, calls = reported(twin, friday_departure)
    assert [call.body["intent"]["ready_by_local_time"] for call in calls] == ["09:30:00"]
    assert axle_due(after, friday_departure) == datetime(2026, 1, 17, 9, 30, tzinfo=UTC)


def test_a_departure_at_the_same_time_every_day_is_reported_once_for_all_days() -> None:
    twin = settled(a_twin())
    assert axle_due(twin, NOW) is None
    assert all(next_call(twin, NOW + timedelta(days=day)) is None for day in range(10))


EIGHTY_PCT = Intent(ready_by=EVERY_DAY, target_soc_pct=80)


def test_a_battery_that_fills_while_charging_is_no_news_for_axle() -> None:
    twin = settled(plugged(with_soc(a_twin(intent=EIGHTY_PCT), 40)))
    two_hours_later = NOW + minutes(120)
    assert kinds(with_soc(twin, 58), two_hours_later) == []


def test_a_state_of_charge_that_charging_cannot_explain_is_reported() -> None:
    twin = settled(plugged(with_soc(a_twin(intent=EIGHTY_PCT), 40)))
    assert kinds(with_soc(twin, 70), NOW + minutes(5)) == ["intent"]
    assert kinds(with_soc(twin, 30), NOW + minutes(5)) == ["intent"]


def test_driving_is_reported_with_the_next_plug_in_only() -> None:
    twin = with_soc(settled(with_soc(a_twin(intent=EIGHTY_PCT), 80)), 35)
    assert kinds(twin) == []
    (call,) = reported(plugged(twin))[1]
    assert call.body["intent"]["energy_required_kwh"] == 32.0


def test_the_first_state_of_charge_and_another_target_are_reported_at_once() -> None:
    twin = settled(a_twin(intent=EIGHTY_PCT))
    measured = with_soc(twin, 50)
    assert kinds(measured) == ["intent"]
    assert kinds(replace(settled(measured), intent=replace(EIGHTY_PCT, target_soc_pct=90))) == ["intent"]


# Refusals


def test_a_refused_value_is_reported_again_only_when_it_changes() -> None:
    twin, calls = reported(replace(settled(a_twin()), tariff=EVENING), refuse=("tariff-update",))
    assert [call.kind for call in calls] == ["tariff-update"]
    assert axle_due(twin, NOW) is None
    assert not in_sync(twin, NOW)
    assert twin.axle.last_error == "no tariff-update"
    later = replace(twin, tariff=replace(EVENING, timezone="UTC"))
    after, calls = reported(later)
    assert [call.kind for call in calls] == ["tariff-update"]
    assert (after.axle.refusals, after.axle.last_error, in_sync(after, NOW)) == ((), None, True)


def test_a_refusal_stays_in_view_while_other_calls_succeed() -> None:
    twin = reported(replace(settled(a_twin()), tariff=EVENING), refuse=("tariff-update",))[0]
    after = settled(replace(twin, intent=replace(THIRTY_KWH, kwh=12)))
    assert after.axle.last_error == "no tariff-update"
    assert [refusal.call for refusal in after.axle.refusals] == ["tariff-update"]


def test_a_refusal_is_forgotten_when_its_value_is_not_wanted_any_more() -> None:
    twin = reported(replace(settled(a_twin()), tariff=EVENING), refuse=("tariff-update",))[0]
    back = settled(plugged(replace(twin, tariff=a_twin().tariff)))
    assert (back.axle.refusals, back.axle.last_error, in_sync(back, NOW)) == ((), None, True)


def test_the_app_learns_of_a_refusal_in_axles_words() -> None:
    twin = settled(a_twin())
    call = next_call(replace(twin, tariff=EVENING), NOW)
    assert call is not None
    after = refused(replace(twin, tariff=EVENING), call, status=400, detail="Invalid tariff: x", now=NOW)
    entry = after.news[-1]
    assert (entry.event, entry.detail) == ("NeedsAttention", {"call": "tariff-update", "status": 400})
    assert "Invalid tariff: x" in entry.text


def test_a_refused_tariff_holds_up_neither_intent_nor_plug_in_and_is_not_carried_by_it() -> None:
    twin = plugged(settled(a_twin()))
    twin = replace(twin, tariff=EVENING)
    tariff, rest = _after_full_refused(twin)
    assert tariff.kind == "tariff-update"
    assert rest.kind == "plug-in"
    assert "tariff" not in rest.body
    assert "intent" in rest.body


def _after_full_refused(twin: Twin) -> tuple[AxleCall, AxleCall]:
    full = next_call(twin, NOW)
    assert full is not None
    assert "tariff" in full.body
    twin = refused(twin, full, status=400, detail="Invalid tariff", now=NOW)
    assert twin.news[-1].event == "AxleRefused"
    tariff = next_call(twin, NOW)
    assert tariff is not None
    rest = next_call(refused(twin, tariff, status=400, detail="Invalid tariff", now=NOW), NOW)
    assert rest is not None
    return tariff, rest


def test_a_plug_in_that_is_refused_with_all_it_carries_is_reported_bare() -> None:
    twin, calls = reported(plugged(settled(a_twin())), refuse=("plug-in",))
    assert [sorted(call.body) for call in calls] == [["intent", "tariff", "vehicle"], []]
    assert [entry.event for entry in twin.news if "efused" in entry.text] == ["AxleRefused", "NeedsAttention"]


def test_a_refused_plug_out_does_not_hold_up_the_next_session() -> None:
    twin, calls = reported(unplugged(settled(plugged(a_twin(), "s1"))), refuse=("plug-out",))
    assert [call.kind for call in calls] == ["plug-out"]
    again = plugged(twin, "s2")
    after, calls = reported(again)
    assert [call.kind for call in calls] == ["plug-in"]
    assert kinds(unplugged(after)) == ["plug-out"]


def test_refusals_of_everything_cost_a_call_for_each_value_and_one_more_for_the_plug_in() -> None:
    everything = ("tariff-update", "intent", "plug-in", "plug-out", "charge-now", "charge-now-deleted")
    twin = settled(with_charge_now(settled(plugged(a_twin(), "s1")), NOW + minutes(60)))
    changed = replace(plugged(twin, "s2"), tariff=EVENING, intent=EIGHTY_PCT, charge_now=None)
    assert kinds(changed, refuse=everything) == [
        "tariff-update",
        "intent",
        "plug-out",
        "plug-in",
        "plug-in",
        "charge-now-deleted",
    ]


# Lost answers


def test_a_value_that_changed_back_after_an_unanswered_call_is_reported_again() -> None:
    twin = settled(plugged(a_twin()))
    assert_reported_again("tariff-update", replace(twin, tariff=EVENING), back=twin)
    assert_reported_again("intent", replace(twin, intent=EIGHTY_PCT), back=twin)
    assert_reported_again("plug-in", unplugged(twin), back=twin)
    assert_reported_again("charge-now-deleted", with_charge_now(twin, NOW + minutes(60)), back=twin)


def assert_reported_again(kind: str, changed: Twin, *, back: Twin) -> None:
    twin = replace(back, axle=lost(changed).axle)
    assert kinds(twin) == [kind]
    assert in_sync(settled(twin), NOW)


def test_after_an_unanswered_plug_in_of_an_ended_session_its_end_is_reported() -> None:
    twin = lost(plugged(settled(a_twin()), "s1"))
    assert kinds(unplugged(twin)) == ["plug-out"]
    assert kinds(plugged(unplugged(twin), "s2")) == ["plug-out", "plug-in"]
    assert kinds(twin) == ["plug-in"]


def test_a_call_that_never_reached_axle_leaves_no_doubt() -> None:
    twin = plugged(settled(a_twin()))
    put = put_off(twin, "refused connection", now=NOW, wait_s=None, spread=0)
    assert kinds(unplugged(put)) == []


# Claims


def test_while_one_instance_calls_no_other_calls_for_the_same_asset() -> None:
    twin = claim(plugged(a_twin()), NOW, "first")
    assert claimed_call(twin, "first") == next_call(twin, NOW)
    assert claim(twin, NOW, "second") is twin
    assert claimed_call(twin, "second") is None
    assert axle_due(twin, NOW) == NOW + minutes(2)
    assert claimed(settled(a_twin()), NOW, id="x", until=NOW + minutes(2)).axle.call_claim is None


def test_the_claimed_call_is_the_same_whatever_changes_meanwhile() -> None:
    twin = claim(settled(a_twin()), NOW, "x")
    assert twin.axle.call_claim is None
    twin = claim(plugged(settled(a_twin())), NOW, "x")
    call = claimed_call(twin, "x")
    assert call is not None
    noted = answered(unplugged(twin), "x", lambda reported: acknowledged(reported, call, NOW))
    assert kinds(noted) == ["plug-out"]


def test_what_a_vanished_caller_reported_is_in_doubt_and_its_late_answer_counts_for_nothing() -> None:
    twin = claim(plugged(settled(a_twin()), "s1"), NOW, "gone")
    call = claimed_call(twin, "gone")
    assert call is not None
    later = NOW + minutes(2)
    taken_over = claim(unplugged(twin), later, "next")
    following = claimed_call(taken_over, "next")
    assert following is not None
    assert following.kind == "plug-out"
    assert answered(taken_over, "gone", lambda reported: acknowledged(reported, call, later)) is taken_over


def test_another_power_of_a_plugged_in_car_is_reported_without_its_energy() -> None:
    twin = linked(settled(plugged(a_twin())), power_kw=3.6)
    assert not in_sync(twin, NOW)
    after, (call,) = reported(twin)
    assert call.path.endswith("/event")
    assert call.body == {
        "event_type": "intent_update",
        "vehicle": {"charging_rate_kw": 3.6},
        "tariff": {
            "off_peak_times": "00:00-05:30, 23:30-24:00",
            "timezone": "Europe/London",
            "tariff_type": "dual_rate",
        },
    }
    assert in_sync(after, NOW)
    assert kinds(linked(after, power_kw=3.6)) == []


def test_another_power_of_a_car_that_is_not_plugged_in_goes_with_its_next_plug_in() -> None:
    twin = linked(settled(a_twin()), power_kw=3.6)
    assert kinds(twin) == []
    (call,) = reported(plugged(twin))[1]
    assert (call.kind, call.body["vehicle"]) == ("plug-in", {"charging_rate_kw": 3.6})


def test_a_power_that_is_taken_back_after_a_lost_answer_is_reported_again() -> None:
    twin = settled(plugged(a_twin()))
    back = linked(lost(linked(twin, power_kw=3.6)), power_kw=7.4)
    (call,) = reported(back)[1]
    assert call.body["vehicle"] == {"charging_rate_kw": 7.4}


def test_a_refused_power_is_reported_with_the_plug_in_and_then_left_alone() -> None:
    twin = linked(settled(plugged(a_twin())), power_kw=3.6)
    assert kinds(twin, refuse=("vehicle-update",)) == ["vehicle-update", "plug-in"]
    after, calls = reported(twin, refuse=("vehicle-update", "plug-in"))
    assert [call.kind for call in calls] == ["vehicle-update", "plug-in"]
    assert next_call(after, NOW) is None


def test_the_power_is_not_reported_to_an_axle_that_took_the_plug_in_without_it() -> None:
    bare = reported(plugged(settled(a_twin())))[0]
    bare = replace(bare, axle=replace(bare.axle, charging_rate_kw=None))
    assert kinds(linked(bare, power_kw=3.6)) == []
