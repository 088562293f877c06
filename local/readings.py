"""``make readings DAY=…``: what Axle got of a local day, and the CSV that a settlement team compares with Axle's.

It reads the table of a stack on AWS with your credentials, or that of the local stack: the day of every asset, with one
query for each. It changes nothing.
"""

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from driveway.axle.refusals import refusals
from driveway.domain.due import Dues
from driveway.domain.metering.completeness import starts_at
from driveway.domain.metering.slot import Slot
from driveway.domain.twin import Link
from driveway.runtime.clock import parse_clock
from driveway.status.half_hours import COLUMNS, csv_row, half_hour_row
from driveway.store.slots import SlotStore
from driveway.store.table import Table
from local.day_figures import DayFigures, explained, figures_of, first_instant
from local.outputs import outputs_of
from local.resync import FOLDER, LOCAL_STACK, clients_of
from local.stack import running

ASSETS_AT_ONCE = 100
EVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AssetDay:
    """The half-hours of one asset on one local day of its site."""

    link: Link
    slots: list[Slot]
    figures: DayFigures


def asset_days(table: Table, slots: SlotStore, day: date, now: datetime) -> Iterator[AssetDay]:
    """The day of every asset in the table, by shard."""
    assets = (asset for asset, _ in table.due("DaysDue", EVER))
    while some := list(islice(assets, ASSETS_AT_ONCE)):
        for asset, link in sorted(slots.links(some).items()):
            start, end = starts_at(day, link.timezone), starts_at(day + timedelta(days=1), link.timezone)
            found = [slot for slot in slots.read_whole(asset, start, end, now=now) if slot.reportable]
            yield AssetDay(link, found, figures_of((slot for slot in found if slot.end <= now), link))


def report(days: Iterable[AssetDay], slots: SlotStore, day: date, csv_path: Path | None) -> Iterator[str]:
    """The lines of the report; the CSV is written on the way."""
    fleet, sites, causes = DayFigures(), dict[str, DayFigures](), dict[str, list[str]]()
    written = csv_path.open("w", newline="", encoding="utf-8") if csv_path is not None else None
    try:
        if written is not None:
            writer = csv.DictWriter(written, ("site", "asset", *COLUMNS))
            writer.writeheader()
        for one in days:
            fleet += one.figures
            here = sites.setdefault(one.link.site, DayFigures())
            here += one.figures
            causes.setdefault(one.link.site, []).extend(explained(one.figures, one.slots))
            if written is not None:
                whose = {"site": one.link.site, "asset": one.link.asset}
                rows = (csv_row(half_hour_row(slot), one.link.timezone) for slot in one.slots)
                writer.writerows(whose | row for row in rows)
    finally:
        if written is not None:
            written.close()
    yield f"Half-hours of {day}, by the local day of each site"
    yield from _counts(fleet)
    yield ""
    yield f"{'site':<24}{'expected':>9}{'accepted':>9}{'measured kWh':>14}{'Axle kWh':>12}  difference"
    for site, figures in sorted(sites.items()):
        yield _energies(site, figures, causes[site])
    yield _energies("the fleet", fleet, [])
    yield from _refused(slots)


def _counts(fleet: DayFigures) -> Iterator[str]:
    yield f"  expected  {fleet.expected:>7}"
    yield f"  accepted  {fleet.accepted:>7}"
    yield f"  refused   {fleet.refused.total():>7}"
    for words, number in fleet.refused.most_common():
        yield f"            {number:>7}  {words}"
    for name in ("waiting", "unknown", "given_up", "late", "corrected"):
        yield f"  {name.replace('_', ' '):<10}{getattr(fleet, name):>7}"
    yield f"  withheld  {fleet.withheld:>7}  ({fleet.withheld_wh / 1000:.3f} kWh of homes that did not take part)"


def _energies(name: str, figures: DayFigures, causes: list[str]) -> str:
    difference_wh = figures.accepted_wh - figures.measured_wh
    why = f"{difference_wh / 1000:+.3f} ({', '.join(causes)})" if difference_wh and causes else ""
    why = why or (f"{difference_wh / 1000:+.3f}" if difference_wh else "")
    energies = f"{figures.measured_wh / 1000:>14.3f}{figures.accepted_wh / 1000:>12.3f}"
    return f"{name:<24}{figures.expected:>9}{figures.accepted:>9}{energies}  {why}".rstrip()


def _refused(slots: SlotStore) -> Iterator[str]:
    found = refusals(slots)
    if found:
        yield ""
        yield "Refused now, of all days"
    for one in found:
        yield f"  {one.asset:<22}{one.half_hours:>7} since {first_instant(one.since)}  {'; '.join(one.words)}"


def _now(stack: str) -> datetime:
    """The present: by the clock of the local stack if that is meant."""
    values = running(FOLDER) if stack == LOCAL_STACK else None
    return datetime.now(UTC) if values is None else parse_clock(values["clock"], on_aws=False).now()


def _shards(cloudformation: Any, stack: str) -> int:
    (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    given = {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", [])}
    return int(given.get("DueShards", 4))


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments and print the report."""
    parser = argparse.ArgumentParser(prog="python -m local.readings", description=__doc__)
    parser.add_argument("day", type=date.fromisoformat, help="a local day of the sites, for example 2026-01-15")
    parser.add_argument("--stack", default=LOCAL_STACK, help="the stack's name, for example driveway-prod")
    parser.add_argument("--csv", type=Path, help="where to write a line for each half-hour")
    wanted = parser.parse_args(arguments)
    client, now = clients_of(wanted.stack, FOLDER), _now(wanted.stack)
    cloudformation = client("cloudformation")
    name, shards = outputs_of(cloudformation, wanted.stack)["TableName"], _shards(cloudformation, wanted.stack)
    slots = SlotStore(client("dynamodb"), name, shards)
    table = Table(client("dynamodb"), name, lambda *_: Dues(None, None), shards)
    for line in report(asset_days(table, slots, wanted.day, now), slots, wanted.day, wanted.csv):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
