"""Counts for CloudWatch, as one structured log line (embedded metric format): per stage, never per vehicle."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from driveway.runtime.context import Runtime

if TYPE_CHECKING:
    from aws_lambda_powertools.metrics import EphemeralMetrics

MOST_VALUES = 99
"""One fewer than the number at which the library writes the line by itself."""


def emit(counts: Mapping[str, int], runtime: Runtime, **dimensions: str) -> None:
    """Report counts by metric name, with the dimensions ``service`` and ``stage``, which the alarms use, and others.

    Keep the values of a dimension few: every combination is a metric that costs money.
    """
    from aws_lambda_powertools.metrics import MetricUnit

    metrics = _metrics(runtime)
    for name, value in dimensions.items():
        metrics.add_dimension(name, value)
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.flush_metrics()


def emit_percents(name: str, values: Sequence[float], runtime: Runtime) -> None:
    """Report many values (0 to 100) of one metric, so that the metric has their average and their number."""
    from aws_lambda_powertools.metrics import MetricUnit

    for first in range(0, len(values), MOST_VALUES):
        metrics = _metrics(runtime)
        for value in values[first : first + MOST_VALUES]:
            metrics.add_metric(name, MetricUnit.Percent, value)
        metrics.flush_metrics()


def _metrics(runtime: Runtime) -> "EphemeralMetrics":
    from aws_lambda_powertools.metrics import EphemeralMetrics

    metrics = EphemeralMetrics(
        namespace=runtime.settings.text("POWERTOOLS_METRICS_NAMESPACE", "Driveway"),
        service=runtime.settings.text("POWERTOOLS_SERVICE_NAME", "driveway"),
    )
    metrics.add_dimension("stage", runtime.settings.stage)
    return metrics
