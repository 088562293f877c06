"""One local stack for all stack tests: the real template with IAM enforced, simulators, a clock 300 times as fast."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
import requests

from driveway.runtime.clock import Clock, parse_clock
from local.demo import result_of
from local.night import Night
from local.stack import REGION, Options, stack

EVENING = datetime(2026, 1, 15, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stack:
    """The running stack and the ways to look into it."""

    values: dict[str, Any]
    clock: Clock
    http: requests.Session = field(default_factory=requests.Session)

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """A call of the app's back end."""
        sent = {"Authorization": f"Bearer {self.values['app_token']}"} | headers
        return self.http.request(method, self.values["api_url"] + path, json=body, headers=sent, timeout=30)

    def aws(self, service: str) -> Any:
        """A client of the local AWS with its root credentials."""
        return boto3.client(  # type: ignore[call-overload]  # the service is named at run time
            service,
            endpoint_url=self.values["aws_endpoint_url"],
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def items(self) -> list[dict[str, Any]]:
        """Everything in the table."""
        pages = self.aws("dynamodb").get_paginator("scan").paginate(TableName=f"driveway-{self.values['stage']}")
        return [item for page in pages for item in page["Items"]]

    def simulator(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """A call of a simulator's control API."""
        url = f"{self.values['simulators'][name]}/_sim{path}"
        answer = self.http.request(method, url, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, up for the whole session."""
    options = Options(folder=tmp_path_factory.mktemp("stack"), clock_text="start=2026-01-15T21:40:00Z,scale=300")
    with stack(options) as values:
        yield Stack(values, parse_clock(values["clock"], on_aws=False))


@pytest.fixture(scope="session")
def night(running: Stack) -> dict[str, Any]:
    """What came of Axle's documented scenario 1, played once."""
    entries: list[dict[str, Any]] = []
    played = Night(running.values, running.clock, EVENING, tell=entries.append)
    played.play()
    return result_of(played, []) | {"timeline": entries}
