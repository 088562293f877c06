"""How cars are commanded is set by parameters of the stack, for every function alike."""

from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from driveway.domain.control.settings import ControlRules
from driveway.runtime.clock import Clock
from driveway.runtime.context import Runtime
from driveway.runtime.settings import SettingsError

TEMPLATE: dict[str, Any] = yaml_parse((Path(__file__).resolve().parents[3] / "template.yaml").read_text("utf-8"))
PARAMETERS = TEMPLATE["Parameters"]


def environment(**parameters: str) -> dict[str, str]:
    """The variables that every function gets, with these parameters in place of their defaults."""
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    names = {
        variable: value["Ref"] for variable, value in variables.items() if isinstance(value, dict) and "Ref" in value
    }
    return {
        variable: str(parameters.get(name, PARAMETERS[name].get("Default", "")))
        for variable, name in names.items()
        if name in PARAMETERS
    }


def rules(environ: dict[str, str]) -> ControlRules:
    return Runtime(environ, clock=Clock()).control_rules


def test_without_parameters_the_rules_are_the_usual_ones() -> None:
    assert rules(environment()) == rules({}) == ControlRules()


@pytest.mark.parametrize(
    ("parameters", "field", "value"),
    [
        ({"RespectInterference": "false"}, "respect_interference", False),
        ({"RespectInterference": "true"}, "respect_interference", True),
        ({"DailyCommands": "12"}, "daily_commands", 12),
        ({"DailyWakeUps": "0"}, "daily_wakes", 0),
        ({"ReadyByEscalation": "true"}, "escalate", True),
        ({"DefaultEdgeSpreadSeconds": "600"}, "default_spread_s", 600),
    ],
)
def test_a_parameter_changes_the_rules_of_every_function(parameters: dict[str, str], field: str, value: Any) -> None:
    assert getattr(rules(environment(**parameters)), field) == value


@pytest.mark.parametrize("variable", ["DAILY_COMMANDS", "DAILY_WAKE_UPS", "RESPECT_INTERFERENCE"])
def test_a_setting_that_cannot_be_read_is_named(variable: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        rules({variable: "many"})


def test_the_day_has_commands_beside_those_kept_for_letting_a_car_charge() -> None:
    from driveway.domain.control.budgets import RESERVED_FOR_STARTS

    assert PARAMETERS["DailyCommands"]["MinValue"] > RESERVED_FOR_STARTS
