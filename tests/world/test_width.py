"""Every setting that a simulator has is drawn by some seed, or it is listed with the reason why none draws it."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from simulators.axle.readings import Rejection
from simulators.axle.world import Config, DeliveryFaults
from simulators.cars.settings import EnodeSettings, OcppSettings, SmartcarSettings, TeslaSettings
from simulators.cars.spec import CarSpec, MeterSpec, WebhookFaults
from simulators.common import Fault
from tests.world.distributions import evening
from tests.world.homes import neighbourhood
from tests.world.weather import FAULTS, SPELLS
from tests.world.width import NOT_DRAWN

SEEDS = range(600)
ZONES = [evening(random.Random(seed))[1] for seed in SEEDS]
NIGHTS = [neighbourhood(random.Random(seed), zone) for seed, zone in zip(SEEDS, ZONES, strict=True)]
CARS = [{"soc_pct": 20.0, "charge_limit_pct": 100.0, **home.spec} for night in NIGHTS for home in night.homes]
BEGUN = [begins for _, _, _, begins, _ in SPELLS]


def differing(model: type[BaseModel], drawn: Iterator[dict[str, Any]]) -> set[str]:
    """The fields that have another value than the simulator's own in something that is drawn."""
    plain = {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}
    return {name for one in drawn for name, value in one.items() if name in plain and value != plain[name]}


def makers(name: str) -> Iterator[dict[str, Any]]:
    return (night.makers[name] for night in NIGHTS if name in night.makers)


DRAWN: dict[type[BaseModel], set[str]] = {
    CarSpec: differing(CarSpec, iter([*CARS, *BEGUN])) | {"soc_pct"},
    MeterSpec: differing(MeterSpec, (car["meter"] for car in CARS if "meter" in car)),
    WebhookFaults: differing(WebhookFaults, (car["webhook_faults"] for car in CARS if "webhook_faults" in car)),
    EnodeSettings: differing(EnodeSettings, makers("enode")),
    SmartcarSettings: differing(SmartcarSettings, makers("smartcar")),
    TeslaSettings: differing(TeslaSettings, makers("tesla")),
    OcppSettings: differing(OcppSettings, makers("ocpp")),
    Config: differing(Config, (night.axle for night in NIGHTS)),
    DeliveryFaults: differing(DeliveryFaults, (night.axle["delivery_faults"] for night in NIGHTS)),
    Fault: {"path", *(name for fault in FAULTS.values() for name in fault(random.Random(1)))},
    Rejection: {"count"},
}


def group(model: type[BaseModel]) -> str:
    return "Settings" if model.__name__.endswith("Settings") else model.__name__


@pytest.mark.parametrize("model", DRAWN, ids=lambda model: model.__name__)
def test_a_seed_draws_every_setting_or_the_reason_why_not_is_given(model: type[BaseModel]) -> None:
    excused = NOT_DRAWN.get(group(model), {})
    missing = set(model.model_fields) - DRAWN[model] - set(excused)
    assert not missing, f"no seed draws {sorted(missing)} of {model.__name__}"


def test_no_setting_is_excused_that_is_drawn_or_gone() -> None:
    for name, excused in NOT_DRAWN.items():
        models = [model for model in DRAWN if group(model) == name]
        known = set().union(*(model.model_fields for model in models))
        drawn = set().union(*(DRAWN[model] for model in models))
        assert not set(excused) - known, f"gone: {set(excused) - known}"
        assert not {field for field in set(excused) & drawn if excused[field] != "who it is"} - {"home"}


def test_a_night_of_all_four_kinds_of_provider_is_drawn() -> None:
    assert any({home.provider for home in night.homes} == {"enode", "smartcar", "tesla", "ocpp"} for night in NIGHTS)
