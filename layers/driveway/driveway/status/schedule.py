"""The effective schedule of an asset, as JSON or as a picture."""

from datetime import UTC, datetime, timedelta
from typing import Any

from driveway.domain.instants import utc_text_or_none
from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.schedules.effective_schedule import Stretch, effective_schedule
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request
from driveway.runtime.problems import malformed

FIRST_YEAR, LAST_YEAR = 2000, 2200
LONGEST_SCHEDULE = timedelta(days=8)


DEFAULT_SCHEDULE = timedelta(hours=36)


def schedule_answer(request: Request, runtime: Runtime) -> Answer:
    """The answer to ``GET /assets/{asset}/schedule?from=&to=``, as SVG if that is what the caller accepts."""
    twin, now = runtime.table.twin(request.parameters["asset"]), runtime.now()
    start = query_instant(request, "from") or now.replace(second=0, microsecond=0)
    if not FIRST_YEAR <= start.year <= LAST_YEAR:
        raise malformed(f"'from' must lie between the years {FIRST_YEAR} and {LAST_YEAR}.")
    end = query_instant(request, "to") or start + DEFAULT_SCHEDULE
    if not start < end <= start + LONGEST_SCHEDULE:
        raise malformed("'to' must be after 'from', by at most eight days.")
    stretches = effective_schedule(twin, start, end, spread_s=runtime.control_rules.default_spread_s)
    if "image/svg+xml" in request.headers.get("accept", ""):
        return _picture(twin, stretches, start, end, now)
    body = {
        "from": utc_text_or_none(start),
        "to": utc_text_or_none(end),
        "stretches": [_stretch_body(s) for s in stretches],
    }
    return Answer(200, body)


def _stretch_body(stretch: Stretch) -> dict[str, Any]:
    return {
        "start": utc_text_or_none(stretch.start),
        "end": utc_text_or_none(stretch.end),
        "limit_kw": stretch.limit_kw,
        "source": stretch.source,
        "reason": stretch.reason.value,
    }


def _picture(twin: Twin, stretches: list[Stretch], start: datetime, end: datetime, now: datetime) -> Answer:
    from driveway.domain.schedules.svg import schedule_svg

    picture = schedule_svg(
        stretches,
        off_peak_intervals(twin.tariff, start, end),
        now=now,
        timezone=twin.link.timezone,
        power_kw=twin.link.power_kw,
        title=f"Schedule of {twin.link.asset}",
    )
    return Answer(200, picture, {"content-type": "image/svg+xml"})


def query_instant(request: Request, name: str) -> datetime | None:
    """The instant that a query parameter gives, in UTC; None if it is absent. Raises ProblemError (400)."""
    text = request.query.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
        if at.tzinfo is None:
            raise ValueError("it has no offset")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise malformed(f"'{name}' must be an instant with offset, for example 2026-01-15T22:00:00Z.") from None
