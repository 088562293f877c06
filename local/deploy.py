"""``make deploy``: check the account, show in words what would change, ask, and only then change it.

``sam deploy`` uploads the build and makes a change set without executing it. Nothing in the stack has changed until the
question is answered with yes (or ``YES=1`` is set).
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from samtranslator.yaml_helper import yaml_parse

from local import bundle

ROOT = Path(__file__).parents[1]
BUILT = ROOT / ".aws-sam" / "build" / "template.yaml"
UNRESERVED_LEAST = 100
"""What AWS Lambda leaves to functions without a reservation; it refuses a reservation that would take of it."""
HEADROOM = 200
"""Concurrent runs beside the reserved ones with which a fleet of ten thousand cars meets an edge."""
RESERVED = "ReservedConcurrentExecutions"
MOST_RESOURCES = 500
ROLES_BESIDE = 4
"""Roles beside those of the functions: of the two schedules, of CodeDeploy, and of the app's webhook."""
RELEASE_BYTES = 100_000_000
"""More than the layers and the functions of a release have together."""
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


def parameters_of(stage: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, str]:
    """The parameters that a stage is deployed with: the template's defaults and the stage's own."""
    defaults = {name: str(one.get("Default", "")) for name, one in template.get("Parameters", {}).items()}
    own = shlex.split(stage.get("parameter_overrides", ""))
    return defaults | dict(one.split("=", 1) for one in own)


def reserved_concurrency(template: Mapping[str, Any], parameters: Mapping[str, str]) -> int:
    """The sum of the concurrency that the template's functions reserve; none without ``ReserveConcurrency``."""
    if parameters.get("ReserveConcurrency") != "true":
        return 0
    properties = (one.get("Properties", {}) for one in template["Resources"].values())
    return sum(int(one["ReservedConcurrentExecutions"]["Fn::If"][1]) for one in properties if RESERVED in one)


def stamp(template: Path, content: str, parameters: Mapping[str, str]) -> str:
    """Write into the template which release it is, and give that: a digest of the content and the parameters.

    Functions run as they were published. CloudFormation publishes them when this changes.
    """
    release = hashlib.sha256(f"{content} {json.dumps(parameters, sort_keys=True)}".encode()).hexdigest()[:16]
    text, times = re.subn(r"\bRELEASE: \S+", f"RELEASE: '{release}'", template.read_text(encoding="utf-8"))
    if times != 1:
        raise SystemExit(f"{template} names no RELEASE, so functions would not be published.")
    template.write_text(text, encoding="utf-8")
    return release


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
            " (Service Quotas, AWS Lambda, Concurrent executions), then deploy again. For a trial,"
            " ReserveConcurrency=false in samconfig.toml deploys without it."
        ]
    return []


def storage_problems(
    template: Mapping[str, Any], *, resources: int, roles_left: int, code_bytes_left: int
) -> list[str]:
    """What of the template does not fit into the account beside concurrency; empty if all does.

    Args:
        resources: how many resources the translated template has; CloudFormation takes 500 in a stack.
        roles_left: how many further IAM roles the account may have, those of this stack included.
        code_bytes_left: how many further bytes of code Lambda keeps in the region. Each release adds its layers.
    """
    functions = [one for one in template["Resources"].values() if one["Type"] == "AWS::Serverless::Function"]
    found = []
    if resources > MOST_RESOURCES:
        found.append(f"The template has {resources} resources. CloudFormation takes {MOST_RESOURCES} in a stack.")
    if roles_left < len(functions) + ROLES_BESIDE:
        needed = len(functions) + ROLES_BESIDE
        found.append(
            f"The account may have {roles_left} more IAM roles, and {needed} are needed. Ask AWS for a larger quota."
        )
    if code_bytes_left < RELEASE_BYTES:
        left_mb = code_bytes_left // 1_000_000
        found.append(
            f"Lambda keeps {left_mb} MB more of code here. Delete old versions of functions, or ask AWS for more."
        )
    return found


def account_problems(stack: str, parameters: Mapping[str, str], template: Mapping[str, Any], session: Any) -> list[str]:
    """Why the account's quotas do not allow this deployment; nothing is changed."""
    settings = session.client("lambda").get_account_settings()
    limits, used = settings["AccountLimit"], settings["AccountUsage"]
    roles = session.client("iam").get_account_summary()["SummaryMap"]
    present = _present_functions(stack, session)
    found = quota_problems(
        limits["ConcurrentExecutions"],
        limits["UnreservedConcurrentExecutions"],
        _reserved_by(present, session),
        reserved_concurrency(template, parameters),
    )
    return found + storage_problems(
        template,
        resources=_resources_of(template),
        roles_left=roles["RolesQuota"] - roles["Roles"] + (len(present) + ROLES_BESIDE) * bool(present),
        code_bytes_left=limits["TotalCodeSize"] - used["TotalCodeSize"],
    )


def _resources_of(template: Mapping[str, Any]) -> int:
    """About how many resources SAM makes of the template: of a function and its events, several."""
    made = 0
    for one in template["Resources"].values():
        is_function = one["Type"] == "AWS::Serverless::Function"
        made += 5 + 2 * len(one["Properties"].get("Events", {})) if is_function else 1
    return made


def _present_functions(stack: str, session: Any) -> list[str]:
    """The names of the functions of a stack; none where there is no such stack."""
    pages = session.client("cloudformation").get_paginator("list_stack_resources")
    try:
        return [
            resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=stack)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
        ]
    except session.client("cloudformation").exceptions.ClientError as error:
        if "does not exist" in str(error):
            return []
        raise


def _reserved_by(names: Sequence[str], session: Any) -> int:
    functions = session.client("lambda")
    found = (functions.get_function_concurrency(FunctionName=name) for name in names)
    return sum(one.get("ReservedConcurrentExecutions", 0) for one in found)


def stage_of(name: str) -> dict[str, Any]:
    """A stage's part of ``samconfig.toml``: its stack, its region, and what it is deployed with.

    Raises:
        SystemExit: there is no such stage.
    """
    config = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    if name not in config:
        stages = ", ".join(key for key in config if key != "version")
        raise SystemExit(f"samconfig.toml has no stage '{name}'. It has: {stages}.")
    found: dict[str, Any] = config[name]["global"]["parameters"] | config[name].get("deploy", {}).get("parameters", {})
    return found


def main(arguments: list[str] | None = None) -> int:
    """Deploy a stage; 0 if it stands as built."""
    parser = argparse.ArgumentParser(prog="python -m local.deploy", description=__doc__)
    parser.add_argument("stage", help="a stage of samconfig.toml: default, staging or prod")
    wanted = parser.parse_args(arguments)
    stage = stage_of(wanted.stage)
    stack, session = stage["stack_name"], boto3.Session(region_name=stage["region"])
    template = yaml_parse(BUILT.read_text(encoding="utf-8"))
    parameters = parameters_of(stage, template)
    if problems := account_problems(stack, parameters, template, session):
        print("\n".join(problems))
        return 1
    print(f"Release {stamp(BUILT, bundle.digest(BUILT.parent), parameters)} of version {bundle.version()}.")
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
