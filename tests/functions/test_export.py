"""GET /sites/{site}/export: everything that is held about a home, in one document."""

import base64
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driveway.runtime import http_api
from driveway.store.tokens import AccountDates
from tests.support.functions.leavers import PLACE, VEHICLES, asset, follow_up, go_on, onboard
from tests.support.functions.rig import Rig, function
from tests.support.functions.sites import car, post, put, site_body, status
from tests.support.functions.stage import Stage

OF_THE_TABLE = ("pk", "sk", "expires_at", "version")


def export(rig: Rig, site: str = "home-1", scope: str = "app") -> Any:
    return rig.serve("status", "GET /sites/{site}/export", site=site, scope=scope)


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in OF_THE_TABLE and not name.endswith(("_shard", "_due")):
                yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def of_the_home(rig: Rig) -> list[dict[str, Any]]:
    """The items that are held about the home: its site's and its assets', and the aliases that lead to them."""
    assets = {item["asset"] for item in rig.items() if item["sk"] == "TWIN"}
    return [
        item
        for item in rig.items()
        if item["pk"] == "SITE#home-1" or item["pk"].removeprefix("ASSET#") in assets or item.get("asset") in assets
    ]


def test_everything_in_the_table_about_a_home_is_in_its_export_and_nothing_of_another(stage: Stage) -> None:
    onboard(stage, *(asset(stage, provider) for provider in VEHICLES))
    stage.cars.do("plug-in", VEHICLES["enode"]["vehicle_id"])
    at = stage.rig.clock.now() + timedelta(minutes=1)
    go_on(stage, minutes=2)
    seen = [{"at": at.isoformat(), "plugged_in": True, "at_home": True, "energy_lifetime_kwh": 100.5, "soc_pct": 41}]
    stage.rig.serve("vehicle_events", "POST /assets/{asset}/observations", {"observations": seen}, asset="enode-1")
    follow_up(stage)
    held = of_the_home(stage.rig)
    put(stage.rig, site_body(car("other-car", vehicle=None), mpan="1100000000008"), site="home-2")
    document = export(stage.rig).body
    shown = json.dumps(document)
    kinds = {item["sk"].partition("#")[0] for item in held}
    assert {"SITE", "TWIN", "LOG", "SLOT", "ALIAS", "ACCOUNT"} <= kinds, "the home has something of every kind"
    missing = [(i["pk"], i["sk"], leaf) for i in held for leaf in leaves(i) if json.dumps(leaf).strip('"') not in shown]
    assert missing == []
    aliases = {
        item["pk"].removeprefix("ALIAS#") for item in held if item["sk"] == "ALIAS" and "axle-site" not in item["pk"]
    }
    assert aliases <= {name for one in document["assets"] for name in one["aliases"]}
    assert {one["asset"] for one in document["assets"]} == {f"{provider}-1" for provider in VEHICLES}
    assert "other-car" not in shown
    assert str(PLACE["latitude"]) in shown, "the home's own position is held, and shown"
    (account,) = document["accounts"]
    assert (account["provider"], account["user_id"], account["has_tokens"]) == ("tesla", "tesla-owner-1", True)


def test_tokens_are_not_shown(stage: Stage) -> None:
    onboard(stage, asset(stage, "tesla", "my-car"))
    record = stage.rig.runtime.accounts.get("TOKEN#tesla#tesla-owner-1")
    assert record is not None
    secrets = [record.refresh_token, record.access_token, *(offer.token for offer in record.offers)]
    shown = export(stage.rig).text
    assert any(secrets)
    assert [secret for secret in secrets if secret and secret in shown] == []


def test_consent_has_its_version_and_time_and_a_new_one_takes_its_place(rig: Rig) -> None:
    put(rig, {**site_body(), "consent_version": "terms-3"})
    assert export(rig).body["consent"] == {"at": "2026-01-15T10:30:00Z", "version": "terms-3"}
    put(rig, site_body())
    assert status(rig).body["consent_version"] == "terms-3", "the same consent keeps its version"
    newer = {"gave_boundary_meter_consent_at": "2026-01-15T17:00:00Z", "consent_version": "terms-4"}
    assert post(rig, "enrol", newer).status == 200
    assert export(rig).body["consent"] == {"at": "2026-01-15T17:00:00Z", "version": "terms-4"}
    body = site_body()
    body["site"]["gave_boundary_meter_consent_at"] = "2026-01-15T17:30:00Z"
    put(rig, body)
    assert export(rig).body["consent"] == {"at": "2026-01-15T17:30:00Z", "version": None}
    onboarded = [one["body"] for one in rig.axle.requests.list(path="/entities/site/onboard")]
    assert "terms-3" not in json.dumps(onboarded), "Axle does not get our version"


@pytest.mark.parametrize(("scope", "answer"), [("axle", 403), ("operator", 403), ("", 401)])
def test_only_the_app_gets_it(rig: Rig, scope: str, answer: int) -> None:
    put(rig, site_body())
    assert export(rig, scope=scope).status == answer


def test_a_site_that_nobody_knows_has_none(rig: Rig) -> None:
    assert export(rig, "nobody").problem == "not-found"


def test_an_export_that_is_too_long_for_one_answer_is_packed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    put(rig, site_body())
    whole = export(rig).body
    monkeypatch.setattr(http_api, "LONGEST_PLAIN_ANSWER", 100)
    event = {
        "routeKey": "GET /sites/{site}/export",
        "headers": {"authorization": "Bearer token"},
        "pathParameters": {"site": "home-1"},
        "requestContext": {"requestId": "request-1", "authorizer": {"lambda": {"scope": "app"}}},
    }
    answer = function("status").handler(event, None)
    assert (answer["isBase64Encoded"], answer["headers"]["content-encoding"]) == (True, "gzip")
    assert json.loads(gzip.decompress(base64.b64decode(answer["body"]))) == whole


@pytest.mark.parametrize(("signed_in_min", "holds"), [(None, False), (-5, False), (5, True)])
def test_a_lost_account_has_tokens_once_the_driver_signed_in_again(signed_in_min: int | None, *, holds: bool) -> None:
    lost_at = datetime(2026, 1, 15, 18, tzinfo=UTC)
    signed_in_at = None if signed_in_min is None else lost_at + timedelta(minutes=signed_in_min)
    assert AccountDates(signed_in_at=signed_in_at, lost_at=lost_at).holds_tokens is holds
