"""``make undeploy``: release every car, wait for it, delete the stack, and say what is kept and how to remove that."""

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Any

import boto3

from local import switch
from local.deploy import stage_of


def kept(resources: list[dict[str, Any]]) -> Iterator[str]:
    """What outlives the deletion of a stack, and the command that removes each, from its last list of resources."""
    removal = {
        "AWS::DynamoDB::Table": (
            "aws dynamodb update-table --no-deletion-protection-enabled --table-name {0}"
            " && aws dynamodb delete-table --table-name {0}"
        ),
        "AWS::SecretsManager::Secret": "aws secretsmanager delete-secret --secret-id {0}",
        "AWS::Logs::LogGroup": "aws logs delete-log-group --log-group-name {0}",
        "AWS::KMS::Key": "aws kms schedule-key-deletion --key-id {0}",
    }
    for resource in resources:
        if resource["ResourceStatus"] == "DELETE_SKIPPED":
            command = removal.get(resource["ResourceType"], "(remove it in the console: {0})")
            yield f"  {resource['LogicalResourceId']}: {command.format(resource['PhysicalResourceId'])}"


def delete(cloudformation: Any, stack: str) -> list[str]:
    """Delete a stack, wait for it, and give the lines about what is kept.

    Raises:
        WaiterError: the deletion failed; the stack's events say why.
    """
    stack_id = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=stack_id)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=stack_id, WaiterConfig={"Delay": 5, "MaxAttempts": 720})
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    return list(kept([one for page in pages for one in page["StackResourceSummaries"]]))


def main(arguments: list[str] | None = None) -> int:
    """Release, delete, report; 1 where a car is not released, and then nothing is deleted."""
    parser = argparse.ArgumentParser(prog="python -m local.undeploy", description=__doc__)
    parser.add_argument("stage", help="a stage of samconfig.toml: default, staging or prod")
    stage = stage_of(parser.parse_args(arguments).stage)
    stack = stage["stack_name"]
    if not {"API_URL", "OPERATOR_TOKEN"} <= os.environ.keys():
        print("Set API_URL and OPERATOR_TOKEN of the stack: its cars are released before it is deleted.")
        return 1
    if switch.main("released"):
        print("Nothing was deleted.")
        return 1
    if os.environ.get("YES") != "1" and input(f"Type {stack} to delete it: ").strip() != stack:
        print("Nothing was deleted. Control stays off; make resume-all takes it up again.")
        return 1
    lines = delete(boto3.Session(region_name=stage["region"]).client("cloudformation"), stack)
    print(f"{stack} is deleted.")
    if lines:
        print("These are kept, with the data of your drivers. To remove them for good:")
        print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
