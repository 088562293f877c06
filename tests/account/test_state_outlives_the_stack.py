"""Tables and secrets outlive their stack, and the next deployment takes them over: rehearsed on the local AWS.

AWS draws the names of tables and secrets, the local AWS makes them from the stack's name. So the next stack has another
name here.
"""

from datetime import UTC, datetime

import requests

from local.credentials import credentials_of_a_stack
from local.stack import put_secrets
from local.take_over import SECRETS, adopt_table, copy_secrets
from tests.account.accounts import Account

TARIFF = {"off_peak": "00:30-04:30", "timezone": "Europe/London"}
CAR = {"pk": {"S": "ASSET#car-1"}, "sk": {"S": "NOTE"}, "kept": {"S": "yes"}}


def status_of(url: str, token: str) -> int:
    """The answer's status for an asset that nobody onboarded: 404 with a token that is valid."""
    return requests.get(f"{url}/assets/car-1", headers={"authorization": f"Bearer {token}"}, timeout=60).status_code


def kept(account: Account, table: str) -> bool:
    found = account.aws("dynamodb").get_item(TableName=table, Key={name: CAR[name] for name in ("pk", "sk")})
    return bool(found.get("Item") == CAR)


def test_a_deleted_stack_leaves_its_state_and_the_next_one_takes_it_over(account: Account) -> None:
    credentials, dynamodb = credentials_of_a_stack(), account.aws("dynamodb")
    account.deploy()
    old = account.outputs()
    put_secrets(account.clients, old, credentials)
    dynamodb.put_item(TableName=old["TableName"], Item=CAR)

    old_stack = account.delete_stack()

    assert kept(account, old["TableName"])
    values = {name: account.clients.secrets.get_secret_value(SecretId=old[name])["SecretString"] for name in SECRETS}
    parameters = adopt_table(dynamodb, old["TableName"])
    url = account.deploy(**parameters)
    new = account.outputs()
    assert new["TableName"] == old["TableName"]
    assert {new[name] for name in SECRETS}.isdisjoint(old.values())
    clients = account.clients
    assert copy_secrets(clients.cloudformation, clients.secrets, old_stack, account.name) == list(SECRETS)
    assert {n: account.clients.secrets.get_secret_value(SecretId=new[n])["SecretString"] for n in SECRETS} == values
    assert status_of(url, credentials["app_token"]) == 404
    assert status_of(url, "another") == 401
    account.delete_stack()


def test_a_restored_table_is_made_ready_and_used(account: Account) -> None:
    dynamodb, credentials = account.aws("dynamodb"), credentials_of_a_stack()
    account.deploy()
    dynamodb.put_item(TableName=account.outputs()["TableName"], Item=CAR)
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=account.outputs()["TableName"], TargetTableName="restored", RestoreDateTime=datetime.now(UTC)
    )
    account.delete_stack()

    parameters = adopt_table(dynamodb, "restored")

    assert adopt_table(dynamodb, "restored") == parameters, "it may be repeated"
    found = dynamodb.describe_table(TableName="restored")["Table"]
    assert found["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert found["DeletionProtectionEnabled"]
    expiry = dynamodb.describe_time_to_live(TableName="restored")["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires_at")
    backups = dynamodb.describe_continuous_backups(TableName="restored")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    url = account.deploy(**parameters)
    put_secrets(account.clients, account.outputs(), credentials)
    assert account.outputs()["TableName"] == "restored"
    assert status_of(url, credentials["app_token"]) == 404
    assert kept(account, "restored")
    account.delete_stack()


def test_a_change_of_stage_keeps_table_and_secrets(account: Account) -> None:
    account.deploy()
    before = account.outputs()
    account.aws("dynamodb").put_item(TableName=before["TableName"], Item=CAR)

    account.update(Stage="other")

    after = account.outputs()
    names = ("TableName", *SECRETS)
    assert [after[name] for name in names] == [before[name] for name in names]
    assert kept(account, before["TableName"])
