"""The refresh tokens of drivers are read by the functions that talk to car makers, and by no other."""

from typing import Any

import pytest

from tests.world.aws.faults import Request
from tests.world.aws.policies import Policies
from tests.world.aws.wire import AwsError
from tests.world.declared import deployed

STACK = deployed()
FUNCTIONS = sorted(STACK.functions)
TABLE = STACK.name("Table")
TALK_TO_MAKERS = {"AxleSyncFunction", "OnboardingFunction", "VehicleCommandsFunction"}
ACCOUNT = {"pk": {"S": "TOKEN#tesla#owner-1"}, "sk": {"S": "STATE"}}
AXLE = {"pk": {"S": "TOKEN#axle"}, "sk": {"S": "STATE"}}
READS: dict[str, tuple[str, Any]] = {
    "get": ("GetItem", {"TableName": TABLE, "Key": ACCOUNT}),
    "get of the tokens": ("GetItem", {"TableName": TABLE, "Key": ACCOUNT, "ProjectionExpression": "refresh_token"}),
    "query": (
        "Query",
        {
            "TableName": TABLE,
            "KeyConditionExpression": "pk = :pk AND sk = :sk",
            "ExpressionAttributeValues": {":pk": ACCOUNT["pk"], ":sk": ACCOUNT["sk"]},
        },
    ),
    "batch": ("BatchGetItem", {"RequestItems": {TABLE: {"Keys": [AXLE, ACCOUNT]}}}),
    "transaction": ("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": TABLE, "Item": ACCOUNT}}]}),
}


def is_allowed(function: str, operation: str, body: Any) -> bool:
    try:
        Policies(STACK).refuse_forbidden(function, Request("dynamodb", operation, body))
    except AwsError as error:
        return error.code != "AccessDeniedException"
    return True


def test_who_talks_to_car_makers_is_who_has_our_credentials_there() -> None:
    assert {name for name in FUNCTIONS if "PROVIDERS_SECRET" in STACK.functions[name].environment} == TALK_TO_MAKERS


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("way", READS)
def test_only_who_talks_to_car_makers_reaches_the_record_of_an_account(function: str, way: str) -> None:
    if function not in TALK_TO_MAKERS:
        assert not is_allowed(function, *READS[way])


@pytest.mark.parametrize("function", sorted(TALK_TO_MAKERS))
def test_who_talks_to_car_makers_reads_it(function: str) -> None:
    assert is_allowed(function, *READS["get"])


def test_the_export_of_a_home_reads_the_dates_of_an_account() -> None:
    asked = {"TableName": TABLE, "Key": ACCOUNT, "ProjectionExpression": "signed_in_at, renewed_at, lost_at"}
    assert is_allowed("StatusFunction", "GetItem", asked)
    assert not is_allowed("StatusFunction", "GetItem", {**asked, "ProjectionExpression": "lost_at, offers"})


def test_our_own_token_for_axle_is_no_drivers() -> None:
    assert is_allowed("MeterReadingsFunction", "GetItem", {"TableName": TABLE, "Key": AXLE})
