"""Sends commands to the car makers; one queue per provider, its concurrency is the rate limit."""

from typing import Any

from driveway.commands.dispatch import carry_out
from driveway.runtime.batch import queue_function
from driveway.runtime.context import Runtime
from driveway.store.table import UnknownAssetError


def _command(body: dict[str, Any], runtime: Runtime) -> None:
    try:
        carry_out(body, runtime)
    except UnknownAssetError:
        runtime.logger.info("the asset is gone")


handler = queue_function(_command)
