"""A gateway's page with 200 in place of Axle's answer acknowledges nothing: it is a doubt, and is sent again."""

from typing import Any

import pytest

from simulators.common import Fault
from tests.support.functions.rig import Rig
from tests.support.functions.sites import put, site_body

PAGE = "<html>maintenance</html>"


@pytest.fixture
def home(rig: Rig) -> Rig:
    """A home that was onboarded, of which Axle knows everything."""
    assert put(rig, site_body()).status == 201
    rig.pump()
    return rig


def intent_at_axle(rig: Rig) -> Any:
    (asset,) = rig.axle.world.assets.values()
    return asset.intent.energy_required_kwh if asset.intent else None


def set_kwh(rig: Rig, kwh: float) -> None:
    reply = rig.serve("preferences", "PUT /assets/{asset}/intent", {"kwh": kwh, "ready_by": "07:00"}, asset="car-1")
    assert reply.status == 202
    rig.pump()


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_intent_whose_answer_is_a_page_is_in_doubt_and_sent_again(home: Rig, when: str) -> None:
    home.axle.faults.add(Fault(path="/event/intent", page=PAGE, count=1, when=when))
    set_kwh(home, 11.0)
    axle = home.serve("status", "GET /assets/{asset}", asset="car-1").body["axle"]
    assert axle["in_sync"] is False
    assert "200" in axle["last_error"]
    home.clock.move(minutes=10)
    home.look("axle", "car-1")
    assert intent_at_axle(home) == 11.0
    assert home.serve("status", "GET /assets/{asset}", asset="car-1").body["axle"]["in_sync"] is True


def test_a_value_that_was_taken_back_is_sent_again_because_axle_may_have_the_one_before(home: Rig) -> None:
    before = intent_at_axle(home)
    home.axle.faults.add(Fault(path="/event/intent", page=PAGE, count=1, when="after"))
    set_kwh(home, 30.0)
    assert intent_at_axle(home) == 30.0
    set_kwh(home, before)
    home.clock.move(minutes=10)
    home.look("axle", "car-1")
    assert intent_at_axle(home) == before


def test_a_page_with_another_status_than_a_success_is_no_acknowledgement_either(home: Rig) -> None:
    home.axle.faults.add(Fault(path="/event/intent", page=PAGE, status=503, count=1))
    set_kwh(home, 11.0)
    assert home.serve("status", "GET /assets/{asset}", asset="car-1").body["axle"]["in_sync"] is False


def test_an_onboarding_whose_answer_is_a_page_is_answered_503_and_heals_when_repeated(rig: Rig) -> None:
    rig.axle.faults.add(Fault(path="/entities/site/onboard", page=PAGE, count=1, when="after"))
    assert put(rig, site_body()).status == 503
    assert put(rig, site_body()).status in {200, 201}


def test_a_token_whose_answer_is_a_page_is_asked_for_again(home: Rig) -> None:
    home.axle.tokens.revoke_all()
    home.axle.faults.add(Fault(path="/auth/token-form", page=PAGE, count=1))
    set_kwh(home, 11.0)
    home.clock.move(minutes=10)
    home.look("axle", "car-1")
    assert intent_at_axle(home) == 11.0
