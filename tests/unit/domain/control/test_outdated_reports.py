"""A report of charging from before our stop does not stand in the way of the next start."""

from datetime import timedelta

from tests.support.domain.control_rig import MINUTE, OFF_PEAK_STARTS, Rig


def stopped_just_before_off_peak(*, obeyed: bool) -> Rig:
    """A car that is plugged in and charges at 23:20; our stop is accepted, and nothing is reported after that."""
    rig = Rig(sighting_every=None)
    rig.run(OFF_PEAK_STARTS - 10 * MINUTE - rig.now)
    rig.plug_in()
    rig.silent = True
    rig.fault = None if obeyed else "ignored"
    rig.run(4 * MINUTE)
    assert rig.actions() == ["stop"]
    assert rig.car.held is obeyed
    rig.fault = None
    return rig


def test_a_car_whose_stop_was_accepted_and_not_reported_is_started_at_the_edge() -> None:
    rig = stopped_just_before_off_peak(obeyed=True)
    rig.fault = "event_lost"  # the stop is not repeated, which would read the state
    rig.run(OFF_PEAK_STARTS - MINUTE - rig.now)
    rig.fault = None
    rig.run(timedelta(minutes=5))
    assert rig.actions()[-1] == "start"
    assert rig.car.charging


def test_a_car_that_reports_after_the_stop_that_it_charges_needs_no_start() -> None:
    rig = stopped_just_before_off_peak(obeyed=False)
    rig.fault = "event_lost"
    rig.silent = False
    rig.observe(plugged_in=True, charging=True)
    rig.run(OFF_PEAK_STARTS - MINUTE - rig.now)
    rig.fault = None
    rig.run(timedelta(minutes=10))
    assert "start" not in rig.actions()
