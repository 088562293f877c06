"""IAM is enforced on the stack: a function without one of its permissions fails where it needs it."""

import json

from tests.support.stack.homes import Stack
from tests.support.stack.waiting import until


def test_without_its_write_permission_preferences_cannot_store(running: Stack, night: object) -> None:
    tariff = {"off_peak": "00:30-04:30", "timezone": "Europe/London"}
    iam = running.aws("iam")
    role = next(r["RoleName"] for r in iam.list_roles()["Roles"] if "PreferencesFunctionRole" in r["RoleName"])
    name = iam.list_role_policies(RoleName=role)["PolicyNames"][0]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    assert running.api("PUT", "/assets/car-1/tariff", tariff).status_code == 202
    reduced = json.loads(json.dumps(policy).replace('"dynamodb:UpdateItem"', '"dynamodb:DescribeTable"'))
    assert reduced != policy
    other = {"off_peak": "01:30-05:30", "timezone": "Europe/London"}
    try:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(reduced))
        until(lambda: running.api("PUT", "/assets/car-1/tariff", other).status_code == 500, "the write is denied")
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy))
    until(lambda: running.api("PUT", "/assets/car-1/tariff", other).status_code == 202, "the write is allowed again")
