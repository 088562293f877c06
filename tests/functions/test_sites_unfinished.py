"""A site that is left half done is shown, counted, listed and alarmed until it is done."""

import json
from datetime import timedelta
from typing import Any

import pytest

from driveway.store.items import decode_item, stamp
from simulators.common import Fault
from tests.support.functions.rig import Reply, Rig, function, template
from tests.support.functions.sites import car, delete, let_pass, post, put, site_body, status

SECOND = {"provider": "enode", "vehicle_id": "enode-vehicle-2"}


def opt_out(rig: Rig) -> Reply:
    return post(rig, "unenrol")


def rejoin(rig: Rig) -> Reply:
    return post(rig, "enrol", {"rejoin": True})


def remove(rig: Rig) -> Reply:
    return put(rig, site_body(car("car-2", vehicle=SECOND), remove_assets=["car-1"]))


CASES: dict[str, tuple[Any, str, int]] = {
    "onboarding": (lambda rig: put(rig, site_body()), "onboard$", 5),
    "opt-out": (opt_out, "unenrol$", 20),
    "re-join": (rejoin, "/enrol$", 20),
    "removal": (remove, "/entities/asset/", 75),
    "erasure": (delete, "offboard", 75),
}
"""What is begun, the call at Axle that fails from then on, and after how many minutes it counts."""


def counted(capsys: pytest.CaptureFixture[str]) -> tuple[float, dict[str, Any]]:
    """How many sites the clock counts, and the line of its metric."""
    capsys.readouterr()
    function("clock").handler({}, None)
    line = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if "SitesUnfinished" in line)
    (count,) = line["SitesUnfinished"]
    return count, line


def listed(rig: Rig) -> list[str]:
    """The sites that the query in docs/operations.md lists, over every shard."""
    found: list[str] = []
    for shard in range(rig.runtime.table.shards):
        values = {":shard": {"S": f"site-{shard:03d}"}, ":now": {"S": stamp(rig.clock.now())}}
        answer = rig.runtime.dynamodb.query(
            TableName=rig.runtime.table.name,
            IndexName="ControlDue",
            KeyConditionExpression="control_shard = :shard AND control_due <= :now",
            ExpressionAttributeValues=values,
        )
        found += [decode_item(item)["pk"] for item in answer["Items"]]
    return found


@pytest.mark.parametrize("case", list(CASES))
def test_a_site_that_is_left_half_done_is_shown_counted_and_listed_until_it_is_done(
    rig: Rig, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    begin, path, minutes = CASES[case]
    if case != "onboarding":
        put(rig, site_body())
    if case == "re-join":
        opt_out(rig)
    rig.axle.faults.add(Fault(path=path, status=503))
    assert begin(rig).status in {202, 503}
    begun_at = rig.clock.now().isoformat().replace("+00:00", "Z")
    shown = status(rig).body["unfinished"]
    assert shown["begun_at"] == begun_at
    assert shown["text"]
    let_pass(rig, minutes=minutes - 1)
    assert (counted(capsys)[0], listed(rig)) == (0, [])
    let_pass(rig, minutes=1)
    assert (counted(capsys)[0], listed(rig)) == (1, ["SITE#home-1"])
    rig.axle.faults.clear()
    if case == "onboarding":
        assert begin(rig).status == 201
    let_pass(rig, minutes=12)
    assert (counted(capsys)[0], listed(rig)) == (0, [])


def test_the_alarm_looks_at_what_the_clock_counts(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    alarm = template()["Resources"]["SitesUnfinishedAlarm"]["Properties"]
    _, line = counted(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (alarm["Namespace"], alarm["Statistic"], alarm["Threshold"]) == (directive["Namespace"], "Maximum", 0)
    assert alarm["MetricName"] in {metric["Name"] for metric in directive["Metrics"]}
    assert {one["Name"] for one in alarm["Dimensions"]} == {name for names in directive["Dimensions"] for name in names}
    assert (line["service"], alarm["ComparisonOperator"]) == ("driveway", "GreaterThanThreshold")


def test_the_receipt_of_an_erasure_is_deleted_by_the_table_after_30_days(rig: Rig) -> None:
    put(rig, site_body())
    delete(rig)
    receipt = next(item for item in rig.items() if item["sk"] == "RECEIPT")
    assert set(receipt) == {"pk", "sk", "erased_at", "expires_at"}
    assert receipt["expires_at"] == int((rig.clock.now() + timedelta(days=30)).timestamp())
    lifetime = template()["Resources"]["Table"]["Properties"]["TimeToLiveSpecification"]
    assert lifetime == {"AttributeName": "expires_at", "Enabled": True}
