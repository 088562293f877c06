"""What a stack leaves behind, taken over by the next one: ``make adopt-table`` and ``make copy-secrets``.

Tables and secrets outlive the stack that made them. A retained or restored table is used as it is, by two parameters of
the next deployment; secrets are copied, because a stack's own secrets are what its roles may read.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

from local.outputs import outputs_of

SECRETS = (
    "ApiTokensSecret",
    "AxleSecret",
    "AxleWebhookSecret",
    "WebhookSecretsSecret",
    "ProvidersSecret",
    "AppWebhookSecret",
)
"""The outputs that name the stack's secrets."""

POLL_S = 5.0


def adopt_table(dynamodb: Any, table: str, *, sleep: Callable[[float], None] = time.sleep) -> dict[str, str]:
    """Make a table ready for a stack; gives the parameters of the stack that name it. It may be repeated.

    A restored table lacks its stream, its expiry, its backups and its protection. Each is set where it is missing.
    """
    found = _active(dynamodb, table, sleep)
    if not found.get("StreamSpecification", {}).get("StreamEnabled"):
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        dynamodb.update_table(TableName=table, StreamSpecification=stream)
        found = _active(dynamodb, table, sleep)
    if not found.get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
        found = _active(dynamodb, table, sleep)
    expiry = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if expiry["TimeToLiveStatus"] not in {"ENABLED", "ENABLING"}:
        dynamodb.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
        )
    dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    return {"ExistingTableArn": found["TableArn"], "ExistingTableStreamLabel": found["LatestStreamLabel"]}


def _active(dynamodb: Any, table: str, sleep: Callable[[float], None]) -> Any:
    while (found := dynamodb.describe_table(TableName=table)["Table"])["TableStatus"] != "ACTIVE":
        sleep(POLL_S)
    return found


def copy_secrets(cloudformation: Any, secrets: Any, old: str, new: str) -> list[str]:
    """Copy the values of one stack's secrets into another's; gives the outputs whose secrets had a value.

    Args:
        cloudformation: a client.
        secrets: a client of Secrets Manager.
        old: the name of a stack, or the id of a deleted one.
        new: the name of the stack that gets them.
    """
    sources, targets, copied = outputs_of(cloudformation, old), outputs_of(cloudformation, new), []
    for name in SECRETS:
        try:
            value = secrets.get_secret_value(SecretId=sources[name])["SecretString"]
        except secrets.exceptions.ResourceNotFoundException:
            continue
        secrets.put_secret_value(SecretId=targets[name], SecretString=value)
        copied.append(name)
    return copied


def main(arguments: list[str] | None = None) -> None:
    """Read the arguments and do it, with the caller's AWS credentials."""
    import boto3

    parser = argparse.ArgumentParser(prog="python -m local.take_over", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("table").add_argument("table")
    secrets = commands.add_parser("secrets")
    secrets.add_argument("old", help="the old stack's name; of a deleted one its id (arn:aws:cloudformation:...)")
    secrets.add_argument("new", help="the new stack's name")
    wanted = parser.parse_args(arguments)
    if wanted.command == "table":
        given = adopt_table(boto3.client("dynamodb"), wanted.table)
        print("Add to parameter_overrides in samconfig.toml, and deploy:")
        print(" ".join(f"{name}={value}" for name, value in given.items()))
    else:
        clients = boto3.client("cloudformation"), boto3.client("secretsmanager")
        print(f"Copied: {', '.join(copy_secrets(*clients, wanted.old, wanted.new))}.")


if __name__ == "__main__":
    main()
