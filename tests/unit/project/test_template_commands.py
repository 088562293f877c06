"""What the template says of sending commands fits the code that sends them."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from driveway.vehicles.metrics import UNAVAILABLE
from driveway.vehicles.registry import PROVIDERS

TEMPLATE = Path(__file__).resolve().parents[3] / "template.yaml"


@cache
def template() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    return parsed


def properties(name: str) -> dict[str, Any]:
    found: dict[str, Any] = template()["Resources"][name]["Properties"]
    return found


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_alarm_looks_at_what_is_counted_while_a_provider_is_out(provider: str) -> None:
    alarm = properties(f"{provider.title()}UnavailableAlarm")
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("Driveway", UNAVAILABLE, "Sum")
    dimensions = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
    assert dimensions == {"service": "driveway", "stage": {"Ref": "Stage"}, "provider": provider}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_outage_of_a_minute_rings_no_alarm(provider: str) -> None:
    alarm = properties(f"{provider.title()}UnavailableAlarm")
    touched = 2
    assert alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]) > touched
    assert (alarm["Period"], alarm["TreatMissingData"]) == (300, "notBreaching")
