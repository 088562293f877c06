"""The schedules of the template, and the process that plays them on a fast clock."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.metering.slot import GRACE
from driveway.runtime.clock import Clock
from local.metronome import REPORT_MINUTE, crossed_report_time, ticks

TEMPLATE = (Path(__file__).resolve().parents[3] / "template.yaml").read_text(encoding="utf-8")
MIDNIGHT = datetime(2026, 1, 15, tzinfo=UTC)


def test_the_metronome_reports_when_the_template_does() -> None:
    assert f"cron({REPORT_MINUTE},{REPORT_MINUTE + 30} * * * ? *)" in TEMPLATE
    assert "ScheduleExpression: rate(1 minute)" in TEMPLATE


def test_a_half_hour_is_reported_within_two_minutes_of_the_end_of_its_grace() -> None:
    default = re.search(r"ReadingsGraceSeconds:\n    Type: Number\n    Default: (\d+)", TEMPLATE)
    assert default is not None
    assert timedelta(seconds=int(default[1])) == GRACE
    assert GRACE < timedelta(minutes=REPORT_MINUTE) <= GRACE + timedelta(minutes=2)


@given(
    st.integers(0, 48 * 3600),
    st.lists(st.integers(1, 1799), min_size=1, max_size=60),
)
def test_however_the_ticks_fall_every_report_minute_is_met_once(start_s: int, steps_s: list[int]) -> None:
    instants = [start_s]
    for step_s in steps_s:
        instants.append(instants[-1] + step_s)
    at = [MIDNIGHT + timedelta(seconds=seconds) for seconds in instants]
    met = sum(crossed_report_time(before, after) for before, after in pairwise(at))
    reports_s = range(REPORT_MINUTE * 60, instants[-1] + 1, 1800)
    assert met == sum(second > start_s for second in reports_s)


@pytest.mark.parametrize(("scale", "tick_s"), [(1.0, 60), (300.0, 120)])
def test_a_tick_is_a_minute_or_what_the_machine_can_serve(scale: float, tick_s: int) -> None:
    clock = Clock(start=MIDNIGHT, since=MIDNIGHT, scale=scale)
    assert ticks(clock) == timedelta(seconds=tick_s)
