"""An upgrade from the release before, with a night running through it: nothing is lost.

The functions of 0.1 and of this version run on one table. Five hours into the evening one function after the other is
moved, within five minutes, as CodeDeploy moves their aliases.
"""

from collections import Counter
from datetime import timedelta

import pytest

from local.unpack import unpack_table
from tests.world.chaos import PARTS, night_of
from tests.world.ends import found_wrong
from tests.world.night import Night
from tests.world.releases import FIRST_RELEASE, Release, mixed

MOVED_WITHIN = timedelta(minutes=5)
ROLLED_BACK_FOR = timedelta(hours=3)


@pytest.fixture(scope="module")
def first_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return Release(FIRST_RELEASE, tmp_path_factory.mktemp("first_release"))


class Upgrade:
    """Moves the functions of a night to the present release, and counts what ran in which."""

    def __init__(self, night: Night, old: Release, after: timedelta) -> None:
        host = night.world.host
        self.night, self.old = night, old
        order = sorted(host._functions)
        self.begins = night.evening + after
        self.moved = {name: self.begins + MOVED_WITHIN * number / len(order) for number, name in enumerate(order)}
        self.runs: Counter[str] = Counter()
        self.is_back = False
        self.present = mixed(host, self.choose).present

    def choose(self, function: str) -> Release:
        is_moved = self.night.world.clock.now() >= self.moved[function] and not self.is_back
        self.runs["present" if is_moved else "old"] += 1
        return self.present if is_moved else self.old


def packed(night: Night) -> dict[str, bool]:
    """Whether each twin is packed."""
    items = night.world.cloud.items()
    return {item["pk"]["S"]: "packed" in item for item in items if item["sk"]["S"] == "TWIN"}


def wrong(night: Night) -> list[str]:
    return [*night.world.violations, *found_wrong(night), *map(str, night.world.cloud.dropped())]


def errors_of(night: Night) -> list[str]:
    return [line for line in night.world.host.log.lines if '"level":"ERROR"' in line]


@pytest.mark.parametrize(
    ("seed", "after"),
    [(1, timedelta(hours=1)), (2, timedelta(hours=3, minutes=58)), (3, timedelta(hours=5, minutes=29, seconds=30))],
)
def test_an_upgrade_in_the_night_and_a_rollback_lose_no_session_no_reading_and_no_command(
    first_release: Release, seed: int, after: timedelta
) -> None:
    with night_of(seed, frozenset(PARTS)) as night:
        upgrade = Upgrade(night, first_release, after)
        night.world.run_until(upgrade.begins)
        assert not any(packed(night).values()), "0.1 packs nothing"
        assert upgrade.runs["old"] > 50
        night.play()
        assert upgrade.runs["present"] > 200
        assert packed(night)
        assert all(packed(night).values())
        assert wrong(night) == []

        upgrade.is_back = True
        ran = upgrade.runs["old"]
        assert unpack_table(night.world.cloud.client("dynamodb"), next(iter(night.world.cloud.tables))) > 20
        twins, errors = len(packed(night)), errors_of(night)
        night.world.run_until(night.world.clock.now() + ROLLED_BACK_FOR)
        assert upgrade.runs["old"] > ran + 20
        assert not any(packed(night).values())
        assert [line for line in errors_of(night) if "record set aside" not in line] == errors
        # The stream holds the packed image beside what the rollback wrote. 0.1 sets these records aside, and no other.
        assert len(night.world.cloud.queues()["StreamFailuresQueue"].messages) <= twins
