"""Generated lives of a car: by what was delivered, a session is open while it is plugged in at home, and only then."""

import os
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from tests.support.observations.car_reports import PROVIDERS
from tests.support.observations.lives import a_cloud, a_life
from tests.support.observations.mishaps import some_mishaps
from tests.support.observations.played_life import PlayedLife

LIVES = int(os.environ.get("DRIVEWAY_LIVES", "0"))
"""Lives of each provider in a large run, such as 500; 0 plays those of ``IN_THE_GATE``."""

IN_THE_GATE = {"app": (4,), "enode": (13,), "smartcar": (6, 4), "tesla": (2,)}
"""Seeds of lives with missed plug-outs. The app's and Smartcar's 6 fail if reports of being away are not heeded,
Smartcar's 4 if a signal without a status does not count."""

DAYS = 2

COUNTED = (
    *("lives", "reports", "part errors", "looks", "sessions", "nights", "account nights", "silent nights"),
    *("nights reported unplugged", "commands", "false opens", "missed opens", "commands away"),
)


def played(provider: str, seed: int) -> PlayedLife:
    random, more = Random(f"{provider} {seed}"), Random(f"more {provider} {seed}")
    cloud = a_cloud(random, provider, more)
    stays = a_life(random, DAYS)
    minimum_soc_pct = more.choice([None, 30.0])
    mishaps = some_mishaps(more, cloud, stays)
    return PlayedLife(random, more, cloud, stays, mishaps, minimum_soc_pct).play()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_lives_have_their_sessions_and_nothing_happens_away_from_home(
    provider: str, record_property: Callable[[str, object], None]
) -> None:
    total: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in range(LIVES) if LIVES else IN_THE_GATE[provider]:
        life = played(provider, seed)
        total += life.counts + Counter(lives=1)
        wrong += [f"{provider} {seed}: {what}" for what in life.wrong]
    summary = f"{provider}: " + ", ".join(f"{total[name]} {name}" for name in COUNTED)
    record_property("lives", summary)
    print(summary)
    assert wrong == []
