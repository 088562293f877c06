"""Every role allows what its function does; what it allows beyond that is listed.

What they do is recorded in every situation of every function (`tests/world/situations.py`), from its beginning on.
"""

from functools import cache

import pytest

from tests.world.declared import deployed
from tests.world.granted import Grant, granted, record
from tests.world.situations import SITUATIONS
from tests.world.stages import Stage
from tests.world.world import new_world

pytestmark = pytest.mark.xdist_group("roles")
"""One process plays the situations: they take most of a minute."""

FUNCTIONS = sorted(deployed().functions)


@cache
def made() -> dict[str, set[Grant]]:
    """What each function needed to be allowed."""
    found: dict[str, set[Grant]] = {}
    for situation in SITUATIONS.values():
        with new_world(1, app_webhook=situation.app_webhook) as world:
            record(world, found)
            stage = Stage(world)
            situation.act(stage, situation.prepare(stage))
            stage.passes(minutes=25)
    return found


def short(grants: set[Grant]) -> set[str]:
    """Grants as they are read: the action and the resource's name. Batches count as what they are batches of."""
    named = {f"{action} {resource.rpartition(':')[2]}" for action, resource in grants}
    return {name for name in named if not name.startswith("sqs:SendMessageBatch ")}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_does_nothing_that_its_role_does_not_allow(function: str) -> None:
    assert short(made().get(function, set()) - granted(deployed(), function)) == set()


UNSEEN: dict[str, set[str]] = {
    "ConsoleFunction": {
        "dynamodb:BatchGetItem table/Table",
        "dynamodb:GetItem table/Table",
        "dynamodb:PutItem table/Table",
        "dynamodb:Query table/Table/index/Lists",
        "dynamodb:Query table/Table/index/SlotsDue",
        "events:PutEvents event-bus/driveway-world",
    },
    "AnnouncerFunction": {
        "dynamodb:DescribeStream 00.000",
        "dynamodb:GetRecords 00.000",
        "dynamodb:GetShardIterator 00.000",
        "dynamodb:ListStreams 00.000",
        "sqs:SendMessage driveway-world-stream-failures",
    },
    "AppEventsFunction": {
        "secretsmanager:GetSecretValue AppWebhookSecrets-abcdef",
        "sqs:ChangeMessageVisibility driveway-world-app-events",
    },
    "AxleServicesFunction": {
        "dynamodb:PutItem table/Table",
        "secretsmanager:GetSecretValue AxleCredentials-abcdef",
    },
    "AxleSyncFunction": {
        "dynamodb:ConditionCheckItem table/Table",
        "events:PutEvents event-bus/driveway-world",
        "secretsmanager:GetSecretValue AxleCredentials-abcdef",
        "secretsmanager:GetSecretValue ProviderCredentials-abcdef",
    },
    "ChargeControlFunction": {
        "dynamodb:ConditionCheckItem table/Table",
        "dynamodb:DeleteItem table/Table",
    },
    "ClockFunction": {
        "sqs:SendMessage driveway-world-commands-tesla",
    },
    "MeterReadingsFunction": {
        "dynamodb:Query table/Table/index/Lists",
        "dynamodb:ConditionCheckItem table/Table",
        "dynamodb:DeleteItem table/Table",
        "secretsmanager:GetSecretValue AxleCredentials-abcdef",
    },
    "OnboardingFunction": {
        "dynamodb:ConditionCheckItem table/Table",
        "secretsmanager:GetSecretValue ProviderCredentials-abcdef",
    },
    "SchedulesFunction": {
        "sqs:SendMessage driveway-world-axle-sync",
    },
    "StatusFunction": {
        "dynamodb:BatchGetItem table/Table",
        "dynamodb:PutItem table/Table",
        "dynamodb:Query table/Table/index/AppEvents",
        "secretsmanager:GetSecretValue AxleCredentials-abcdef",
    },
    "VehicleCommandsFunction": {
        "dynamodb:DeleteItem table/Table",
        "sqs:SendMessage driveway-world-commands-tesla",
    },
    "VehicleEventsFunction": {
        "dynamodb:GetItem table/Table",
        "dynamodb:ConditionCheckItem table/Table",
        "dynamodb:DeleteItem table/Table",
    },
    "VehicleReportsFunction": {
        "dynamodb:GetItem table/Table",
        "dynamodb:BatchGetItem table/Table",
        "dynamodb:BatchWriteItem table/Table",
        "dynamodb:ConditionCheckItem table/Table",
        "dynamodb:DeleteItem table/Table",
        "sqs:SendMessage driveway-world-vehicle-reports-dead-letters",
    },
}
"""What roles allow and no situation needs. New grants are seen in a situation, or listed here and questioned.

- Lambda itself reads the table's stream, and hides messages that were not taken.
- The instances of the world share one reader of secrets, so only the first function asks for each.
- ConditionCheckItem and DeleteItem are for a half-hour whose asset is erased at that moment; batches, for many cars.
- No situation asks the console or the lists of assets.
- A command goes back to its queue while it waits for its provider's rate, which a Tesla of a situation never does.
- Axle-sync puts on the bus that an onboarding in doubt was given up. Clock checks Tesla's accounts on its queue once a
  day. Status reads rewards at Axle, and stores the token for that if it had to fetch one; so do other callers of Axle.
- Status pages the app's events, and reads many half-hours at once; a report that is given up is a dead letter.
"""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_a_role_allows_is_seen_in_a_situation_or_listed(function: str) -> None:
    assert short(granted(deployed(), function) - made().get(function, set())) <= UNSEEN.get(function, set())
