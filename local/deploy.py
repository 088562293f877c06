"""``make deploy``: check the account, show in words what would change, ask, and only then change it.

``sam deploy`` uploads the build and makes a change set without executing it. Nothing in the stack has changed until the
question is answered with yes (or ``YES=1`` is set).
"""

import argparse
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[1]
BUILT = ROOT / ".aws-sam" / "build" / "template.yaml"
UNRESERVED_LEAST = 100
"""What AWS Lambda leaves to functions without a reservation; it refuses a reservation that would take of it."""
HEADROOM = 200
"""Concurrent runs beside the reserved ones with which a fleet of ten thousand cars meets an edge."""
KEEPS_STATE = {"AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::SQS::Queue", "AWS::Logs::LogGroup"}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a change set: the action (Add, Modify, Remove), and whether the resource is replaced."""

    action: str
    name: str
    kind: str
    replacement: str

    @property
    def loses(self) -> bool:
        """Whether the present resource, with what it holds, may be given up."""
        return self.action == "Remove" or self.replacement in {"True", "Conditional"}


def changes_of(cloudformation: Any, change_set: str) -> list[Change]:
    """The changes of a change set, all pages."""
    found: list[Change] = []
    token: dict[str, str] = {}
    while True:
        page = cloudformation.describe_change_set(ChangeSetName=change_set, **token)
        for one in page.get("Changes", []):
            change = one["ResourceChange"]
            replacement = change.get("Replacement", "False")
            found.append(Change(change["Action"], change["LogicalResourceId"], change["ResourceType"], replacement))
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def in_words(changes: Sequence[Change]) -> Iterator[str]:
    """What the changes do, for people: the counts, then everything that is given up or replaced, state first."""
    counts = {action: sum(change.action == action for change in changes) for action in ("Add", "Modify", "Remove")}
    yield f"{counts['Add']} resources are added, {counts['Modify']} changed, {counts['Remove']} removed."
    for change in sorted(changes, key=lambda change: (change.kind not in KEEPS_STATE, change.name)):
        if not change.loses:
            continue
        state = " It holds state: see 'After a stack was deleted' in docs/operations.md." * (change.kind in KEEPS_STATE)
        if change.action == "Remove":
            yield f"  {change.name} ({change.kind}) leaves the stack.{state}"
        else:
            may = "may be" if change.replacement == "Conditional" else "is"
            yield f"  {change.name} ({change.kind}) {may} replaced by a new one.{state}"


def reserved_concurrency(template: dict[str, Any]) -> int:
    """The sum of the concurrency that the template's functions reserve."""
    properties = (one.get("Properties", {}) for one in template["Resources"].values())
    return sum(int(found) for one in properties if isinstance(found := one.get("ReservedConcurrentExecutions"), int))


def quota_problems(limit: int, unreserved: int, already_ours: int, reserved: int) -> list[str]:
    """Why the account's Lambda concurrency is too small for the template; empty if it is not.

    Args:
        limit: concurrent runs that the account may have in the region.
        unreserved: how many of them no function has reserved.
        already_ours: how many this stack's functions have reserved already.
        reserved: how many the template reserves.
    """
    left = unreserved + already_ours - reserved
    if left < UNRESERVED_LEAST:
        return [
            f"The account may run {limit} functions at once, and {left} would be left unreserved; AWS wants"
            f" {UNRESERVED_LEAST}. Ask AWS for a quota of {limit + UNRESERVED_LEAST + HEADROOM - left}"
            " (Service Quotas, AWS Lambda, Concurrent executions), then deploy again."
        ]
    return []


def _account_problems(stack: str, session: Any) -> list[str]:
    functions = session.client("lambda")
    limits = functions.get_account_settings()["AccountLimit"]
    limit, unreserved = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    reserved = reserved_concurrency(yaml_parse(BUILT.read_text(encoding="utf-8")))
    return quota_problems(limit, unreserved, _reserved_by(stack, session), reserved)


def _reserved_by(stack: str, session: Any) -> int:
    pages = session.client("cloudformation").get_paginator("list_stack_resources")
    try:
        names = [
            resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=stack)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
        ]
    except session.client("cloudformation").exceptions.ClientError as error:
        if "does not exist" in str(error):
            return 0
        raise
    functions = session.client("lambda")
    found = (functions.get_function_concurrency(FunctionName=name) for name in names)
    return sum(one.get("ReservedConcurrentExecutions", 0) for one in found)


def stage_of(name: str) -> dict[str, Any]:
    """A stage's part of ``samconfig.toml``.

    Raises:
        SystemExit: there is no such stage.
    """
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    if name not in config:
        stages = ", ".join(key for key in config if key != "version")
        raise SystemExit(f"samconfig.toml has no stage '{name}'. It has: {stages}.")
    found: dict[str, Any] = config[name]["global"]["parameters"]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Deploy a stage; 0 if it stands as built."""
    parser = argparse.ArgumentParser(prog="python -m local.deploy", description=__doc__)
    parser.add_argument("stage", help="a stage of samconfig.toml: default, staging or prod")
    wanted = parser.parse_args(arguments)
    stage = stage_of(wanted.stage)
    stack, session = stage["stack_name"], boto3.Session(region_name=stage["region"])
    if problems := _account_problems(stack, session):
        print("\n".join(problems))
        return 1
    sam = Path(sys.executable).with_name("sam")
    subprocess.run(
        [sam, "deploy", "--config-env", wanted.stage, "--no-execute-changeset", "--no-confirm-changeset"],
        cwd=ROOT, check=True,
    )  # fmt: skip
    return _execute(session.client("cloudformation"), stack)


def _execute(cloudformation: Any, stack: str) -> int:
    made = cloudformation.list_change_sets(StackName=stack)["Summaries"]
    open_ones = [one for one in made if one["ExecutionStatus"] == "AVAILABLE"]
    if not open_ones:
        print(f"{stack} stands as built: nothing changes.")
        return 0
    latest = max(open_ones, key=lambda one: one["CreationTime"])["ChangeSetId"]
    print("\n".join(in_words(changes_of(cloudformation, latest))))
    if os.environ.get("YES") != "1" and input(f"Change {stack}? [y/N] ").strip().lower() not in {"y", "yes"}:
        print(f"Nothing was changed. The change set is kept: {latest}")
        return 1
    is_new = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == "REVIEW_IN_PROGRESS"
    cloudformation.execute_change_set(ChangeSetName=latest)
    waiter = cloudformation.get_waiter("stack_create_complete" if is_new else "stack_update_complete")
    waiter.wait(StackName=stack, WaiterConfig={"Delay": 5, "MaxAttempts": 720})
    print(f"{stack} stands as built.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
