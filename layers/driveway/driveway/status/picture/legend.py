"""The legend of a session's picture: what is in it, and nothing else. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from driveway.domain.drawing import label
from driveway.status.picture.scale import CHARACTER, RIBBON, SHAPES, Scale, acceptance, latest_of_axle, marked


def legend_top(scale: Scale) -> float:
    """Where the legend begins."""
    return scale.bottom + RIBBON + 58


def _entries(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    kinds = {acceptance(one)[0] for one in body["half_hours"] if one["energy_kwh"]}
    names = {"accepted": "kWh, accepted by Axle", "waiting": "kWh, not accepted yet", "refused": "kWh, refused by Axle"}
    yield from (
        (f'<rect class="{kind}" width="14" height="12" y="-11"/>', name)
        for kind, name in names.items()
        if kind in kinds
    )
    if any(one["energy_kwh"] is None for one in body["half_hours"]):
        yield '<text class="unknown" x="4">?</text>', "not measured"
    yield from _lines(body)
    if body["off_peak"]:
        yield '<rect class="off-peak" width="14" height="12" y="-11"/>', "off-peak"
    yield '<rect class="plugged" width="14" height="8" y="-9"/>', "plugged in"
    kinds = {kind for kind, _ in marked(body)}
    for kind, (shape, name) in SHAPES.items():
        if kind in kinds:
            css = "warning" if kind in {"warning", "failed"} else "mark"
            yield f'<path class="{css}" transform="translate(7 -5)" d="{shape}"/>', name


def _lines(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    lines = [("limit", "limit in force", bool(body["in_force"])), ("plan", "Axle's plan", bool(latest_of_axle(body)))]
    lines += [
        (css, name, any(one[value] is not None for one in body["measured"]))
        for css, name, value in (("power", "measured kW", "power_kw"), ("soc", "state of charge", "soc_pct"))
    ]
    yield from ((f'<path class="{css}" d="M0 -4H18"/>', name) for css, name, shown in lines if shown)


def _placed(body: Mapping[str, Any], scale: Scale) -> Iterator[tuple[float, int, str, str]]:
    x, row = 12.0, 0
    for symbol, name in _entries(body):
        wide = 40 + CHARACTER * len(name)
        if x + wide > scale.width and x > 12:
            x, row = 12.0, row + 1
        yield x, row, symbol, name
        x += wide


def rows(body: Mapping[str, Any], scale: Scale) -> int:
    """How many rows the legend has."""
    return max(row for _, row, _, _ in _placed(body, scale)) + 1


def legend(body: Mapping[str, Any], scale: Scale) -> Iterator[str]:
    """The symbols with their names."""
    for x, row, symbol, name in _placed(body, scale):
        y = legend_top(scale) + 20 * row
        yield f'<g transform="translate({x:g} {y:g})">{symbol}</g>'
        yield label(x + 24, y, name)
