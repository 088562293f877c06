"""A stack by the wall clock, with as many senders of commands warm as will be busy at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from driveway.runtime.clock import Clock
from local.stack import STAGE, Options, stack
from tests.edges.fleet import CONCURRENCY, KINDS, PATIENT_WEBHOOKS
from tests.stack.homes import Stack


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, up for the whole session."""
    limits = {f"{kind.title()}Concurrency": str(CONCURRENCY) for kind in KINDS}
    with stack(Options(folder=tmp_path_factory.mktemp("stack"), parameters=limits, at_once=3)) as values:
        running = Stack(values, Clock())
        running.simulator("cars", "POST", "/config", PATIENT_WEBHOOKS)
        functions = running.aws("lambda")
        with ThreadPoolExecutor(CONCURRENCY * len(KINDS)) as pool:
            for _ in range(CONCURRENCY * len(KINDS)):
                pool.submit(
                    functions.invoke, FunctionName=f"driveway-{STAGE}-vehicle-commands", Payload=b'{"Records": []}'
                )
        yield running
