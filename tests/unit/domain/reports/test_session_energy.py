"""The energy of a session is the sum of its half-hours' parts. The app receives it once, and again when it changes."""

from datetime import timedelta

import pytest

from driveway.domain.metering.recording import Metered
from driveway.domain.metering.samples import Rating, Sample
from driveway.domain.metering.slot import GRACE
from driveway.domain.reports.session_energy import (
    metered_sessions,
    session_energies,
    sessions_due,
    unknown_half_hours,
    with_session_energy,
    with_sessions_reported,
)
from driveway.domain.twin import ChargeNow, Presence, Session, SessionEnergy, Twin
from driveway.values import replace
from tests.support.domain.metering_shelf import Shelf
from tests.support.domain.meters import ASSET_W, EVENING, TWIN, at

CLOSED = at(60)
OVER = CLOSED + GRACE
CAR = Metered("car-1", "axle-1", Rating(ASSET_W, travels=True))


def with_session(session: Session) -> Twin:
    is_open = session.closed_at is None
    presence = Presence(session=session) if is_open else Presence(last_session=session)
    return replace(TWIN, presence=presence)


def closed(energy_wh: int) -> Twin:
    """A twin whose session is over, with this energy in its half-hours."""
    twin = with_session(Session("s", EVENING, EVENING, closed_at=CLOSED))
    return with_session_energy(twin, {"s": energy_wh}, now=CLOSED)


def news(twin: Twin) -> list[tuple[str, dict[str, object]]]:
    return [(entry.event, dict(entry.detail or {})) for entry in twin.news]


def reported(twin: Twin, minutes: float) -> Twin:
    """The twin as it is when its reports are looked at so long after the session; the news of before are gone."""
    return with_sessions_reported(replace(twin, news=()), CLOSED + timedelta(minutes=minutes))


def test_two_sessions_that_meet_in_one_half_hour_have_their_own_parts_of_it() -> None:
    shelf = Shelf()
    power = [Sample(at(m), "power", w, tells_every_change=True) for m, w in ((0, 6000), (10, 0), (20, 3600), (40, 0))]
    plugs = [Sample(at(m), k) for m, k in ((0, "plugged"), (12, "unplugged"), (18, "plugged"), (45, "unplugged"))]
    shelf.record(CAR, [*power, *plugs], now=at(600))
    slots = [slot for _, slot in sorted(shelf.slots.items())]
    sessions = [SessionEnergy("first", at(0)), SessionEnergy("second", at(18))]
    assert session_energies(sessions, slots) == {"first": 1000, "second": 1200}
    assert [slot.energy_wh for slot in slots] == [1600, 600]


def test_a_session_is_reported_once_when_the_grace_is_over() -> None:
    twin = closed(7000)
    assert sessions_due(twin) == OVER
    assert news(reported(twin, 9)) == []
    after = reported(twin, 10)
    assert news(after) == [("SessionCompleted", {"energy_kwh": 7.0, "session_id": "s"})]
    assert sessions_due(after) is None
    assert news(reported(after, 300)) == []


def test_a_value_before_the_report_changes_what_is_reported_and_corrects_nothing() -> None:
    twin = with_session_energy(closed(7000), {"s": 9900}, now=CLOSED + timedelta(minutes=1))
    assert sessions_due(twin) == OVER
    assert news(reported(twin, 10)) == [("SessionCompleted", {"energy_kwh": 9.9, "session_id": "s"})]


def test_a_late_value_is_reported_as_a_correction_and_a_burst_of_them_as_one() -> None:
    twin = reported(closed(7000), 10)
    for minutes, energy_wh in ((60, 8000), (61, 9000), (62, 9900)):
        twin = with_session_energy(twin, {"s": energy_wh}, now=CLOSED + timedelta(minutes=minutes))
    assert sessions_due(twin) == CLOSED + timedelta(minutes=60) + GRACE
    twin = reported(twin, 70)
    assert news(twin) == [("SessionCorrected", {"energy_kwh": 9.9, "session_id": "s", "energy_before_kwh": 7.0})]
    assert sessions_due(twin) is None


def test_a_late_value_that_is_taken_back_corrects_nothing() -> None:
    twin = reported(closed(7000), 10)
    for minutes, energy_wh in ((60, 8000), (61, 7000)):
        twin = with_session_energy(twin, {"s": energy_wh}, now=CLOSED + timedelta(minutes=minutes))
    assert sessions_due(twin) is None
    assert news(reported(twin, 200)) == []


def test_a_session_whose_plug_out_was_false_is_not_reported_again_if_it_took_nothing_more() -> None:
    twin = reported(closed(7000), 10)
    reopened = replace(twin, presence=Presence(session=Session("s", EVENING, EVENING, false_ends=(CLOSED,))))
    again = replace(twin, presence=Presence(last_session=Session("s", EVENING, EVENING, closed_at=at(90))))
    for one in (reopened, again):
        as_before = replace(one, meter=twin.meter)
        twin = replace(as_before, meter=replace(twin.meter, sessions=metered_sessions(as_before)))
    assert sessions_due(twin) == at(90) + GRACE
    assert news(reported(twin, 60)) == []


def test_what_a_charger_draws_outside_of_sessions_is_no_sessions_energy() -> None:
    shelf, charger = Shelf(), Metered("car-1", "axle-1", Rating(ASSET_W))
    power = [Sample(at(m), "power", w, tells_every_change=True) for m, w in ((0, 6000), (30, 0))]
    shelf.record(charger, power, now=at(600))
    slots = [slot for _, slot in sorted(shelf.slots.items())]
    assert (sum(slot.energy_wh for slot in slots), [slot.sessions_wh for slot in slots]) == (3000, [(), ()])


@pytest.mark.parametrize(("kwh", "shown_wh"), [(None, 1000), (5.0, 1099)])
def test_a_running_session_is_written_in_steps_unless_a_charge_now_counts_it(kwh: float | None, shown_wh: int) -> None:
    charge_now = ChargeNow("c", EVENING, at(600), kwh=kwh)
    twin = replace(with_session(Session("s", EVENING, EVENING)), charge_now=charge_now)
    for energy_wh in (1000, 1099):
        twin = with_session_energy(twin, {"s": energy_wh}, now=at(30))
    assert [session.energy_wh for session in twin.meter.sessions] == [shown_wh]
    assert sessions_due(twin) is None


def test_half_hours_of_a_session_without_any_sign_of_their_energy_are_unknown() -> None:
    shelf = Shelf()
    samples = [
        *(Sample(at(0), "plugged"), Sample(at(0), "power", 3000, tells_every_change=True), Sample(at(40), "charging")),
        *(Sample(at(130), "stopped", tells_every_change=True), Sample(at(140), "unplugged")),
    ]
    shelf.record(CAR, samples, now=at(600))
    slots = [slot for _, slot in sorted(shelf.slots.items())]
    sessions = [SessionEnergy("before", at(-90), closed_at=at(0)), SessionEnergy("s", at(0), closed_at=at(140))]
    assert unknown_half_hours(sessions, slots) == {"before": 0, "s": 3}
    assert unknown_half_hours([SessionEnergy("open", at(95))], slots) == {"open": 2}
    assert unknown_half_hours([SessionEnergy("until the next", at(0), closed_at=at(90))], slots) == {
        "until the next": 1
    }


@pytest.mark.parametrize(
    ("unknown", "more"),
    [
        (0, ""),
        (1, " In 1 half-hour it may be more: no report shows what flowed."),
        (3, " In 3 half-hours it may be more: no report shows what flowed."),
    ],
)
def test_a_report_of_a_session_says_how_many_half_hours_are_unknown(unknown: int, more: str) -> None:
    twin = with_session(Session("s", EVENING, EVENING, closed_at=CLOSED))
    twin = with_session_energy(twin, {"s": 7000}, {"s": unknown}, now=CLOSED)
    (entry,) = reported(twin, 10).news
    assert entry.text == "The session is over: 7.0 kWh were charged." + more
    assert (entry.detail or {}).get("unknown_half_hours", 0) == unknown


def test_unknown_half_hours_are_counted_once_the_session_is_over() -> None:
    twin = with_session_energy(with_session(Session("s", EVENING, EVENING)), {"s": 0}, {"s": 3}, now=at(30))
    assert [session.unknown_half_hours for session in twin.meter.sessions] == [0]
