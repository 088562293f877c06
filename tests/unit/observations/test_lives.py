"""Generated lives of a car: by what was delivered, a session is open while it is plugged in at home, and only then."""

import os
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from tests.support.observations.car_reports import PROVIDERS
from tests.support.observations.lives import a_cloud, a_life
from tests.support.observations.played_life import PlayedLife

LIVES = int(os.environ.get("DRIVEWAY_LIVES", "1"))
"""Lives of each provider. The gate plays one; set it to some hundreds for a large run."""

DAYS = 2


def played(provider: str, seed: int) -> PlayedLife:
    random = Random(f"{provider} {seed}")
    cloud = a_cloud(random, provider)
    return PlayedLife(random, cloud, a_life(random, DAYS)).play()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_lives_have_their_sessions_and_nothing_happens_away_from_home(
    provider: str, record_property: Callable[[str, object], None]
) -> None:
    total: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in range(LIVES):
        life = played(provider, seed)
        total += life.counts + Counter(lives=1)
        wrong += [f"{provider} {seed}: {what}" for what in life.wrong]
    names = ("lives", "reports", "sessions", "nights", "commands", "false opens", "missed opens", "commands away")
    summary = f"{provider}: " + ", ".join(f"{total[name]} {name}" for name in names)
    record_property("lives", summary)
    print(summary)
    assert wrong == []
