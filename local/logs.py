"""The logs of all functions of the local stack, in one file."""

from pathlib import Path
from typing import Any

import boto3


def collect_logs(stack: dict[str, Any], folder: Path) -> Path:
    """Write what the functions logged so far to ``functions.log``; gives its path."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=stack["region"])
    logs = session.client("logs", endpoint_url=stack["aws_endpoint_url"])
    path = folder / "functions.log"
    with path.open("w") as output:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/driveway/{stack['stage']}")
        for page in pages:
            output.writelines(event["message"].rstrip() + "\n" for event in page["events"])
    return path
