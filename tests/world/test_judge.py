"""The judge is a judge of its own: it knows nothing of charge control, and notices a control that is late."""

import ast
from pathlib import Path

import pytest

from tests.world.chaos import play
from tests.world.late_reports import energy_of_late_reports
from tests.world.leaving import still_held
from tests.world.one_account import refreshed_by_two
from tests.world.one_car import claimed_by_two
from tests.world.planted import an_hour_late

APART = ("plans", "seen", "car_night", "judge")


@pytest.mark.parametrize("name", APART)
def test_the_judge_imports_nothing_of_charge_control(name: str) -> None:
    tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text())
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names]
    assert not [one for one in imported if one.startswith("driveway.")]


def test_a_control_that_starts_cars_an_hour_late_is_noticed() -> None:
    with an_hour_late():
        wrong = play(1).wrong
    assert any(one.startswith("charges: ") for one in wrong), wrong


def test_of_two_homes_that_onboard_one_car_at_once_one_has_it() -> None:
    assert not claimed_by_two()


def test_two_cars_of_one_account_use_a_refresh_token_once() -> None:
    assert not refreshed_by_two()


def test_a_held_car_whose_home_leaves_is_able_to_charge() -> None:
    assert not still_held()


def test_reports_that_come_late_and_out_of_order_change_no_energy() -> None:
    assert not energy_of_late_reports()
