"""The effective schedule of an asset, as JSON or as a picture."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile

from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.schedules.effective_schedule import Stretch, effective_schedule
from driveway.domain.sessions.plan import InForce, in_force
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request
from driveway.runtime.problems import malformed
from driveway.status import schedule_answers

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
    past = _past(twin, start, min(end, now), runtime)
    ahead = effective_schedule(twin, max(start, now), end, spread_s=runtime.control_rules.default_spread_s)
    if "image/svg+xml" in request.headers.get("accept", ""):
        stretches = [*_known_to_the_end(past), *ahead]
        return _picture(twin, stretches, start, end, now)
    parts = [*map(_past_answer, past), *map(_stretch_answer, ahead)]
    return Answer(200, schedule_answers.Schedule(start=start.astimezone(UTC), end=end.astimezone(UTC), stretches=parts))


def _past(twin: Twin, start: datetime, end: datetime, runtime: Runtime) -> list[InForce]:
    """What was in force, by the plans that were kept; nothing from before the asset was onboarded."""
    since = max(start, twin.link.onboarded_at)
    if since >= end:
        return []
    return in_force(runtime.history.plans(twin.link.asset, since, end), since, end)


def _known_to_the_end(past: list[InForce]) -> list[Stretch]:
    """The latest parts of the past without a gap."""
    known = list(takewhile(lambda part: part.limit_kw is not None, reversed(past)))
    return [
        Stretch(part.start, part.end, part.limit_kw, part.source, part.reason)
        for part in reversed(known)
        if part.limit_kw is not None and part.source != "unknown"
    ]


def _past_answer(part: InForce) -> schedule_answers.Stretch:
    return schedule_answers.Stretch(
        start=part.start.astimezone(UTC),
        end=part.end.astimezone(UTC),
        limit_kw=part.limit_kw,
        source=part.source,
        reason=part.left_alone or part.reason,
    )


def _stretch_answer(stretch: Stretch) -> schedule_answers.Stretch:
    return schedule_answers.Stretch(
        start=stretch.start.astimezone(UTC),
        end=stretch.end.astimezone(UTC),
        limit_kw=stretch.limit_kw,
        source=stretch.source,
        reason=stretch.reason,
    )


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
