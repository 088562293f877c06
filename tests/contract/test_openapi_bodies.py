"""The schemas of bodies, held to the parsers that are written by hand: whatever is accepted is documented."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from driveway.domain.charging_profiles import ProfileError, parse_set_charging_profile
from driveway.domain.preferences.charge_now import charge_now_body, parse_charge_now
from driveway.domain.preferences.errors import PreferenceError
from driveway.domain.preferences.intent import intent_body, parse_intent
from driveway.domain.preferences.tariff import parse_tariff, tariff_body
from driveway.runtime.problems import ProblemError
from driveway.sites.bodies import EligibilityBody, EnrolBody, SiteBody, SnoozeBody, parse
from driveway.vehicles.app import ObservationsError, parse_observations
from local.openapi.document import schemas
from local.openapi.scenario import INTENT, PLUGGED_IN, PRICES, PROFILE, SITE, TARIFF, WEEK

NOW = datetime(2026, 1, 15, 22, 1, tzinfo=UTC)
REFUSALS = (PreferenceError, ObservationsError, ProblemError, ProfileError)
PARSERS: dict[str, Callable[[Any], object]] = {
    "Tariff": parse_tariff,
    "Intent": parse_intent,
    "ChargeNow": lambda body: parse_charge_now(body, now=NOW, power_kw=7.4, id="boost"),
    "Observations": lambda body: parse_observations(body, now=NOW),
    "ChargingProfile": parse_set_charging_profile,
    "SiteBody": lambda body: parse(SiteBody, body),
    "EligibilityBody": lambda body: parse(EligibilityBody, body),
    "EnrolBody": lambda body: parse(EnrolBody, body),
    "SnoozeBody": lambda body: parse(SnoozeBody, body),
}
UNTIL = "2026-01-15T23:00:00Z"
ACCEPTED = [
    ("Tariff", TARIFF),
    ("Tariff", PRICES),
    ("Tariff", TARIFF | PRICES),
    ("Tariff", {"timezone": "UTC", "tariff_type": "single_rate"}),
    ("Tariff", {"timezone": "UTC", "tariff_type": "single_rate", "off_peak": []}),
    ("Tariff", {"off_peak": [{"start": "23:30", "end": "05:30"}], "timezone": "UTC", "tariff_type": None}),
    ("Tariff", {"off_peak": "24/7", "prices": None, "timezone": "Europe/London"}),
    ("Intent", INTENT),
    ("Intent", WEEK),
    ("Intent", {"ready_by": "7am", "kwh": None, "hours": 4, "exceptions": None}),
    ("ChargeNow", {"until": UNTIL}),
    ("ChargeNow", {"for_minutes": 90, "kwh": None}),
    ("ChargeNow", {"kwh": 0.1}),
    ("Observations", PLUGGED_IN),
    ("Observations", {"observations": [{"at": "2026-01-15T22:00:00+00:00", "soc_pct": None, "at_home": False}]}),
    ("ChargingProfile", PROFILE),
    ("SiteBody", SITE),
    ("EnrolBody", {}),
    ("SnoozeBody", {"until": None}),
]
REFUSED = [
    ("Tariff", {"off_peak": "23:30-05:30"}),
    ("Tariff", {"timezone": "UTC"}),
    ("Tariff", TARIFF | {"weekend": "00:00-24:00"}),
    ("Tariff", TARIFF | {"tariff_type": "cheap"}),
    ("Tariff", PRICES | {"prices": [7.5] * 47}),
    ("Tariff", TARIFF | {"off_peak": []}),
    ("Tariff", TARIFF | {"off_peak": [{"start": "23:30"}]}),
    ("Intent", {"kwh": 30}),
    ("Intent", INTENT | {"hours": 4}),
    ("Intent", INTENT | {"kwh": -1}),
    ("Intent", INTENT | {"kwh": True}),
    ("Intent", INTENT | {"ready_by": {}}),
    ("Intent", INTENT | {"ready_by": {"someday": "07:00"}}),
    ("Intent", INTENT | {"exceptions": {"Christmas": "11:00"}}),
    ("Intent", INTENT | {"charging_mode": "fast"}),
    ("ChargeNow", {}),
    ("ChargeNow", {"kwh": None}),
    ("ChargeNow", {"kwh": 0}),
    ("ChargeNow", {"kwh": 5, "for_minutes": 30}),
    ("ChargeNow", {"for_minutes": 1.5}),
    ("ChargeNow", {"for_minutes": 1441}),
    ("Observations", {"observations": []}),
    ("Observations", {"observations": [{"at": "2026-01-15T22:00:00Z"}]}),
    ("Observations", {"observations": [{"soc_pct": 41}]}),
    ("Observations", {"observations": [{"at": "2026-01-15T22:00:00Z", "soc_pct": 101}]}),
    ("Observations", {"observations": [{"at": "2026-01-15T22:00:00Z", "soc_pct": 41, "latitude": 51.5}]}),
    ("ChargingProfile", PROFILE | {"stackLevel": -1}),
    ("ChargingProfile", PROFILE | {"chargingProfilePurpose": "Mine"}),
    ("SiteBody", SITE | {"assets": []}),
    ("SiteBody", SITE | {"owner": "me"}),
    ("SiteBody", {name: value for name, value in SITE.items() if name != "site"}),
    ("EligibilityBody", {}),
    ("SnoozeBody", {}),
]


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas()}})


def is_accepted(name: str, body: Any) -> bool:
    try:
        PARSERS[name](body)
    except REFUSALS:
        return False
    return True


@pytest.mark.parametrize(("name", "body"), ACCEPTED)
def test_what_the_parser_accepts_the_schema_accepts(name: str, body: Any) -> None:
    assert is_accepted(name, body)
    validator(name).validate(body)


@pytest.mark.parametrize(("name", "body"), REFUSED)
def test_what_the_schema_refuses_the_parser_refuses(name: str, body: Any) -> None:
    assert not validator(name).is_valid(body)
    assert not is_accepted(name, body)


def test_every_documented_member_is_known_to_the_parser_and_no_other() -> None:
    for name, parser, whole in (
        ("Tariff", parse_tariff, TARIFF),
        ("Intent", parse_intent, INTENT),
        ("ChargeNow", PARSERS["ChargeNow"], {"kwh": 5}),
    ):
        with pytest.raises(PreferenceError, match="Known are") as refusal:
            parser({**whole, "unknown_field": 1})
        message = dict(refusal.value.errors)["/unknown_field"]
        known = message.rpartition("Known are ")[2].rstrip(".").split(", ")
        assert set(known) == set(schemas()[name]["properties"])


TIMES = st.sampled_from(["07:00", "7am", "00:00", "05:30", "23:30", "1.30 pm"])
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2000),
    st.floats(-1, 600, allow_nan=False),
    TIMES,
    st.sampled_from([[], {}]),
)


@st.composite
def nearly(draw: st.DrawFn, bodies: st.SearchStrategy[dict[str, Any]], members: tuple[str, ...]) -> dict[str, Any]:
    """A body as it should be, or with one member of it replaced, added or left out."""
    body = dict(draw(bodies))
    change, member = draw(st.sampled_from(["nothing", "replaced", "left out"])), draw(st.sampled_from(members))
    if change == "replaced":
        body[member] = draw(JUNK)
    elif change == "left out":
        body.pop(member, None)
    return body


def with_optional(
    required: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]] | None = None
) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional or {})


WINDOWS = st.lists(
    st.fixed_dictionaries({"start": st.just("23:30"), "end": st.sampled_from(["5.30am", "07:00"])}),
    min_size=1,
    max_size=3,
)
OFF_PEAK = {"off_peak": st.one_of(WINDOWS, st.sampled_from(["23:30-05:30", "24/7", "11pm to 7am, 13:00-16:00"]))}
HALF_HOURS = {"prices": st.lists(st.floats(-5, 50), min_size=48, max_size=48)}
ZONE = {"timezone": st.sampled_from(["Europe/London", "UTC"])}
TYPE = {"tariff_type": st.sampled_from(["dual_rate", "smart", "single_rate"])}
TARIFFS = nearly(
    st.one_of(with_optional(OFF_PEAK | ZONE, TYPE), with_optional(HALF_HOURS | ZONE, TYPE)),
    ("off_peak", "prices", "timezone", "tariff_type"),
)
WHEN = {"ready_by": st.one_of(TIMES, st.dictionaries(st.sampled_from(["mon", "sat", "sun"]), TIMES, min_size=1))}
HOW = {
    "exceptions": st.dictionaries(st.sampled_from(["2026-12-25", "2027-01-01"]), TIMES, max_size=2),
    "may_charge_peak": st.booleans(),
    "charging_mode": st.sampled_from(["minimise_charging_time", "maximise_charging_time"]),
    "minimum_soc_pct": st.integers(0, 20),
}
AMOUNTS: list[dict[str, st.SearchStrategy[Any]]] = [
    {},
    {"kwh": st.floats(0, 500)},
    {"hours": st.integers(0, 168)},
    {"target_soc_pct": st.integers(20, 100)},
]
INTENTS = nearly(
    st.one_of([with_optional(WHEN | amount, HOW) for amount in AMOUNTS]),
    ("kwh", "hours", "target_soc_pct", *WHEN, *HOW),
)
BOOSTS = nearly(
    st.one_of(
        with_optional({"until": st.sampled_from([UNTIL, "2026-01-16T09:00:00+01:00"])}),
        with_optional({"for_minutes": st.integers(1, 1440)}),
        with_optional({"kwh": st.floats(0.1, 500)}),
    ),
    ("until", "for_minutes", "kwh"),
)
SEEN: dict[str, st.SearchStrategy[Any]] = {
    "plugged_in": st.booleans(),
    "power_kw": st.floats(0, 22),
    "energy_lifetime_kwh": st.floats(0, 1e5),
    "soc_pct": st.integers(0, 100),
}
SIGHTS = nearly(
    with_optional({"at": st.sampled_from(["2026-01-15T22:00:00Z", "2026-01-15T23:00:00+01:00"])}, SEEN), ("at", *SEEN)
)
OBSERVATIONS = st.fixed_dictionaries({"observations": st.lists(SIGHTS, min_size=1, max_size=3)})


def hold(name: str, body: Any) -> None:
    if is_accepted(name, body):
        validator(name).validate(body)


@settings(max_examples=150, deadline=None)
@given(TARIFFS)
def test_no_tariff_is_accepted_that_the_schema_refuses(body: dict[str, Any]) -> None:
    hold("Tariff", body)


@settings(max_examples=200, deadline=None)
@given(INTENTS)
def test_no_intent_is_accepted_that_the_schema_refuses(body: dict[str, Any]) -> None:
    hold("Intent", body)


@settings(max_examples=150, deadline=None)
@given(BOOSTS)
def test_no_charge_now_is_accepted_that_the_schema_refuses(body: dict[str, Any]) -> None:
    hold("ChargeNow", body)


@settings(max_examples=150, deadline=None)
@given(OBSERVATIONS)
def test_no_observation_is_accepted_that_the_schema_refuses(body: dict[str, Any]) -> None:
    hold("Observations", body)


@settings(max_examples=150, deadline=None)
@given(TARIFFS, INTENTS, BOOSTS)
def test_every_preference_that_is_answered_fits_the_answers_schema(tariff: Any, intent: Any, boost: Any) -> None:
    if is_accepted("Tariff", tariff):
        validator("TariffAnswer").validate(tariff_body(parse_tariff(tariff).tariff))
    if is_accepted("Intent", intent):
        validator("IntentAnswer").validate(intent_body(parse_intent(intent)))
    if is_accepted("ChargeNow", boost):
        answer = charge_now_body(parse_charge_now(boost, now=NOW, power_kw=7.4, id="boost"))
        documented = schemas()["ChargeNowStored"]["properties"]
        assert set(answer) <= set(documented)
