"""How fast the console shows itself and its list with a thousand assets, on the local stack, in Chromium.

A third of the assets needs attention. Every time is the median of some tries after a first one. The goal is a second
for the first paint, and one from the token to the list. Run ``python benchmarks/console.py [assets]``.
"""

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from driveway.values import replace

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "driveway"))

from playwright.sync_api import Browser

from driveway.domain.due import Dues
from driveway.store.table import Table
from local.resync import clients_of
from local.stack import STACK, Options, stack
from tests.support.browser.chromium import chromium, page_of
from tests.support.browser.chromium import running as browsing
from tests.support.functions.assets import a_twin

GOAL_S = 1.0
TRIES = 7


def fill(values: dict[str, Any], folder: Path, assets: int) -> None:
    """Put so many twins into the table of a stack."""
    client = clients_of(STACK, folder)("dynamodb")
    table = Table(client, values["table_name"], lambda twin, now: Dues(None, None), shards=2)
    now = datetime.now(UTC)
    for number in range(assets):
        twin = a_twin(
            now, asset=f"car-{number:04d}", site=f"home-{number}", axle_asset_id=f"axle-{number}", vehicle=None
        )
        if number % 3:
            twin = replace(twin, link=replace(twin.link, enrolled=False))
        client.put_item(TableName=table.name, Item=table.twin_item(twin, now))


def measured(browser: Browser, values: dict[str, Any]) -> tuple[float, float]:
    """The seconds to the first paint, and from the token to the list."""
    with page_of(browser) as (page, _):
        page.goto(values["console_url"])
        painted_ms = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        page.get_by_label("Token").fill(values["support_token"])
        began = time.perf_counter()
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Needs attention").locator("tbody tr").first.wait_for()
        return painted_ms / 1000, time.perf_counter() - began


def main() -> int:
    """Print both times; 1 if a goal is missed."""
    assets, path = int(sys.argv[1]) if len(sys.argv) > 1 else 1000, chromium()
    if path is None:
        print("There is no Chromium here, and none could be installed: not measured.")
        return 0
    folder = Path(tempfile.mkdtemp())
    with stack(Options(folder=folder), say=lambda text: None) as values, browsing(path) as browser:
        fill(values, folder, assets)
        tries = [measured(browser, values) for _ in range(TRIES + 1)][1:]
    painted_s, listed_s = (statistics.median(one) for one in zip(*tries, strict=True))
    print(f"{assets} assets: first paint {painted_s:.2f} s, list {listed_s:.2f} s (goal {GOAL_S:.0f} s each)")
    return int(max(painted_s, listed_s) > GOAL_S)


if __name__ == "__main__":
    sys.exit(main())
