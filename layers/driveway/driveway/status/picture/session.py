"""A session as a picture: what was planned, what the car got, and what happened, from the body of its route. Pure.

Readable without colour (each series has a shape or a pattern of its own), by colour-blind people (the palette is that
of Okabe and Ito), and by a screen reader: the description says all of it in sentences.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from driveway.domain.drawing import document, label
from driveway.status.picture.legend import legend, legend_top, rows
from driveway.status.picture.scale import (
    CHARACTER,
    LEFT,
    MARK,
    MARK_ROWS,
    PLOT,
    WIDE,
    Scale,
    acceptance,
    clock,
    marked,
    most_kwh,
    window,
)
from driveway.status.picture.series import bars, departures, grid, lines, marks, off_peak, plugged, time_axis

_LINE, _MARKS = 18, 4 + MARK * MARK_ROWS
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#1f2933}.title{font-size:16px;font-weight:600}"
    ".quiet{fill:#52606d}.end{text-anchor:end}.mid{text-anchor:middle}"
    ".off-peak{fill:#dcefe6}.grid{stroke:#d5dbe1}.frame{stroke:#7b8794;fill:none}"
    ".accepted{fill:#0072b2}.waiting{fill:url(#hatch);stroke:#0072b2}.refused{fill:url(#cross);stroke:#d55e00}"
    ".unknown{fill:#52606d;font-weight:600}.limit{stroke:#000;stroke-width:2;fill:none}"
    ".plan{stroke:#d55e00;stroke-width:2;stroke-dasharray:6 4;fill:none}"
    ".power{stroke:#cc79a7;stroke-width:2;stroke-dasharray:1.5 2.5;fill:none}"
    ".soc{stroke:#009e73;stroke-width:1.5;stroke-dasharray:10 3 2 3;fill:none}.soc-text{fill:#00664a}"
    ".plugged{fill:#52606d}.ready{stroke:#b3261e;stroke-width:2}.ready-text{fill:#b3261e;font-weight:600}.ready-text,.soc-text,.unknown{paint-order:stroke;stroke:#fff;stroke-width:3px}"
    ".mark{fill:#1f2933}.warning{fill:#d55e00}"
)
_PATTERNS = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#fff"/><line x1="0" y1="0" x2="0" y2="6" stroke="#0072b2" stroke-width="3"/>'
    '</pattern><pattern id="cross" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" '
    'fill="#fff"/><path d="M0 0L6 6M6 0L0 6" stroke="#d55e00" stroke-width="1.2"/></pattern></defs>'
)


def session_svg(body: Mapping[str, Any], width: int = WIDE) -> str:
    """The SVG document of a session, from the body of ``GET /assets/{asset}/sessions/{session}``.

    Args:
        body: as it is answered; its instants are ISO texts with an offset.
        width: in pixels of the drawing; ``NARROW`` wraps the sentence and thins the axis for a phone.
    """
    zone = ZoneInfo(body["timezone"])
    start, end = window(body)
    sentence = _wrapped(body["text"], int((width - LEFT - 8) / CHARACTER))
    top = 36 + _LINE * (1 + len(sentence)) + _MARKS
    scale = Scale(start, end, most_kwh(body), width, top)
    title = f"{body['asset']}, {_dates(start, end, zone)}"
    parts = [
        _PATTERNS,
        label(12, 26, title, "title"),
        *(label(12, 26 + _LINE * (line + 1), text) for line, text in enumerate(sentence)),
        *off_peak(body, scale, zone),
        *grid(scale),
        *time_axis(scale, zone),
        *bars(body, scale, zone),
        *lines(body, scale),
        *departures(body, scale, zone),
        *plugged(body, scale, zone),
        *marks(body, scale, zone),
        f'<rect class="frame" x="{LEFT}" y="{scale.top:g}" width="{scale.right - LEFT:g}" height="{PLOT}"/>',
        *legend(body, scale),
        label(12, legend_top(scale) + 20 * rows(body, scale), f"Times: {body['timezone']}", "quiet"),
    ]
    return document(
        parts,
        title=f"{title}: {body['text']}",
        description=" ".join(_sentences(body, zone)),
        style=_STYLE,
        width=width,
        height=round(legend_top(scale) + 20 * rows(body, scale) + 12),
        name="session",
    )


def _dates(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    first, last = start.astimezone(zone), end.astimezone(zone)
    return f"{first:%a %d %b %Y}" + (f" to {last:%a %d %b}" if last.date() != first.date() else "")


def _wrapped(text: str, most: int) -> list[str]:
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if len(joined) <= most:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def _sentences(body: Mapping[str, Any], zone: ZoneInfo) -> Iterator[str]:
    until = "and still is" if body["closed_at"] is None else f"until {clock(body['closed_at'], zone)}"
    yield f"Plugged in from {clock(body['plugged_in_at'], zone)} {until}."
    for one in body["departures"]:
        if one["ready_by"] is not None:
            yield f"Ready by {clock(one['ready_by'], zone)}: {one['text']}"
    for part in body["in_force"]:
        if part["limit_kw"] is not None:
            does = f"charging at up to {part['limit_kw']:g} kW" if part["limit_kw"] > 0 else "no charging"
            yield f"{clock(part['start'], zone)} to {clock(part['end'], zone)}: {does} was planned."
    for one in body["half_hours"]:
        if one["energy_kwh"] is None:
            yield f"{clock(one['start'], zone)}: not measured."
        elif one["energy_kwh"] > 0:
            yield f"{clock(one['start'], zone)}: {one['energy_kwh']:.3f} kWh, {acceptance(one)[1]}."
    for _, entry in marked(body):
        yield f"{clock(entry['at'], zone)}: {entry['text']}"
