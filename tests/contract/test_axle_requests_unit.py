"""Every call that Axle sync can make is one that Axle's OpenAPI document describes."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.axle_sync.answers import acknowledged
from driveway.domain.axle_sync.differences import next_call
from driveway.domain.preferences.intent import parse_intent
from driveway.domain.preferences.tariff import parse_tariff
from driveway.domain.twin import AxleState
from driveway.values import replace
from tests.support.contract.axle_openapi import AxleOpenApi, axle_openapi, check_request, validator_for
from tests.support.domain.twins import AXLE_ASSET_ID, a_twin, minutes, plugged, unplugged, with_charge_now, with_soc

START = datetime(2026, 1, 1, tzinfo=UTC)
half_hours = st.integers(0, 47).map(lambda number: f"{number // 2:02d}:{30 * (number % 2):02d}")
windows = st.tuples(half_hours, half_hours).filter(lambda ends: ends[0] != ends[1])
tariffs = st.builds(
    lambda off_peak, timezone, tariff_type: (
        parse_tariff(
            {
                "off_peak": [{"start": start, "end": end} for start, end in off_peak],
                "timezone": timezone,
                "tariff_type": tariff_type,
            }
        ).tariff
    ),
    st.lists(windows, min_size=1, max_size=4),
    st.sampled_from(["Europe/London", "UTC"]),
    st.sampled_from(["single_rate", "dual_rate", "dynamic", "smart", "unknown"]),
)
amounts: st.SearchStrategy[dict[str, float]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"kwh": st.floats(0, 500)}),
    st.fixed_dictionaries({"hours": st.floats(0, 168)}),
    st.fixed_dictionaries({"target_soc_pct": st.floats(0, 100)}),
)
ready_bys = st.one_of(half_hours, st.dictionaries(st.sampled_from(["mon", "wed", "sat"]), half_hours, min_size=1))
intents = st.builds(
    lambda amount, ready_by, peak, mode: parse_intent(
        amount | {"ready_by": ready_by, "may_charge_peak": peak, "charging_mode": mode}
    ),
    amounts,
    ready_bys,
    st.booleans(),
    st.sampled_from(["maximise_charging_time", "minimise_charging_time"]),
)
KINDS = {"tariff-update", "intent", "plug-in", "vehicle-update", "plug-out", "charge-now", "charge-now-deleted"}


def test_every_call_of_axle_sync_is_valid_by_axles_openapi(capsys: pytest.CaptureFixture[str]) -> None:
    axle_openapi()
    checked: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None)
    @given(
        tariff=tariffs,
        intent=intents,
        power_kw=st.floats(0.1, 350),
        soc_pct=st.one_of(st.none(), st.floats(0, 100)),
        now=st.integers(0, 730 * 24 * 3600).map(lambda passed_s: START + timedelta(seconds=passed_s)),
        charge_now_min=st.floats(0.1, 1440),
    )
    def calls(
        tariff: Any, intent: Any, power_kw: float, soc_pct: float | None, now: datetime, charge_now_min: float
    ) -> None:
        twin = a_twin(tariff=tariff, intent=intent)
        twin = replace(twin, link=replace(twin.link, power_kw=power_kw))
        if soc_pct is not None:
            twin = with_soc(twin, soc_pct, now)
        before = twin
        charging = with_charge_now(plugged(twin, "s1", now), now + minutes(charge_now_min))
        stronger = replace(charging, link=replace(charging.link, power_kw=power_kw + 1), charge_now=None)
        for wanted in (before, charging, stronger, unplugged(before), plugged(before, "s2", now)):
            twin = replace(wanted, axle=twin.axle if wanted is not before else AxleState())
            while (call := next_call(twin, now)) is not None:
                check_request("POST", call.path, call.body)
                checked[call.kind] += 1
                twin = acknowledged(twin, call, now)

    calls()
    assert set(checked) == KINDS
    with capsys.disabled():
        print(f"\nAxle sync: {checked.total()} calls of {len(checked)} kinds valid by Axle's OpenAPI document")


PATH = f"/entities/asset/{AXLE_ASSET_ID}/event"
INTENT = {"energy_required_kwh": 30.0, "ready_by": "2026-01-16T07:00:00Z"}
WRONG: list[tuple[str, str, Any, str]] = [
    ("POST", f"{PATH}/plug-inn", {}, "not in Axle's API"),
    ("GET", f"{PATH}/plug-in", {}, "not in Axle's API"),
    ("POST", "/entities/asset/car-1/event/plug-in", {}, "path.asset_id"),
    ("POST", f"{PATH}/plug-in", None, "body is missing"),
    ("POST", f"{PATH}/intent", {}, "'intent' is a required property"),
    ("POST", f"{PATH}/intent", {"intent": {}}, "body.intent: 'ready_by' is a required property"),
    ("POST", f"{PATH}/intent", {"intent": INTENT | {"energy_required_kwh": "30"}}, "body.intent.energy_required_kwh"),
    ("POST", f"{PATH}/intent", {"intent": INTENT | {"ready_by": "2026-01-16T07:00:00"}}, "body.intent.ready_by"),
    ("POST", f"{PATH}/intent", {"intent": INTENT | {"ready_by_local_time": "7 am"}}, "ready_by_local_time"),
    ("POST", f"{PATH}/intent", {"intent": INTENT | {"charging_mode": "fast"}}, "body.intent.charging_mode"),
    ("POST", f"{PATH}/intent", {"intent": INTENT | {"kwh": 3}}, "body.intent.kwh: is not declared"),
    ("POST", f"{PATH}/charge-now", {"end_at": "tonight"}, "body.end_at"),
    ("POST", "/data/readings", {"readings": [{"asset_id": "x"}]}, "body.readings.0"),
    ("GET", f"/entities/asset/{AXLE_ASSET_ID}", {"a": 1}, "takes no body"),
]


@pytest.mark.parametrize(("method", "path", "body", "words"), WRONG)
def test_a_request_that_axle_does_not_describe_is_noticed(method: str, path: str, body: Any, words: str) -> None:
    problems = axle_openapi().problems(method, path, body)
    assert any(words in problem for problem in problems), problems


def test_what_axle_describes_passes_with_and_without_a_body_and_a_query() -> None:
    check_request("GET", f"/entities/asset/{AXLE_ASSET_ID}", None)
    check_request("POST", "/auth/token-form", {"grant_type": "password", "username": "u", "password": "***"})
    check_request("POST", f"/entities/site/{AXLE_ASSET_ID}/offboard-site-and-assets", None)
    intent = INTENT | {"ready_by_local_time": "00:00:00"}
    check_request("POST", f"{PATH}/plug-in", {"intent": intent, "vehicle": {"charging_rate_kw": 7.4}})


def test_a_validator_is_had_by_method_and_path_template() -> None:
    validator = validator_for("POST", "/entities/asset/{asset_id}/event/intent")
    assert validator is not None
    assert validator.is_valid({"intent": INTENT})
    assert not validator.is_valid({"intent": {}})
    assert validator_for("GET", "/entities/asset/{asset_id}") is None
    with pytest.raises(LookupError):
        validator_for("POST", "/entities/moon")


def test_references_combinations_and_literal_segments_are_understood() -> None:
    text = {"type": "string"}
    both = {"allOf": [{"$ref": "#/components/schemas/A"}, {"type": "object", "properties": {"b": text}}]}
    document = {
        "paths": {
            "/x/{id}": {"post": {"requestBody": {"content": {"application/json": {"schema": both}}}}},
            "/x/fixed": {"post": {}},
        },
        "components": {"schemas": {"A": {"type": "object", "properties": {"a": text}, "required": ["a"]}}},
    }
    openapi = AxleOpenApi(document)
    assert openapi.problems("POST", "/x/1", {"a": "", "b": ""}) == []
    assert openapi.problems("POST", "/x/1", {"b": 1, "c": 1}) == [
        "body: 'a' is a required property",
        "body.b: 1 is not of type 'string'",
        "body.c: is not declared",
    ]
    assert openapi.problems("POST", "/x/fixed", None) == []
    assert openapi.problems("POST", "/x/fixed", {}) == ["POST /x/fixed takes no body."]


def test_without_the_document_the_tests_that_need_it_are_skipped_with_a_plain_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.delenv("AXLE_OPENAPI", raising=False)
    monkeypatch.setattr("tests.support.contract.axle_openapi.BESIDE_THE_REPOSITORY", tmp_path / "none.json")
    with pytest.raises(pytest.skip.Exception, match="set AXLE_OPENAPI"):
        axle_openapi()
    monkeypatch.setenv("AXLE_OPENAPI", str(tmp_path / "none.json"))
    with pytest.raises(pytest.fail.Exception, match="is not a file"):
        axle_openapi()
