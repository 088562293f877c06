"""One account for each module."""

from collections.abc import Iterator

import pytest

from local import processes
from local.stack import Clients, start_aws, upload
from tests.account.accounts import Account


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    port = processes.free_port()
    process = start_aws(tmp_path_factory.mktemp("aws"), port)
    endpoint = f"http://127.0.0.1:{port}"
    clients = Clients(endpoint)
    try:
        yield Account(endpoint, clients, upload(clients))
    finally:
        processes.stop(process.pid)
