"""Eligibility, opting out and in, snoozing and the rewards."""

from typing import Any

import pytest
import requests

from driveway.store.items import stamp
from simulators.common import Fault
from tests.support.functions.rig import Reply, Rig
from tests.support.functions.sites import MPAN, car, let_pass, post, put, site_body, status

PROFILE = {
    "chargingProfileId": None,
    "stackLevel": 1100,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {
        "duration": 32400,
        "startSchedule": "2026-01-15T18:00:00+00:00",
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0.0}],
    },
}


def ask(rig: Rig, mpan: str, asset_model: str | None = None) -> Reply:
    body = {"mpan": mpan} | ({"asset_model": asset_model} if asset_model else {})
    return rig.serve("onboarding", "POST /eligibility", body)


def facts(rig: Rig, **changes: Any) -> None:
    requests.post(f"{rig.axle_url}/_sim/mpans/{MPAN}", json=changes, timeout=5).raise_for_status()


def axle_site(rig: Rig) -> str:
    record = rig.runtime.sites.get("home-1")
    assert record is not None
    return str(record.axle_site_id)


def test_an_eligible_meter_is_answered_as_such_and_nothing_is_stored(rig: Rig) -> None:
    reply = ask(rig, f"00 801 902 {MPAN[:2]} {MPAN[2:]}")
    assert (reply.status, reply.body) == (200, {"eligible": True, "half_hourly_settled": True, "issues": []})
    assert [item for item in rig.items() if not item["pk"].startswith("TOKEN#")] == []


def test_issues_are_answered_in_sentences(rig: Rig) -> None:
    facts(rig, half_hourly_settled=False, issues=["non_domestic_site"])
    body = ask(rig, MPAN).body
    assert not body["eligible"]
    assert {issue["code"] for issue in body["issues"]} == {"non_domestic_site", "asset_model_not_set"}
    assert all(issue["text"].endswith(".") and "_" not in issue["text"] for issue in body["issues"])


def test_a_typing_error_is_found_before_axle_is_asked(rig: Rig) -> None:
    reply = ask(rig, MPAN[:-1] + "0")
    assert (reply.status, reply.body["errors"][0]["pointer"]) == (422, "/mpan")
    assert rig.axle.requests.list(path="/validation/mpan") == []


def test_a_lenient_stage_lets_axles_own_sample_through(rig: Rig) -> None:
    rig.runtime.settings = type(rig.runtime.settings)({**rig.runtime.settings.environ, "MPAN_CHECK_DIGIT": "lenient"})
    assert ask(rig, "1234567890123").body["eligible"]


def test_each_of_axles_refusals_of_a_meter_has_a_problem_type(rig: Rig) -> None:
    facts(rig, connected=False)
    assert (ask(rig, MPAN).status, ask(rig, MPAN).problem) == (404, "no-import-meter")
    facts(rig, connected=True)
    assert ask(rig, MPAN, "no-such-model").problem == "unknown-asset-model"
    rig.axle.faults.add(Fault(path="/validation/mpan", status=400, body={"detail": ["MPAN must be 13 digits"]}))
    assert (ask(rig, MPAN).status, ask(rig, MPAN).problem) == (400, "axle-invalid")


@pytest.mark.parametrize("path", ["/validation/mpan", "check-eligibility"])
def test_eligibility_answers_503_while_axle_is_away(rig: Rig, path: str) -> None:
    rig.axle.faults.add(Fault(path=path, status=500, retry_after=7, count=1))
    reply = ask(rig, MPAN)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "7")
    assert ask(rig, MPAN).status == 200


def test_a_car_that_opts_out_is_released_and_axles_schedules_are_refused_for_good(rig: Rig) -> None:
    put(rig, site_body(car(plugged_in=True)))
    rig.pump()
    reply = post(rig, "unenrol")
    assert (reply.status, reply.body["state"]) == (200, "unenrolled")
    asset = rig.serve("status", "GET /assets/{asset}", asset="car-1").body
    assert asset["desired"]["reason"] == "NOT_ENROLLED"
    schedule = rig.serve(
        "schedules",
        "POST /axle/assets/{axle_asset_id}/charging-profile",
        PROFILE,
        scope="axle",
        axle_asset_id=rig.twin("car-1").link.axle_asset_id,
    )
    assert (schedule.status, schedule.problem) == (409, "not-enrolled")
    reported = rig.events_at_axle("car-1")
    rig.pump()
    assert rig.events_at_axle("car-1") == reported
    assert rewards(rig).status == 200


def test_an_opt_out_that_does_not_reach_axle_holds_here_and_is_finished_by_repeating_it(rig: Rig) -> None:
    put(rig, site_body())
    rig.axle.faults.add(Fault(path="unenrol$", status=503, count=1))
    assert post(rig, "unenrol").status == 202
    assert status(rig).body["state"] == "unenrolling"
    assert not rig.twin("car-1").link.enrolled
    let_pass(rig, minutes=1)
    assert status(rig).body["state"] == "unenrolled"
    assert post(rig, "unenrol").body["state"] == "unenrolled"


def test_a_site_that_opts_in_again_needs_rejoin_and_everything_is_sent_to_axle_again(rig: Rig) -> None:
    put(rig, site_body(car(plugged_in=True)))
    rig.pump()
    reported = len(rig.events_at_axle("car-1"))
    post(rig, "unenrol")
    assert post(rig, "enrol").problem == "withdrew-before"
    assert post(rig, "enrol", {"rejoin": True}).body["state"] == "active"
    rig.pump()
    assert rig.events_at_axle("car-1")[reported:] == ["tariff_update", "intent_update", "plug_in"]
    assert post(rig, "enrol").body["state"] == "active"
    rig.pump()
    assert len(rig.events_at_axle("car-1")) == reported + 3


def test_a_snooze_reports_a_plug_out_to_axle_and_ends_by_itself(rig: Rig) -> None:
    put(rig, site_body(car(plugged_in=True)))
    rig.pump()
    until = "2026-01-15T21:00:00+01:00"
    assert post(rig, "snooze", {"until": until}).body["snoozed_until"] == "2026-01-15T20:00:00Z"
    rig.pump()
    assert rig.events_at_axle("car-1")[-1] == "plug_out"
    assert status(rig).body["snoozed_until"] == "2026-01-15T20:00:00Z"
    due = next(item for item in rig.items() if item["sk"] == "TWIN")["axle_due"]
    assert due == stamp(rig.clock.now().replace(hour=20))
    rig.clock.move(hours=2)
    rig.look("axle", "car-1")
    assert rig.events_at_axle("car-1")[-1] == "plug_in"
    assert status(rig).body["snoozed_until"] is None


def test_a_snooze_can_be_ended_and_must_end_within_the_year(rig: Rig) -> None:
    put(rig, site_body())
    assert post(rig, "snooze", {"until": "2026-01-15T17:59:00Z"}).status == 422
    assert post(rig, "snooze", {"until": "2028-01-15T17:59:00Z"}).status == 422
    assert post(rig, "snooze", {"until": "2026-01-20T07:00:00Z"}).status == 200
    assert post(rig, "snooze", {"until": None}).body["snoozed_until"] is None
    assert rig.twin("car-1").link.snoozed_until is None
    post(rig, "unenrol")
    assert post(rig, "snooze", {"until": None}).problem == "not-enrolled"


@pytest.mark.parametrize("action", ["unenrol", "enrol", "snooze"])
def test_an_unknown_site_is_not_found(rig: Rig, action: str) -> None:
    body = {"until": None} if action == "snooze" else None
    assert post(rig, action, body).status == 404


def rewards(rig: Rig, **query: str) -> Reply:
    return rig.serve("status", "GET /sites/{site}/rewards", site="home-1", query=query)


def test_rewards_separate_estimated_from_settled_and_give_a_link(rig: Rig) -> None:
    put(rig, site_body())
    transactions = [
        {"transaction_type": "flex event", "credit_pence": 120, "settlement_date": "2026-01-10"},
        {"transaction_type": "flex period", "credit_pence": 80, "settlement_date": "2026-01-31"},
        {"transaction_type": "flex event", "credit_pence": 40},
        {"transaction_type": "withdrawal", "credit_pence": -100, "payment_status": "posted"},
        {"transaction_type": "withdrawal", "credit_pence": -10, "payment_status": "pending_approval"},
    ]
    requests.post(
        f"{rig.axle_url}/_sim/sites/{axle_site(rig)}/rewards",
        json={
            "current_balance_pence": 620,
            "total_earnings_pence": 720,
            "transactions": [
                {"transaction_id": f"00000000-0000-4000-8000-00000000000{n}", **row}
                for n, row in enumerate(transactions)
            ],
        },
        timeout=5,
    ).raise_for_status()
    body = rewards(rig).body
    assert (body["balance_pence"], body["total_earnings_pence"], body["can_withdraw"]) == (620, 720, True)
    assert [t["status"] for t in body["transactions"]] == ["settled", "estimated", "estimated", "settled", "estimated"]
    assert (body["settled_pence"], body["estimated_pence"]) == (20, 110)
    assert body["withdrawal"]["url"].startswith("http")
    assert body["withdrawal"]["expires_at"] == "2026-01-15T19:00:00Z"


def test_rewards_refuse_an_unsafe_place_to_return_to(rig: Rig) -> None:
    put(rig, site_body())
    assert rewards(rig, redirect_uri="javascript:alert(1)").status == 400
    assert rewards(rig, redirect_uri="https://app.example/rewards").status == 200
    asked = rig.axle.requests.list(path="/url/balance")[-1]
    assert asked["query"]["redirect_uri"] == "https://app.example/rewards"
