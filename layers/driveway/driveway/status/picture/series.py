"""What is drawn of a session: bands, axes, bars, lines and marks, each a part of the SVG. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from driveway.domain.drawing import label, ticks, tooltip
from driveway.domain.half_hours import HALF_HOUR
from driveway.status.picture.scale import (
    LEFT,
    MARK,
    MARK_ROWS,
    PLOT,
    RIBBON,
    SHAPES,
    WIDE,
    Scale,
    acceptance,
    clock,
    instant,
    latest_of_axle,
    marked,
)

DATE_WIDTH = 78


def _band(scale: Scale, since: str, until: str, css: str, y: float, height: float, words: str) -> Iterator[str]:
    left, right = scale.x(instant(since)), scale.x(instant(until))
    if left < right:
        yield (
            f'<rect class="{css}" x="{left:g}" y="{y:g}" width="{right - left:.1f}" height="{height:g}">'
            f"{tooltip(words)}</rect>"
        )


def off_peak(body: Mapping[str, Any], scale: Scale, zone: ZoneInfo) -> Iterator[str]:
    """The off-peak bands."""
    for one in body["off_peak"]:
        words = f"Off-peak {clock(one['start'], zone)} to {clock(one['end'], zone)}"
        yield from _band(scale, one["start"], one["end"], "off-peak", scale.top, PLOT, words)


def plugged(body: Mapping[str, Any], scale: Scale, zone: ZoneInfo) -> Iterator[str]:
    """The ribbon that shows when the car was plugged in."""
    until = body["closed_at"] or body["asked_at"]
    still = "still plugged in" if body["closed_at"] is None else f"to {clock(until, zone)}"
    words = f"Plugged in from {clock(body['plugged_in_at'], zone)}, {still}"
    yield from _band(scale, body["plugged_in_at"], until, "plugged", scale.bottom + 3, RIBBON, words)


def grid(scale: Scale) -> Iterator[str]:
    """The energy axis on the left, and the power axis on the right: one kWh in a half-hour is 2 kW."""
    yield label(LEFT - 8, scale.top - 8, "kWh", "quiet end")
    yield label(scale.right + 6, scale.top - 8, "kW", "quiet")
    step_kwh = next(step for step in (0.5, 1, 2, 5, 10, 20, 50, 100) if scale.most_kwh / step <= 5 or step == 100)
    for number in range(int(scale.most_kwh / step_kwh) + 1):
        kwh = number * step_kwh
        y = scale.y(kwh)
        yield f'<line class="grid" x1="{LEFT}" x2="{scale.right:g}" y1="{y:g}" y2="{y:g}"/>'
        yield label(LEFT - 8, y + 4, f"{kwh:g}", "quiet end")
        yield label(scale.right + 6, y + 4, f"{2 * kwh:g}", "quiet")


def time_axis(scale: Scale, zone: ZoneInfo) -> Iterator[str]:
    """The wall time, and the date where it is a new one and there is room before the next."""
    found = list(ticks(scale.start, scale.end, zone, 14 if scale.width >= WIDE else 7))
    dated = [scale.x(tick.at) for tick in found if tick.new_date]
    crowded = {x for x, following in pairwise(dated) if following - x < DATE_WIDTH}
    for tick in found:
        x = scale.x(tick.at)
        yield f'<line class="grid" x1="{x:g}" x2="{x:g}" y1="{scale.top:g}" y2="{scale.bottom:g}"/>'
        yield label(x, scale.bottom + RIBBON + 18, tick.text, "mid")
        if tick.new_date and x not in crowded:
            yield label(x, scale.bottom + RIBBON + 34, tick.new_date, "quiet mid")


def bars(body: Mapping[str, Any], scale: Scale, zone: ZoneInfo) -> Iterator[str]:
    """The energy of each half-hour, by what Axle answered; a question mark where it is not measured."""
    for one in body["half_hours"]:
        start = instant(one["start"])
        if start + HALF_HOUR <= scale.start or start >= scale.end:
            continue
        left, right = scale.x(start), scale.x(start + HALF_HOUR)
        if one["energy_kwh"] is None:
            words = f"{clock(one['start'], zone)} not measured"
            yield label((left + right) / 2, scale.bottom - 4, "?", "unknown mid").replace(
                "</text>", f"{tooltip(words)}</text>"
            )
        elif one["energy_kwh"] > 0:
            css, words = acceptance(one)
            y = scale.y(one["energy_kwh"])
            words = f"{clock(one['start'], zone)} {one['energy_kwh']:.3f} kWh, {words}"
            yield (
                f'<rect class="energy {css}" x="{left + 1:g}" y="{y:g}" width="{max(1.0, right - left - 2):.1f}" '
                f'height="{scale.bottom - y:.1f}">{tooltip(words)}</rect>'
            )


def lines(body: Mapping[str, Any], scale: Scale) -> Iterator[str]:
    """Axle's plan, the limit in force, the measured power and the state of charge."""
    planned = latest_of_axle(body)
    yield from _steps("limit", body["in_force"], scale, "The limit in force")
    # The dashes are on top, since the plan is the limit on most nights and both must be seen.
    yield from _steps("plan", planned, scale, "Axle's plan as it was received last")
    powers = [(instant(one["at"]), one["power_kw"]) for one in body["measured"] if one["power_kw"] is not None]
    if len(powers) > 1:
        path = "".join(f"H{scale.x(at):g}V{scale.y_of_kw(kw):g}" for at, kw in powers[1:])
        first_at, first_kw = powers[0]
        yield _path("power", f"M{scale.x(first_at):g} {scale.y_of_kw(first_kw):g}{path}", "Measured power")
    levels = [(instant(one["at"]), one["soc_pct"]) for one in body["measured"] if one["soc_pct"] is not None]
    if levels:
        points = " ".join(f"{scale.x(at):g},{scale.y_of_pct(pct):g}" for at, pct in levels)
        yield f'<polyline class="soc" points="{points}">{tooltip("State of charge")}</polyline>'
        for at, pct in {levels[0], levels[-1]}:
            above = max(scale.y_of_pct(pct) - 4, scale.top + 14)
            yield label(scale.x(at) + 3, above, f"{pct:.0f} %", "soc-text")


def _path(css: str, path: str, words: str) -> str:
    return f'<path class="{css}" d="{path}">{tooltip(words)}</path>'


def _steps(css: str, parts: Sequence[Mapping[str, Any]], scale: Scale, words: str) -> Iterator[str]:
    path, before = "", None
    for part in parts:
        since, until = max(instant(part["start"]), scale.start), min(instant(part["end"]), scale.end)
        if part["limit_kw"] is None or since >= until:
            before = None
            continue
        y = scale.y_of_kw(part["limit_kw"])
        path += f"V{y:g}" if before == since else f"M{scale.x(since):g} {y:g}"
        path += f"H{scale.x(until):g}"
        before = until
    if path:
        yield _path(css, path, words)


def departures(body: Mapping[str, Any], scale: Scale, zone: ZoneInfo) -> Iterator[str]:
    """A line at each ready-by."""
    for one in body["departures"]:
        if one["ready_by"] is None or not scale.start <= instant(one["ready_by"]) <= scale.end:
            continue
        x = scale.x(instant(one["ready_by"]))
        words = f"Ready by {clock(one['ready_by'], zone)}: {one['text']}"
        ends = f'x1="{x:g}" x2="{x:g}" y1="{scale.top - 4:g}" y2="{scale.bottom:g}"'
        yield f'<line class="ready" {ends}>{tooltip(words)}</line>'
        yield label(x - 5, scale.bottom - 6, "ready by", "ready-text end")


def marks(body: Mapping[str, Any], scale: Scale, zone: ZoneInfo) -> Iterator[str]:
    """The commands and warnings above the plot, each in the lowest row in which it covers no other."""
    lasts_x = [float("-inf")] * MARK_ROWS
    for kind, entry in marked(body):
        if not scale.start <= instant(entry["at"]) <= scale.end:
            continue
        x = scale.x(instant(entry["at"]))
        free = (row for row, last_x in enumerate(lasts_x) if x - last_x >= MARK)
        row = next(free, min(range(MARK_ROWS), key=lasts_x.__getitem__))
        lasts_x[row] = x
        y = scale.top - 8 - MARK * row
        css = "warning" if kind in {"warning", "failed"} else "mark"
        words = f"{clock(entry['at'], zone)} {entry['text']}"
        yield f'<path class="{css}" transform="translate({x:g} {y:g})" d="{SHAPES[kind][0]}">{tooltip(words)}</path>'
