"""The night as a picture: off-peak, the energy of each half-hour, the commands."""

from datetime import datetime, timedelta
from html import escape
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 960, 360, 60, 60, 300
FIRST_HOUR, HOURS = 21, 11


def picture(result: dict[str, Any], evening: datetime) -> str:
    """An SVG of the night that begins on ``evening``'s date (UTC): bars are half-hours that Axle accepted."""
    begin = evening.replace(hour=FIRST_HOUR)
    most_kwh = max([0.5, *(slot["kwh"] for slot in result["slots"])])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" role="img">',
        "<title>One night of charging</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="28" font-size="18">{escape(_headline(result))}</text>',
        _band(begin, evening.replace(hour=23, minute=30), timedelta(hours=6)),
        *_axis(begin),
        *(_bar(begin, slot, most_kwh) for slot in result["slots"] if slot["kwh"] > 0),
        *(_mark(begin, command) for command in result["commands"]),
        f'<text x="{LEFT}" y="{HEIGHT - 8}" font-size="12" fill="#666">Bars: energy per half-hour as accepted by Axle, '
        f"up to {most_kwh:.2f} kWh. Shaded: off-peak. Lines: commands to the car.</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _headline(result: dict[str, Any]) -> str:
    return f"{result['car_energy_kwh']} kWh charged off-peak, {result['reported_kwh']} kWh accepted by Axle"


def _x(begin: datetime, at: datetime) -> float:
    return LEFT + (at - begin) / timedelta(hours=HOURS) * (WIDTH - LEFT - 20)


def _band(begin: datetime, start: datetime, length: timedelta) -> str:
    left, right = _x(begin, start), _x(begin, start + length)
    return f'<rect x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{BOTTOM - TOP}" fill="#e3f4e6"/>'


def _axis(begin: datetime) -> list[str]:
    lines = [f'<line x1="{LEFT}" y1="{BOTTOM}" x2="{WIDTH - 20}" y2="{BOTTOM}" stroke="#333"/>']
    for hour in range(HOURS + 1):
        at = begin + timedelta(hours=hour)
        x = _x(begin, at)
        lines.append(f'<text x="{x:.1f}" y="{BOTTOM + 18}" font-size="12" text-anchor="middle">{at:%H:%M}</text>')
    return lines


def _bar(begin: datetime, slot: dict[str, Any], most_kwh: float) -> str:
    start = datetime.fromisoformat(slot["start"])
    left, right = _x(begin, start), _x(begin, start + timedelta(minutes=30))
    height = slot["kwh"] / most_kwh * (BOTTOM - TOP - 20)
    return (
        f'<rect x="{left + 1:.1f}" y="{BOTTOM - height:.1f}" width="{right - left - 2:.1f}" height="{height:.1f}" '
        f'fill="#2f7d4f"><title>{start:%H:%M} {slot["kwh"]} kWh</title></rect>'
    )


def _mark(begin: datetime, command: dict[str, Any]) -> str:
    x = _x(begin, datetime.fromisoformat(command["at"]))
    return (
        f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{BOTTOM}" stroke="#b3471d" stroke-dasharray="4 3"/>'
        f'<text x="{x:.1f}" y="{TOP - 12}" font-size="12" text-anchor="middle" fill="#b3471d">'
        f"{command['action']}</text>"
    )
