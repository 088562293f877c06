"""Once for each asset and local day: how many of its half-hours Axle has accepted, and which samples are old enough."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import islice

from driveway.domain.metering.completeness import Completeness, by_day, day_judged_at, for_axle, judged_at, starts_at
from driveway.domain.metering.recording import final_before
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit_percents
from driveway.store.table import UnknownAssetError
from driveway.values import replace

AT_ONCE = 100
WORKERS = 8
STOP_AT_S = 30.0
DAY = timedelta(days=1)


def judge_days(due: Iterable[tuple[str, datetime]], runtime: Runtime, time_left: Callable[[], float]) -> int:
    """Check days that are due, while there is time (seconds left); gives how many had anything to report.

    ``due`` has assets with the due times of their days.

    Each day is a log line with asset and day, and a value of the metric ``ReadingsComplete`` without them: 100 if Axle
    accepted every half-hour, else 0. Any number of runs may work at once; each day is counted by one of them.
    """
    rows, figures = iter(due), list[Completeness]()
    with ThreadPoolExecutor(WORKERS) as pool:
        while time_left() > STOP_AT_S and (some := list(islice(rows, AT_ONCE))):
            judged = pool.map(lambda row: _judge(row[0], row[1], runtime), some)
            figures += [figure for figure in judged if figure is not None and figure.expected]
    emit_percents("ReadingsComplete", [100 * (figure.accepted == figure.expected) for figure in figures], runtime)
    return len(figures)


def _judge(asset: str, due: datetime, runtime: Runtime) -> Completeness | None:
    try:
        link = runtime.table.twin(asset).link
    except UnknownAssetError:
        return None
    zone = link.timezone
    day = day_judged_at(due, zone)
    start, end = starts_at(day, zone), starts_at(day + timedelta(days=1), zone)
    now = runtime.now()
    slots = for_axle(runtime.slots.read_whole(asset, start, end, now=now), link)
    (reported,) = by_day(slots, [day], zone, now=now, grace=runtime.readings_grace)
    figure = reported.figure
    if not runtime.table.judge_next_day(asset, due, judged_at(day + timedelta(days=1), zone)):
        return None
    _drop_samples(asset, due, runtime)
    runtime.logger.info(
        "readings of a day",
        extra={
            "asset": asset,
            "day": day.isoformat(),
            "half_hours": reported.half_hours,
            "expected": figure.expected,
            "accepted": figure.accepted,
            "rejected": figure.rejected,
        },
    )
    return figure


def _drop_samples(asset: str, due: datetime, runtime: Runtime) -> None:
    """Drop the samples of half-hours that are final by now; their energy stays. What is missed is found a day later."""
    until = final_before(due)
    for slot in runtime.slots.read(asset, until - 2 * DAY, until):
        if slot.samples:
            runtime.slots.put(replace(slot, samples=frozenset()))
