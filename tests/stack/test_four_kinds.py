"""A car of every kind through an off-peak window: started at one edge, stopped at the next, reported to the end."""

from datetime import datetime, timedelta

import pytest

from tests.support.stack.homes import KINDS, Home, Stack

OBEYING_S = 60
MACHINES_REAL_S = 2.0
# A register of whole Wh is half a Wh off at each edge of a half-hour, and so is the rounding of our report.
ROUNDING_WH = 2


@pytest.fixture(scope="module")
def homes(running: Stack) -> dict[str, Home]:
    """One home of each kind, plugged in at peak, unplugged after the off-peak window, and all of it reported."""
    tariff = running.off_peak((60, 150))
    intent = {"kwh": 30, "ready_by": running.hhmm(600)}
    homes = {kind: Home(running, f"kind-{kind}", kind, tariff, intent).join() for kind in KINDS}
    for home in homes.values():
        home.until(home.in_sync, "Axle has acknowledged everything")
        home.move("plug-in")
    for home in homes.values():
        home.until(lambda home=home: home.at_axle()["plugged_in"], "Axle acknowledged the plug-in")
    for home in homes.values():
        home.until(lambda home=home: len(home.car()["transitions"]) >= 2, "the car was started and stopped")
        home.move("plug-out")
    for home in homes.values():
        home.until(lambda home=home: not home.at_axle()["plugged_in"], "Axle acknowledged the plug-out")
        home.until(home.all_reported, "Axle accepted what the car charged")
    return homes


@pytest.mark.parametrize("kind", KINDS)
def test_it_charges_in_its_window_only_and_meets_both_edges(kind: str, homes: dict[str, Home], running: Stack) -> None:
    window = homes[kind].tariff["off_peak"][0]
    start, stop = homes[kind].car()["transitions"]
    assert (start["charging"], stop["charging"]) == (True, False)
    slack = timedelta(seconds=OBEYING_S) + running.clock.real_time(MACHINES_REAL_S)
    for change, edge in ((start, window["start"]), (stop, window["end"])):
        at = datetime.fromisoformat(change["at"])
        assert f"{at:%H:%M}" >= edge
        assert f"{at - slack:%H:%M}" <= edge


@pytest.mark.parametrize("kind", KINDS)
def test_each_value_is_sent_once(kind: str, homes: dict[str, Home]) -> None:
    sent = [entry for entry in homes[kind].timeline() if entry["event"] == "CommandSent"]
    actions = [entry["detail"]["action"] for entry in sent if "default" not in entry["detail"]["action"]]
    assert actions.count("start") <= 1
    assert actions.count("stop") <= 1 + (kind == "ocpp")


@pytest.mark.parametrize("kind", KINDS)
def test_each_half_hour_that_axle_accepted_is_what_the_cars_own_meter_shows(kind: str, homes: dict[str, Home]) -> None:
    truth_wh = {datetime.fromisoformat(start): wh for start, wh in homes[kind].car()["slots"].items() if wh > 0}
    accepted_wh = {datetime.fromisoformat(start): wh for start, wh in homes[kind].accepted_wh().items() if wh > 0}
    assert sum(truth_wh.values()) > 5000
    for start, wh in truth_wh.items():
        assert accepted_wh.get(start, 0) == pytest.approx(wh, abs=ROUNDING_WH)
