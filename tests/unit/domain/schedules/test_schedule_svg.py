import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.schedules.default_schedule import Interval
from driveway.domain.schedules.effective_schedule import Source, Stretch
from driveway.domain.schedules.svg import schedule_svg
from driveway.domain.twin.reasons import Reason

SVG = "{http://www.w3.org/2000/svg}"
START = datetime(2026, 4, 14, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(*plan: tuple[float, float, Source]) -> list[Stretch]:
    """Contiguous stretches from START on, by length in hours, limit and source."""
    stretches, at = [], START
    for length, limit_kw, source in plan:
        stretches.append(Stretch(at, at + length * HOUR, limit_kw, source, Reason.AXLE_SCHEDULE))
        at += length * HOUR
    return stretches


def drawn(
    stretches: list[Stretch], off_peak: list[Interval] | None = None, title: str = "car-1", now: datetime = START
) -> ET.Element:
    text = schedule_svg(stretches, off_peak or [], now=now, timezone="Europe/London", power_kw=7.4, title=title)
    return ET.fromstring(text)  # noqa: S314  the document is our own


def of_class(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


NIGHT = hours((4, 0.0, "default"), (2, 0.0, "axle"), (4, 7.4, "axle"), (14, 0.0, "default"))


def test_the_picture_has_a_description_in_words() -> None:
    root = drawn(NIGHT, title="Night of car-1")

    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Night of car-1"
    description = root.findtext(f"{SVG}desc") or ""
    assert "Wed 15 Apr 01:00 to Wed 15 Apr 05:00: charge at up to 7.4 kW (Axle's schedule)" in description
    assert description.count("hold") == 3


def test_charging_is_as_wide_as_it_is_long_and_as_high_as_its_limit() -> None:
    root = drawn(hours((6, 7.4, "axle"), (6, 3.7, "default"), (12, 0.0, "default")))
    full, half = of_class(root, "plan")

    assert float(full.get("width", 0)) == pytest.approx(float(half.get("width", 0)))
    assert float(full.get("height", 0)) == pytest.approx(2 * float(half.get("height", 0)))
    assert float(full.get("x", 0)) + float(full.get("width", 0)) == pytest.approx(float(half.get("x", 0)))


def test_off_peak_bands_are_cut_to_the_picture() -> None:
    root = drawn(NIGHT, [(START - HOUR, START + HOUR), (START + 30 * HOUR, START + 31 * HOUR)])
    bands = [element for element in of_class(root, "off-peak") if element.find(f"{SVG}title") is not None]

    assert len(bands) == 1
    assert float(bands[0].get("width", 0)) == pytest.approx((936 - 64) / 24, abs=0.02)


def test_now_is_marked_inside_the_window_only() -> None:
    assert "now 21:00" in texts(drawn(NIGHT, now=START + 2 * HOUR))
    assert of_class(drawn(NIGHT, now=START - HOUR), "now") == []


def test_the_axis_shows_local_wall_time_and_the_dates() -> None:
    shown = texts(drawn(NIGHT))

    assert "00:00" in shown
    assert "Wed 15 Apr" in shown


def test_the_legend_names_the_sources_that_occur() -> None:
    shown = texts(drawn(hours((1, 7.4, "charge_now"), (1, 0.0, "axle"))))

    assert "Charge now" in shown
    assert "Minimum state of charge" not in shown


def test_a_title_cannot_break_out_of_the_document() -> None:
    title = '</title><script>alert("1")</script>&\x00\ud800'
    root = drawn(NIGHT, title=title)

    assert root.findtext(f"{SVG}title") == '</title><script>alert("1")</script>&'
    assert list(root.iter(f"{SVG}script")) == []


def test_a_picture_without_a_plan_has_a_sentence() -> None:
    assert "Nothing is planned." in texts(drawn([]))


def test_the_night_the_clock_goes_back_shows_each_wall_time_once() -> None:
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    night = [Stretch(start, start + 8 * HOUR, 7.4, "axle", Reason.AXLE_SCHEDULE)]
    shown = [text for text in texts(drawn(night)) if re.fullmatch(r"\d\d:00", text)]

    assert shown == ["23:00", "00:00", "01:00", "02:00", "03:00", "04:00", "05:00", "06:00"]


LENGTHS = st.sampled_from([1 / 60, 0.5, 1, 6, 24, 24 * 20, 24 * 400])
PLANS = st.lists(
    st.tuples(LENGTHS, st.floats(0, 10), st.sampled_from(["axle", "default", "charge_now", "minimum_soc"])),
    min_size=1,
    max_size=6,
)


@given(plan=PLANS, title=st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_every_schedule_gives_a_well_formed_picture_with_a_readable_axis(
    plan: list[tuple[float, float, Source]], title: str
) -> None:
    root = drawn(hours(*plan), title=title)
    ticks = [element for element in of_class(root, "mid") if re.fullmatch(r"\d\d:\d\d", element.text or "")]

    assert len(ticks) <= 14
    for element in root.iter(f"{SVG}rect"):
        assert 0 <= float(element.get("x", 0)) <= 960
        assert float(element.get("width", 0)) >= 0
