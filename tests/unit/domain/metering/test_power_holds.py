"""How long power holds between two samples, and which powers are about the same."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.metering.power import PowerSpan, power_line, power_spans
from driveway.domain.metering.samples import Sample

EVENING = datetime(2026, 1, 15, 18, tzinfo=UTC)
POWER_W = 7400


def span(minutes: float, end_w: int = POWER_W, *, tells_every_change: bool) -> PowerSpan:
    samples = [Sample(EVENING, "power", POWER_W), Sample(EVENING + timedelta(minutes=minutes), "power", end_w)]
    line = power_line([Sample(one.at, one.kind, one.value, tells_every_change=tells_every_change) for one in samples])
    (found,) = power_spans(line, "unknown")
    return found


@pytest.mark.parametrize(
    ("minutes", "tells_every_change", "kind"),
    [
        (15, False, "measured"),
        (15.1, False, "held"),
        (90, False, "held"),
        (90.1, False, "at_most"),
        (15, True, "measured"),
        (15.1, True, "held"),
        (24 * 60, True, "held"),
        (24 * 60 + 0.1, True, "at_most"),
    ],
)
def test_power_holds_over_one_poll_or_over_a_day_of_a_source_that_tells_every_change(
    minutes: float, kind: str, *, tells_every_change: bool
) -> None:
    assert span(minutes, tells_every_change=tells_every_change).kind == kind


@pytest.mark.parametrize(
    ("end_w", "kind"), [(6660, "held"), (6659, "at_most"), (8222, "held"), (8223, "at_most"), (7100, "held")]
)
def test_power_that_is_a_tenth_lower_or_higher_is_about_the_same(end_w: int, kind: str) -> None:
    assert span(60, end_w, tells_every_change=False).kind == kind


@pytest.mark.parametrize(("end_w", "is_same"), [(1700, True), (1699, False)])
def test_so_is_power_within_300_watts(end_w: int, is_same: bool) -> None:
    samples = [Sample(EVENING, "power", 2000), Sample(EVENING + timedelta(hours=1), "power", end_w)]
    (found,) = power_spans(power_line(samples), "unknown")
    assert (found.kind == "held") is is_same
