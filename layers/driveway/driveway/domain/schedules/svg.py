"""The effective schedule as a picture: one self-contained SVG, readable without colour and by a screen reader."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from driveway.domain.schedules.default_schedule import Interval
from driveway.domain.schedules.effective_schedule import Source, Stretch
from driveway.domain.wall_time import to_utc

# XML 1.0 §2.2: control characters and lone surrogates cannot be written at all, not even escaped.
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDTH, _HEIGHT = 960, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 936, 56, 236
_RIBBON_TOP, _RIBBON_HEIGHT = 242, 8
_AXIS_Y, _DATE_Y, _LEGEND_Y = 268, 286, 318
_MOST_TICKS = 13
_TICK_STEPS_MIN = (5, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400, 43200, 144000)
_DAY_MIN = 1440

_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2933}"
    ".title{font-size:16px;font-weight:600}.quiet{fill:#52606d}.end{text-anchor:end}.mid{text-anchor:middle}"
    ".off-peak{fill:#e3f1e6}.grid{stroke:#d5dbe1}.frame{stroke:#7b8794;fill:none}"
    ".limit{stroke:#1f2933;stroke-width:2;fill:none}.now{stroke:#b3261e;stroke-width:2;stroke-dasharray:5 3}"
    ".now-text{fill:#b3261e;font-weight:600}"
    ".axle{fill:#2f6fb5}.default{fill:#7d8b99}.charge_now{fill:#d9730d}.minimum_soc{fill:#7b4fa3}.plan{opacity:.72}"
)
_SOURCE_NAMES: dict[Source, str] = {
    "axle": "Axle's schedule",
    "default": "Default schedule",
    "charge_now": "Charge now",
    "minimum_soc": "Minimum state of charge",
}


class _Tick(NamedTuple):
    at: datetime
    text: str
    new_date: str


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where instants and powers lie in the picture."""

    start: datetime
    end: datetime
    power_kw: float

    def x(self, instant: datetime) -> float:
        share = (instant - self.start) / (self.end - self.start)
        return round(_LEFT + min(1.0, max(0.0, share)) * (_RIGHT - _LEFT), 2)

    def y(self, limit_kw: float) -> float:
        share = limit_kw / self.power_kw if self.power_kw > 0 else 0.0
        return round(_BOTTOM - min(1.0, max(0.0, share)) * (_BOTTOM - _TOP), 2)


def schedule_svg(
    stretches: Sequence[Stretch],
    off_peak: Sequence[Interval],
    *,
    now: datetime,
    timezone: str,
    power_kw: float,
    title: str,
) -> str:
    """An SVG document of the stretches over their off-peak times, with ``now`` marked where it falls inside.

    Args:
        stretches: contiguous and ascending, as ``effective_schedule`` gives them.
        off_peak: intervals of aware UTC; what lies outside the stretches is cut off.
        now: aware.
        timezone: IANA zone whose wall time the axis shows.
        power_kw: the top of the scale: the asset's own power.
        title: plain text; escaped here.
    """
    if not stretches:
        return _document(title, "Nothing is planned.", [_text(_LEFT, 120, "Nothing is planned.", "quiet")])
    scale = _Scale(stretches[0].start, stretches[-1].end, power_kw)
    zone = ZoneInfo(timezone)
    parts = [
        *_off_peak_bands(off_peak, scale, zone),
        *_power_axis(scale),
        *_time_axis(scale, zone),
        *_plan(stretches, scale, zone),
        f'<path class="limit" d="{_step_line(stretches, scale)}"/>',
        f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_RIGHT - _LEFT}" height="{_BOTTOM - _TOP}"/>',
        *_now_marker(now, scale, zone),
        *_legend(stretches, timezone),
    ]
    return _document(title, "; ".join(_sentence(stretch, zone) for stretch in stretches) + ".", parts)


def _document(title: str, description: str, parts: Iterable[str]) -> str:
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            'aria-labelledby="schedule-title schedule-description">',
            f'<title id="schedule-title">{_clean(title)}</title>',
            f'<desc id="schedule-description">{_clean(description)}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            _text(_LEFT, 28, title, "title"),
            *parts,
            "</svg>",
        ]
    )


def _clean(text: str) -> str:
    return escape(_NOT_IN_XML.sub("", text))


def _text(x: float, y: float, text: str, classes: str = "") -> str:
    return f'<text x="{x}" y="{y}" class={quoteattr(classes)}>{_clean(text)}</text>'


def _span(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    return f"{start.astimezone(zone):%a %d %b %H:%M} to {end.astimezone(zone):%a %d %b %H:%M}"


def _sentence(stretch: Stretch, zone: ZoneInfo) -> str:
    does = f"charge at up to {stretch.limit_kw:g} kW" if stretch.limit_kw > 0 else "hold"
    return f"{_span(stretch.start, stretch.end, zone)}: {does} ({_SOURCE_NAMES[stretch.source]})"


def _off_peak_bands(off_peak: Sequence[Interval], scale: _Scale, zone: ZoneInfo) -> Iterator[str]:
    for start, end in off_peak:
        left, right = scale.x(start), scale.x(end)
        if left < right:
            yield (
                f'<rect class="off-peak" x="{left}" y="{_TOP}" width="{right - left:.2f}" height="{_BOTTOM - _TOP}">'
                f"<title>{_clean(f'Off-peak {_span(start, end, zone)}')}</title></rect>"
            )


def _power_axis(scale: _Scale) -> Iterator[str]:
    yield _text(_LEFT - 8, _TOP - 10, "kW", "quiet end")
    for share in (0.0, 0.5, 1.0):
        y = scale.y(scale.power_kw * share)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}"/>'
        yield _text(_LEFT - 8, y + 4, f"{round(scale.power_kw * share, 2):g}", "quiet end")


def _time_axis(scale: _Scale, zone: ZoneInfo) -> Iterator[str]:
    for tick in _ticks(scale.start, scale.end, zone):
        x = scale.x(tick.at)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_BOTTOM}"/>'
        yield _text(x, _AXIS_Y, tick.text, "mid")
        if tick.new_date:
            yield _text(x, _DATE_Y, tick.new_date, "quiet mid")


def _ticks(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[_Tick]:
    """Round wall times within the window, few enough to be read; the date with the first one and after midnight."""
    span_min = (end - start).total_seconds() / 60
    step_min = next((step for step in _TICK_STEPS_MIN if span_min / step < _MOST_TICKS), _TICK_STEPS_MIN[-1])
    first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    shown = None
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        if day.toordinal() % max(1, step_min // _DAY_MIN):
            continue
        for minutes in range(0, _DAY_MIN, step_min):
            at = to_utc(day, minutes, zone)
            wall = at.astimezone(zone)
            if start <= at <= end and wall.hour * 60 + wall.minute == minutes:
                yield _Tick(at, f"{wall:%H:%M}", f"{wall:%a %d %b}" if wall.date() != shown else "")
                shown = wall.date()


def _plan(stretches: Sequence[Stretch], scale: _Scale, zone: ZoneInfo) -> Iterator[str]:
    for stretch in stretches:
        left, width = scale.x(stretch.start), scale.x(stretch.end) - scale.x(stretch.start)
        label = f"<title>{_clean(_sentence(stretch, zone))}</title>"
        top = scale.y(stretch.limit_kw)
        if top < _BOTTOM:
            yield (
                f'<rect class="plan {stretch.source}" x="{left}" y="{top}" width="{width:.2f}" '
                f'height="{_BOTTOM - top:.2f}">{label}</rect>'
            )
        yield (
            f'<rect class="{stretch.source}" x="{left}" y="{_RIBBON_TOP}" width="{width:.2f}" '
            f'height="{_RIBBON_HEIGHT}">{label}</rect>'
        )


def _step_line(stretches: Sequence[Stretch], scale: _Scale) -> str:
    steps = (f"V{scale.y(stretch.limit_kw)}H{scale.x(stretch.end)}" for stretch in stretches)
    return f"M{scale.x(stretches[0].start)} {scale.y(stretches[0].limit_kw)}{''.join(steps)}"


def _now_marker(now: datetime, scale: _Scale, zone: ZoneInfo) -> Iterator[str]:
    if scale.start <= now <= scale.end:
        x = scale.x(now)
        yield f'<line class="now" x1="{x}" x2="{x}" y1="{_TOP - 4}" y2="{_RIBBON_TOP + _RIBBON_HEIGHT}"/>'
        yield _text(
            min(max(x, _LEFT + 32), _RIGHT - 32), _TOP - 10, f"now {now.astimezone(zone):%H:%M}", "now-text mid"
        )


def _legend(stretches: Sequence[Stretch], timezone: str) -> Iterator[str]:
    present = {stretch.source for stretch in stretches}
    entries = [("off-peak", "Off-peak"), *((key, name) for key, name in _SOURCE_NAMES.items() if key in present)]
    x = _LEFT
    for css, name in entries:
        yield f'<rect class="{css}" x="{x}" y="{_LEGEND_Y - 11}" width="14" height="14"/>'
        yield _text(x + 20, _LEGEND_Y, name)
        x += 44 + 7 * len(name)
    yield _text(_RIGHT, 28, f"Times: {timezone}", "quiet end")
