"""How long one composite schedule takes, compared with finding the limit of every second in the simplest way.

Four stacked profiles of eight periods over 24 hours. Run ``python benchmarks/composite_schedule.py``.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "driveway"))

from driveway.domain.charging_profiles import ChargingProfile, Purpose, SchedulePeriod, composite_schedule

DAY_S = 86_400
START = datetime(2026, 1, 15, 16, tzinfo=UTC)
GOAL = 3.0


def naive_limit_w(
    profiles: Sequence[ChargingProfile], at: datetime, transaction_start: datetime | None, *, watts_per_ampere: float
) -> float | None:
    """The limit (W) at one instant, from every profile and every period; phases are not distinguished."""
    by_purpose: dict[Purpose, tuple[int, float]] = {}
    for profile in profiles:
        held = _naive_period(profile, at, transaction_start)
        if held is None or (transaction_start is None and profile.purpose != "ChargePointMaxProfile"):
            continue
        limit_w = held.limit if profile.unit == "W" else held.limit * watts_per_ampere
        highest = by_purpose.get(profile.purpose)
        if highest is None or profile.stack_level >= highest[0]:
            by_purpose[profile.purpose] = (profile.stack_level, limit_w)
    lead = by_purpose.get("TxProfile") or by_purpose.get("TxDefaultProfile")
    limits = [found[1] for found in (lead, by_purpose.get("ChargePointMaxProfile")) if found is not None]
    return min(limits, default=None)


def _naive_period(profile: ChargingProfile, at: datetime, transaction_start: datetime | None) -> SchedulePeriod | None:
    if profile.valid_from is not None and at < profile.valid_from:
        return None
    if profile.valid_to is not None and at >= profile.valid_to:
        return None
    start = transaction_start if profile.kind == "Relative" else profile.start_schedule or profile.valid_from
    if start is None:
        return None
    elapsed_s = (at - start).total_seconds()
    if profile.kind == "Recurring":
        elapsed_s %= DAY_S if profile.recurrency == "Daily" else 7 * DAY_S
    if elapsed_s < 0 or (profile.duration_s is not None and elapsed_s >= profile.duration_s):
        return None
    return next((period for period in reversed(profile.periods) if period.start_s <= elapsed_s), None)


def stack_of_four() -> list[ChargingProfile]:
    """A maximum, a daily default, a default over it, and a night's plan: eight periods each."""

    def periods(step_s: int, limits: Sequence[float]) -> tuple[SchedulePeriod, ...]:
        return tuple(SchedulePeriod(index * step_s, limit) for index, limit in enumerate(limits))

    night = START + timedelta(hours=6)
    return [
        ChargingProfile(
            0,
            "ChargePointMaxProfile",
            "Recurring",
            "W",
            periods(10_800, [7400, 6000] * 4),
            recurrency="Daily",
            start_schedule=START - timedelta(days=30),
        ),
        ChargingProfile(
            0,
            "TxDefaultProfile",
            "Recurring",
            "W",
            periods(7_200, [0, 3700] * 4),
            recurrency="Daily",
            start_schedule=START - timedelta(days=9, hours=5),
        ),
        ChargingProfile(1, "TxDefaultProfile", "Relative", "A", periods(1_800, [6, 10, 16, 32] * 2), duration_s=14_400),
        ChargingProfile(
            1100, "TxProfile", "Absolute", "W", periods(3_600, [0, 99999] * 4), duration_s=32_400, start_schedule=night
        ),
    ]


def main() -> None:
    """Print both times and their ratio, which must be at least three."""
    profiles = stack_of_four()

    def composed() -> list[tuple[int, float | None]]:
        found = composite_schedule(profiles, start=START, duration_s=DAY_S, transaction_start=START, default_phases=1)
        return [(period.start_s, period.limit) for period in found]

    def every(step_s: int) -> Callable[[], list[tuple[int, float | None]]]:
        def evaluated() -> list[tuple[int, float | None]]:
            steps: list[tuple[int, float | None]] = []
            for second in range(0, DAY_S, step_s):
                limit_w = naive_limit_w(profiles, START + timedelta(seconds=second), START, watts_per_ampere=230.0)
                if not steps or steps[-1][1] != limit_w:
                    steps.append((second, limit_w))
            return steps

        return evaluated

    assert composed() == every(60)(), "both ways must give the same schedule"
    ours_s = _median_s(composed, runs=200)
    print("One composite over 24 h of four stacked profiles of eight periods (median):")
    print(f"  edge to edge           {ours_s * 1e3:9.3f} ms")
    for name, step_s, runs in (("naive, every minute", 60, 20), ("naive, every second", 1, 2)):
        naive_s = _median_s(every(step_s), runs=runs)
        print(f"  {name}    {naive_s * 1e3:9.3f} ms   ratio {naive_s / ours_s:8.1f}  (goal {GOAL:.0f})")


def _median_s(run: Callable[[], object], *, runs: int) -> float:
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


if __name__ == "__main__":
    main()
