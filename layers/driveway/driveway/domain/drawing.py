"""Parts of a picture as SVG: a document that a screen reader can read, text, and the ticks of a time axis. Pure."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from driveway.domain.wall_time import to_utc

# XML 1.0 §2.2: control characters and lone surrogates cannot be written at all, not even escaped.
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TICK_STEPS_MIN = (5, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 14400, 43200, 144000)
_DAY_MIN = 1440


class Tick(NamedTuple):
    """A mark of a time axis: its instant (aware UTC), its wall time, and the date where it is a new one."""

    at: datetime
    text: str
    new_date: str


def document(
    parts: Iterable[str], *, title: str, description: str, style: str, width: int, height: int, name: str
) -> str:
    """A whole SVG document. ``name`` makes its ids unique on a page with several pictures."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            f'aria-labelledby="{name}-title {name}-description">',
            f'<title id="{name}-title">{clean(title)}</title>',
            f'<desc id="{name}-description">{clean(description)}</desc>',
            f"<style>{style}</style>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
            *parts,
            "</svg>",
        ]
    )


def clean(text: str) -> str:
    """Text for XML: escaped, without what XML cannot hold."""
    return escape(_NOT_IN_XML.sub("", text))


def label(x: float, y: float, text: str, classes: str = "") -> str:
    """A line of text with its baseline at ``y``."""
    return f'<text x="{x:g}" y="{y:g}" class={quoteattr(classes)}>{clean(text)}</text>'


def tooltip(text: str) -> str:
    """The text that a pointer or a screen reader finds at a shape."""
    return f"<title>{clean(text)}</title>"


def ticks(start: datetime, end: datetime, zone: ZoneInfo, most: int) -> Iterator[Tick]:
    """Round wall times within the window, fewer than ``most``; the date with the first one and after midnight."""
    span_min = (end - start).total_seconds() / 60
    step_min = next((step for step in _TICK_STEPS_MIN if span_min / step < most), _TICK_STEPS_MIN[-1])
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
                yield Tick(at, f"{wall:%H:%M}", f"{wall:%a %d %b}" if wall.date() != shown else "")
                shown = wall.date()
