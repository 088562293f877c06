"""What holds state outlives the stack that made it, and no deployment writes into it."""

from typing import Any

import pytest

from tests.support.functions.rig import template

STATE = {"AWS::DynamoDB::Table": "Retain", "AWS::SecretsManager::Secret": "RetainExceptOnCreate"}
HOLDERS = {name: held for name, held in template()["Resources"].items() if held["Type"] in STATE}


def test_there_are_tables_and_secrets() -> None:
    assert {held["Type"] for held in HOLDERS.values()} == set(STATE)


@pytest.mark.parametrize("name", sorted(HOLDERS))
def test_state_is_kept_when_the_stack_is_deleted_or_the_resource_replaced(name: str) -> None:
    held: dict[str, Any] = HOLDERS[name]
    assert held["DeletionPolicy"] == STATE[held["Type"]]
    assert held["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", sorted(HOLDERS))
def test_state_has_no_name_that_would_block_the_next_deployment_and_no_value(name: str) -> None:
    assert {"Name", "TableName", "SecretString", "GenerateSecretString"}.isdisjoint(HOLDERS[name]["Properties"])


def test_every_table_is_protected_from_deletion_and_backed_up() -> None:
    for held in HOLDERS.values():
        if held["Type"] == "AWS::DynamoDB::Table":
            assert held["Properties"]["DeletionProtectionEnabled"] is True
            assert held["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
