"""A session is a picture for a caller that accepts one."""

from xml.etree import ElementTree as ET

import pytest

from tests.support.functions.rig import NOW, Rig

ROUTE = "GET /assets/{asset}/sessions/{session}"
SVG = {"accept": "text/html, image/svg+xml;q=0.9"}


@pytest.fixture
def running(car: Rig) -> str:
    """The id of the session that runs."""
    tariff = {"off_peak": "17:00-20:00", "timezone": "UTC"}
    assert car.serve("preferences", "PUT /assets/{asset}/tariff", tariff, asset="car-1").status == 202
    seen = {
        "at": NOW.isoformat(),
        "plugged_in": True,
        "at_home": True,
        "charging": True,
        "power_kw": 3.5,
        "soc_pct": 41,
    }
    reply = car.serve("vehicle_events", "POST /assets/{asset}/observations", {"observations": [seen]}, asset="car-1")
    assert reply.status == 202, reply.text
    car.pump()
    car.clock.move(minutes=10)
    listed = car.serve("status", "GET /assets/{asset}/sessions", asset="car-1").body["sessions"]
    return str(listed[0]["session"])


def test_the_same_session_is_a_picture_if_the_caller_accepts_svg(car: Rig, running: str) -> None:
    shown = car.serve("status", ROUTE, asset="car-1", session=running).body
    reply = car.serve("status", ROUTE, headers=SVG, asset="car-1", session=running)
    assert (reply.status, reply.headers["content-type"]) == (200, "image/svg+xml")
    picture = ET.fromstring(reply.text)  # noqa: S314  the document is our own
    assert shown["text"] in (picture.findtext("{http://www.w3.org/2000/svg}title") or "")
    assert shown["off_peak"][0]["start"] == "2026-01-15T18:00:00Z", "since the tariff is known"
    assert [row["power_kw"] for row in shown["measured"] if row["power_kw"] is not None] == [3.5]
    assert [row["soc_pct"] for row in shown["measured"] if row["soc_pct"] is not None] == [41.0]


@pytest.mark.parametrize(("width", "status"), [("320", 200), ("2000", 200), ("319", 400), ("2001", 400), ("wide", 400)])
def test_a_picture_is_as_wide_as_asked_within_reason(car: Rig, running: str, width: str, status: int) -> None:
    reply = car.serve("status", ROUTE, headers=SVG, query={"width": width}, asset="car-1", session=running)
    assert reply.status == status
    assert status == 400 or f'viewBox="0 0 {width} ' in reply.text
    assert status == 200 or reply.problem == "malformed"
