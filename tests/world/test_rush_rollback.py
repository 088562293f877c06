"""A rollback to 0.1, and an upgrade from it, half a minute before an edge, with a fleet's commands in their queue.

The queue still hands out deliveries of a hundred to 0.1, as it does where CodeDeploy takes the aliases back alone.
"""

from collections import Counter
from contextlib import redirect_stdout
from datetime import timedelta
from typing import Any

import pytest

from driveway.runtime.context import Runtime
from local.unpack import unpack_table
from tests.world.car_maker import lateness_s
from tests.world.releases import FIRST_RELEASE, PowertoolsSecrets, Present, Release
from tests.world.rush import EDGE, Rush, Setting, rush

CARS = 120
ROLLED_BACK, UPGRADED = EDGE - timedelta(seconds=30), EDGE - timedelta(seconds=1)
"""This version plans a minute or two ahead, 0.1 two seconds."""


class Moved(Rush):
    """A fleet whose functions are all of 0.1 before or after an instant. The release is set after it was made."""

    first_release: Release
    is_first: bool = False

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.present = Present()
        self.sizes: Counter[tuple[str, int]] = Counter()
        self._first: dict[str, Any] = {}

    def answer(self, name: str, instance: Runtime, event: Any) -> Any:
        """See ``Rush.answer``."""
        if name == "VehicleCommandsFunction":
            self.sizes["0.1" if self.is_first else "present", len(event["Records"])] += 1
        if not self.is_first:
            with self.present.loaded():
                return super().answer(name, instance, event)
        with self.first_release.loaded():
            from driveway.runtime import context as released

            released.use(self._instance(name, released))
            with redirect_stdout(self.log):
                return self.first_release.handler(self.cloud.stack.functions[name].folder.name)(event, None)

    def _instance(self, name: str, released: Any) -> Any:
        if name not in self._first:
            made = released.Runtime(self.cloud.stack.functions[name].environment, clock=self.clock)
            made.__dict__ |= self._clients | {"_secrets": PowertoolsSecrets(self._clients["_secrets"])}
            made.random = self._random
            for handler in made.logger.handlers:
                handler.setStream(self.log)
            self._first[name] = made
        return self._first[name]


@pytest.fixture(scope="module")
def first_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return Release(FIRST_RELEASE, tmp_path_factory.mktemp("first_release"))


def unpack(run: Rush) -> None:
    assert unpack_table(run.cloud.client("dynamodb"), next(iter(run.cloud.tables))) == CARS


@pytest.mark.parametrize("is_rollback", [True, False])
def test_a_fleets_commands_in_flight_are_sent_by_the_other_release(first_release: Release, is_rollback: bool) -> None:
    # What cars report would be taken in by the present release.
    with rush(Setting(cars={"enode": CARS}, reports_after_s=None), Moved) as run:
        assert isinstance(run, Moved)
        run.first_release = first_release
        if not is_rollback:
            unpack(run)
            run.is_first = True
        run.run_until(ROLLED_BACK if is_rollback else UPGRADED)
        queued = len(run.cloud.queues()["EnodeCommandsQueue"].messages)
        if is_rollback:
            unpack(run)
        run.is_first = is_rollback
        run.run_until(EDGE + timedelta(minutes=6))
    calls = run.maker.calls["enode"]
    late = lateness_s(calls, EDGE)
    assert len(late) == CARS
    assert late[0] >= 0
    assert late[-1] <= 75, "0.1 sends the commands of a delivery one after another"
    assert len(calls) == CARS, "no car got a command twice"
    assert "record failed" not in run.log.getvalue()
    assert queued >= CARS / 3
    assert max(size for release, size in run.sizes if release == ("0.1" if is_rollback else "present")) >= 50
    letters = run.cloud.dead_letters()
    # 0.1 sets aside the record of each twin that is unpacked, whose image before is packed, and no other.
    assert set(letters) <= {"StreamFailuresQueue"}
    assert len(letters.get("StreamFailuresQueue", ())) <= CARS
