"""A car that should charge and does not report its plug: the driver is informed once, after a state read."""

from datetime import timedelta

from driveway.domain.twin.reasons import Reason
from tests.support.domain.control_rig import MINUTE, OFF_PEAK_STARTS, Rig

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def unreported() -> Rig:
    """A car at home of which neither reports nor state reads give the plug."""
    rig = Rig(sighting_every=None, silent=True)
    rig.observe(reachable=True)
    return rig


def notices(rig: Rig) -> list[str]:
    return [f"{one.at:%d %H:%M}" for one in rig.entries_of("NeedsAttention") if one.reason == Reason.PLUG_UNKNOWN]


def test_the_driver_is_informed_once_when_the_car_should_charge() -> None:
    rig = unreported()
    rig.run(OFF_PEAK_STARTS - MINUTE - rig.now)
    assert notices(rig) == []
    rig.run(3 * DAY)
    assert notices(rig) == ["24 23:30"]
    assert rig.sent == []


def test_a_charge_now_gives_the_notice_at_once() -> None:
    rig = unreported()
    rig.run(HOUR)
    rig.charge_now(60)
    rig.run(MINUTE)
    assert notices(rig) == ["24 17:30"]


def test_the_state_is_read_before_the_driver_is_informed() -> None:
    rig = Rig(sighting_every=None, silent=True)
    rig.car.plugged = True
    rig.charge_now(60)
    rig.silent = False
    rig.run(5 * MINUTE)
    assert notices(rig) == []
    assert rig.car.charging


def test_a_read_without_an_answer_leaves_the_notice() -> None:
    rig = unreported()
    rig.fault = "out"
    rig.charge_now(60)
    rig.run(30 * MINUTE)
    assert len(notices(rig)) == 1


def test_a_car_that_is_not_managed_gives_no_notice() -> None:
    rig = unreported()
    rig.link(enrolled=False)
    rig.run(2 * DAY)
    assert notices(rig) == []
