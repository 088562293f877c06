"""The picture of a session agrees with the session, whatever is in it, and can be read in words and without colour."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.status.picture.scale import MARGIN, NARROW, WIDE
from driveway.status.picture.session import session_svg

SVG = "{http://www.w3.org/2000/svg}"
BEGUN = datetime(2026, 1, 15, 22, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)


def text_of(at: datetime) -> str:
    return at.isoformat()


def half_hour(number: int, kwh: float | None, **more: Any) -> dict[str, Any]:
    row = {"start": text_of(BEGUN + number * HALF_HOUR), "energy_kwh": kwh, "quality": "measured", "flags": []}
    return row | {"axle_accepted_kwh": kwh, "axle_rejected": None} | more


def part(start_h: float, end_h: float, limit_kw: float | None, source: str = "axle") -> dict[str, Any]:
    start, end = (text_of(BEGUN + timedelta(hours=hours)) for hours in (start_h, end_h))
    return {"start": start, "end": end, "limit_kw": limit_kw, "source": source, "reason": "X", "left_alone": None}


def entry(hours: float, event: str, action: str | None = None, text: str = "Something happened.") -> dict[str, Any]:
    detail = None if action is None else {"action": action}
    return {
        "at": text_of(BEGUN + timedelta(hours=hours)),
        "event": event,
        "reason": "X",
        "text": text,
        "detail": detail,
    }


def session(**changes: Any) -> dict[str, Any]:
    """A night: plugged in 22:00 to 07:10, planned from 23:30, four half-hours of energy, one not measured."""
    limits = [part(0, 1.5, 0.0), part(1.5, 7.5, 7.4), part(7.5, 9, 0.0)]
    energies = [0.0, 0.0, 0.0, 3.7, 3.7, 2.0, None, 0.5]
    body = {
        "asset": "car-1",
        "timezone": "Europe/London",
        "asked_at": text_of(BEGUN + timedelta(hours=12)),
        "plugged_in_at": text_of(BEGUN),
        "opened_at": text_of(BEGUN),
        "closed_at": text_of(BEGUN + timedelta(hours=9, minutes=10)),
        "text": "Your car got 9.9 of 30.0 kWh by 07:00.",
        "departures": [{"ready_by": text_of(BEGUN + timedelta(hours=9)), "text": "It got 9.9 of 30.0 kWh."}],
        "half_hours": [half_hour(number, kwh) for number, kwh in enumerate(energies)],
        "off_peak": [part(1.5, 7.5, None)],
        "measured": [
            {"at": text_of(BEGUN + timedelta(hours=1.5)), "power_kw": 7.4, "soc_pct": None},
            {"at": text_of(BEGUN + timedelta(hours=3)), "power_kw": 0.0, "soc_pct": None},
            {"at": text_of(BEGUN), "power_kw": None, "soc_pct": 40.0},
        ],
        "in_force": limits,
        "plans": [{"at": text_of(BEGUN), "left_alone": None, "limits": limits}],
        "commands": [
            entry(0.1, "CommandSent", "stop"),
            entry(0.1, "CommandConfirmed"),
            entry(1.5, "CommandSent", "start"),
        ],
        "warnings": [entry(3, "ReadyByAtRisk", text="20 kWh will be missing.")],
    }
    return body | changes


def drawn(body: dict[str, Any], width: int = WIDE) -> ET.Element:
    return ET.fromstring(session_svg(body, width))  # noqa: S314  the document is our own


def of_class(root: ET.Element, name: str, tag: str = "*") -> list[ET.Element]:
    return [found for found in root.iter(tag) if name in found.get("class", "").split()]


def bars(root: ET.Element) -> list[ET.Element]:
    return of_class(root, "energy")


def tooltips(root: ET.Element) -> list[str]:
    return [found.text or "" for found in root.iter(f"{SVG}title")]


def number(element: ET.Element, attribute: str) -> float:
    return float(element.get(attribute, "nan"))


def test_each_half_hour_with_energy_is_a_bar_as_high_as_its_energy() -> None:
    found = bars(drawn(session()))
    heights = [number(bar, "height") for bar in found]
    assert [height / heights[0] * 3.7 for height in heights] == pytest.approx([3.7, 3.7, 2.0, 0.5], abs=0.02)
    lefts = [number(bar, "x") for bar in found]
    assert lefts[1] - lefts[0] == pytest.approx(lefts[2] - lefts[1], abs=0.2)
    assert lefts[3] - lefts[2] == pytest.approx(2 * (lefts[1] - lefts[0]), abs=0.3), "one half-hour lies between"


def test_one_scale_holds_energy_and_power() -> None:
    root = drawn(session())
    (limit,) = of_class(root, "limit", f"{SVG}path")[:1]
    levels = {float(found) for found in re.findall(r"V([\d.]+)", limit.get("d", ""))}
    assert min(levels) == pytest.approx(number(bars(root)[0], "y"), abs=0.2), "7.4 kW is 3.7 kWh in a half-hour"


def test_what_axle_answered_shows_in_shape_and_words_and_not_in_colour_alone() -> None:
    rows = [half_hour(0, 1.0), half_hour(1, 1.0, axle_accepted_kwh=None), half_hour(2, 1.0, axle_rejected="Too high")]
    root = drawn(session(half_hours=rows))
    assert [bar.get("class") for bar in bars(root)] == ["energy accepted", "energy waiting", "energy refused"]
    style = root.findtext(f"{SVG}style") or ""
    assert "url(#hatch)" in style
    assert "url(#cross)" in style
    assert any("Axle refused it: Too high" in words for words in tooltips(root))


def test_what_is_not_measured_is_a_question_mark_and_no_bar() -> None:
    root = drawn(session(half_hours=[half_hour(0, None), half_hour(1, 1.0)]))
    assert len(bars(root)) == 1
    assert any(words == "Thu 22:00 not measured" for words in tooltips(root))
    assert "Thu 22:00: not measured." in (root.findtext(f"{SVG}desc") or "")


def test_the_description_says_the_night_in_sentences() -> None:
    words = drawn(session()).findtext(f"{SVG}desc") or ""
    assert words.startswith("Plugged in from Thu 22:00 until Fri 07:10. Ready by Fri 07:00: It got 9.9 of 30.0 kWh.")
    assert "Thu 23:30 to Fri 05:30: charging at up to 7.4 kW was planned." in words
    assert "Thu 23:30: 3.700 kWh, accepted by Axle." in words
    assert words.endswith("Fri 01:00: 20 kWh will be missing.")


def test_commands_and_warnings_are_marked_where_they_were_and_say_what_they_are() -> None:
    root = drawn(session())
    marks = [found for found in root.iter(f"{SVG}path") if found.get("transform") and list(found)]
    words = [found.findtext(f"{SVG}title") for found in marks]
    assert words == [
        "Thu 22:06 Something happened.",
        "Thu 23:30 Something happened.",
        "Fri 01:00 20 kWh will be missing.",
    ]
    assert len({found.get("d") for found in marks}) == 3, "stop, start and warning have shapes of their own"


def test_marks_that_meet_stand_in_two_rows() -> None:
    root = drawn(session(commands=[entry(1, "CommandSent", "stop"), entry(1.05, "CommandSent", "start")], warnings=[]))
    marks = [found.get("transform", "") for found in root.iter(f"{SVG}path") if list(found) and found.get("transform")]
    assert len({transform.split()[1] for transform in marks}) == 2


def test_a_hostile_name_is_text() -> None:
    hostile = "<script>alert(1)</script>\x00&\ud800"
    root = drawn(session(asset=hostile, text=hostile, warnings=[entry(1, "NeedsAttention", text=hostile)]))
    assert list(root.iter(f"{SVG}script")) == []
    assert "<script>alert(1)</script>&" in "".join(tooltips(root))


def test_a_session_that_runs_ends_at_the_departure_that_is_near() -> None:
    ahead = [{"ready_by": text_of(BEGUN + timedelta(hours=hours)), "text": "Ahead."} for hours in (9, 33)]
    running = session(closed_at=None, asked_at=text_of(BEGUN + timedelta(hours=11)), departures=ahead)
    root = drawn(running)
    assert len(of_class(root, "ready", f"{SVG}line")) == 1
    assert "and still is" in (root.findtext(f"{SVG}desc") or "")
    (plugged,) = of_class(root, "plugged", f"{SVG}rect")[:1]
    assert number(plugged, "width") > 0.8 * (WIDE - 100)


def test_the_title_has_the_dates_of_the_sites_zone() -> None:
    assert drawn(session()).findtext(f"{SVG}title") == (
        "car-1, Thu 15 Jan 2026 to Fri 16 Jan: Your car got 9.9 of 30.0 kWh by 07:00."
    )
    assert "car-1, Fri 16 Jan 2026:" in (drawn(session(timezone="Pacific/Auckland")).findtext(f"{SVG}title") or "")


def test_a_narrow_picture_wraps_the_sentence_and_has_fewer_times() -> None:
    body = session(text="Your car got 9.9 of 30.0 kWh by 07:00. " * 4)
    wide, narrow = drawn(body), drawn(body, NARROW)
    times = [
        sum(bool(re.fullmatch(r"\d\d:\d\d", one.text or "")) for one in root.iter(f"{SVG}text"))
        for root in (wide, narrow)
    ]
    assert times[0] > times[1] >= 2
    longest = max(len(one.text or "") for one in narrow.iter(f"{SVG}text"))
    assert longest * 6.4 <= NARROW
    assert narrow.get("viewBox", "").split()[2] == str(NARROW)


@pytest.mark.parametrize("width", [320, NARROW, WIDE])
def test_dates_have_room(width: int) -> None:
    dates = [
        one for one in drawn(session(), width).iter(f"{SVG}text") if re.fullmatch(r"\w{3} \d\d \w{3}", one.text or "")
    ]
    places = [number(one, "x") for one in dates]
    assert places
    assert all(following - x >= 78 for x, following in pairwise(places))


def test_nothing_but_what_is_shown_is_in_the_legend() -> None:
    bare = session(half_hours=[], off_peak=[], measured=[], in_force=[], plans=[], commands=[], warnings=[])
    words = {one.text for one in drawn(bare).iter(f"{SVG}text")}
    assert "plugged in" in words
    assert not words & {"off-peak", "measured kW", "limit in force", "Axle's plan", "warning", "start"}


@st.composite
def sessions(draw: st.DrawFn) -> dict[str, Any]:
    kwh = st.one_of(st.none(), st.floats(0, 60, allow_nan=False))
    count = draw(st.integers(0, 130))
    rows = [half_hour(n, draw(kwh), axle_accepted_kwh=draw(kwh)) for n in range(0, count, max(1, count // 12))]
    edges = sorted(draw(st.lists(st.floats(-2, 60), min_size=2, max_size=8, unique=True)))
    limits = [part(a, b, draw(kwh)) for a, b in pairwise(edges)]
    closed = draw(st.one_of(st.none(), st.floats(0, 60)))
    return session(
        half_hours=rows,
        in_force=limits,
        plans=[{"at": text_of(BEGUN), "left_alone": None, "limits": limits}],
        closed_at=None if closed is None else text_of(BEGUN + timedelta(hours=closed)),
        timezone=draw(st.sampled_from(["Europe/London", "Australia/Lord_Howe", "America/St_Johns"])),
    )


@given(sessions(), st.integers(320, 1200))
def test_every_session_is_a_picture_with_everything_inside_its_frame(body: dict[str, Any], width: int) -> None:
    root = drawn(body, width)
    (frame,) = of_class(root, "frame", f"{SVG}rect")
    left, top = number(frame, "x"), number(frame, "y")
    right, bottom = left + number(frame, "width"), top + number(frame, "height")
    for bar in bars(root):
        assert left - 1 <= number(bar, "x") <= number(bar, "x") + number(bar, "width") <= right + 2
        assert top - 0.2 <= number(bar, "y") <= number(bar, "y") + number(bar, "height") <= bottom + 0.2
    assert len({found.get("id") for found in root.iter() if found.get("id")}) == sum(
        1 for found in root.iter() if found.get("id")
    )


def test_the_picture_begins_half_an_hour_before_the_plug_in() -> None:
    (plugged,) = of_class(drawn(session()), "plugged", f"{SVG}rect")[:1]
    span_h = 9 + 10 / 60 + 2 * MARGIN / timedelta(hours=1)
    share = (number(plugged, "x") - 52) / (WIDE - 52 - 48)
    assert share == pytest.approx(0.5 / span_h, abs=0.002)
