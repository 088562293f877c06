"""Counts for CloudWatch, as one structured log line (embedded metric format): per stage, never per vehicle."""

from collections.abc import Mapping

from driveway.runtime.context import Runtime


def emit(counts: Mapping[str, int], current: Runtime, **dimensions: str) -> None:
    """Report counts by metric name, with the dimensions ``service`` and ``stage`` that the alarms look at, and others.

    A dimension takes few values: every combination is a metric that is paid for.
    """
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    metrics = EphemeralMetrics(
        namespace=current.settings.text("POWERTOOLS_METRICS_NAMESPACE", "Driveway"),
        service=current.settings.text("POWERTOOLS_SERVICE_NAME", "driveway"),
    )
    metrics.add_dimension("stage", current.settings.stage)
    for name, value in dimensions.items():
        metrics.add_dimension(name, value)
    for name, count in counts.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    metrics.flush_metrics()
