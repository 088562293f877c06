"""The effective schedule as a picture: one self-contained SVG, readable without colour and by a screen reader."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from driveway.domain.drawing import clean, document, label, ticks
from driveway.domain.schedules.default_schedule import Interval
from driveway.domain.schedules.effective_schedule import Source, Stretch

_WIDTH, _HEIGHT = 960, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 936, 56, 236
_RIBBON_TOP, _RIBBON_HEIGHT = 242, 8
_AXIS_Y, _DATE_Y, _LEGEND_Y = 268, 286, 318
_MOST_TICKS = 13

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


class _Scale(Struct, frozen=True):
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
        return _schedule(title, "Nothing is planned.", [label(_LEFT, 120, "Nothing is planned.", "quiet")])
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
    return _schedule(title, "; ".join(_sentence(stretch, zone) for stretch in stretches) + ".", parts)


def _schedule(title: str, description: str, parts: Iterable[str]) -> str:
    return document(
        [label(_LEFT, 28, title, "title"), *parts],
        title=title,
        description=description,
        style=_STYLE,
        width=_WIDTH,
        height=_HEIGHT,
        name="schedule",
    )


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
                f"<title>{clean(f'Off-peak {_span(start, end, zone)}')}</title></rect>"
            )


def _power_axis(scale: _Scale) -> Iterator[str]:
    yield label(_LEFT - 8, _TOP - 10, "kW", "quiet end")
    for share in (0.0, 0.5, 1.0):
        y = scale.y(scale.power_kw * share)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}"/>'
        yield label(_LEFT - 8, y + 4, f"{round(scale.power_kw * share, 2):g}", "quiet end")


def _time_axis(scale: _Scale, zone: ZoneInfo) -> Iterator[str]:
    for tick in ticks(scale.start, scale.end, zone, _MOST_TICKS):
        x = scale.x(tick.at)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_BOTTOM}"/>'
        yield label(x, _AXIS_Y, tick.text, "mid")
        if tick.new_date:
            yield label(x, _DATE_Y, tick.new_date, "quiet mid")


def _plan(stretches: Sequence[Stretch], scale: _Scale, zone: ZoneInfo) -> Iterator[str]:
    for stretch in stretches:
        left, width = scale.x(stretch.start), scale.x(stretch.end) - scale.x(stretch.start)
        words = f"<title>{clean(_sentence(stretch, zone))}</title>"
        top = scale.y(stretch.limit_kw)
        if top < _BOTTOM:
            yield (
                f'<rect class="plan {stretch.source}" x="{left}" y="{top}" width="{width:.2f}" '
                f'height="{_BOTTOM - top:.2f}">{words}</rect>'
            )
        yield (
            f'<rect class="{stretch.source}" x="{left}" y="{_RIBBON_TOP}" width="{width:.2f}" '
            f'height="{_RIBBON_HEIGHT}">{words}</rect>'
        )


def _step_line(stretches: Sequence[Stretch], scale: _Scale) -> str:
    steps = (f"V{scale.y(stretch.limit_kw)}H{scale.x(stretch.end)}" for stretch in stretches)
    return f"M{scale.x(stretches[0].start)} {scale.y(stretches[0].limit_kw)}{''.join(steps)}"


def _now_marker(now: datetime, scale: _Scale, zone: ZoneInfo) -> Iterator[str]:
    if scale.start <= now <= scale.end:
        x = scale.x(now)
        yield f'<line class="now" x1="{x}" x2="{x}" y1="{_TOP - 4}" y2="{_RIBBON_TOP + _RIBBON_HEIGHT}"/>'
        yield label(
            min(max(x, _LEFT + 32), _RIGHT - 32), _TOP - 10, f"now {now.astimezone(zone):%H:%M}", "now-text mid"
        )


def _legend(stretches: Sequence[Stretch], timezone: str) -> Iterator[str]:
    present = {stretch.source for stretch in stretches}
    entries = [("off-peak", "Off-peak"), *((key, name) for key, name in _SOURCE_NAMES.items() if key in present)]
    x = _LEFT
    for css, name in entries:
        yield f'<rect class="{css}" x="{x}" y="{_LEGEND_Y - 11}" width="14" height="14"/>'
        yield label(x + 20, _LEGEND_Y, name)
        x += 44 + 7 * len(name)
    yield label(_RIGHT, 28, f"Times: {timezone}", "quiet end")
