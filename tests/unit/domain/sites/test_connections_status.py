"""How far a connection is: a pure rule over what was asked for, what was found, and the site's assets."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.reports.account_connection import disconnected, reconnected
from driveway.domain.sites.connections import ConnectedVehicle, Connection, status_of, vehicles_of
from driveway.domain.twin import Twin, Vehicle
from driveway.values import replace
from tests.support.domain.twins import a_twin

AT = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
UNTIL = AT + timedelta(hours=24)
BMW = Vehicle("enode", "bmw-1", user_id="driver-1")


def connection(**changes: object) -> Connection:
    plain = Connection(
        site="home-1",
        provider="enode",
        url="https://link.example",
        state="state-123",
        return_url="https://app.example",
        created_at=AT,
        until=UNTIL,
        user_id="driver-1",
    )
    return replace(plain, **changes)


def found(
    vehicle_id: str = "bmw-1", *, provider: str = "enode", user: str | None = "driver-1", s: float = 0.0
) -> ConnectedVehicle:
    return ConnectedVehicle(provider=provider, vehicle_id=vehicle_id, at=AT + timedelta(seconds=s), user_id=user)


def twin_with(vehicle: Vehicle | None) -> Twin:
    twin = a_twin()
    return replace(twin, link=replace(twin.link, vehicle=vehicle))


@pytest.mark.parametrize(
    ("after", "status"),
    [
        (timedelta(0), "waiting"),
        (timedelta(hours=24) - timedelta(microseconds=1), "waiting"),
        (timedelta(hours=24), "expired"),
    ],
)
def test_a_page_waits_until_its_end(after: timedelta, status: str) -> None:
    assert status_of(connection(), [], {}, AT + after) == status


@pytest.mark.parametrize(
    ("vehicle", "counts"),
    [
        (found(), True),
        (found(user=None), True),
        (found(s=-1), False),
        (found(provider="smartcar"), False),
        (found(user="driver-2"), False),
        (found("known-1"), False),
    ],
)
def test_a_vehicle_counts_if_it_is_new_of_this_maker_and_of_this_driver(
    vehicle: ConnectedVehicle, counts: bool
) -> None:
    asked = connection(known=("known-1",))
    assert status_of(asked, [vehicle], {}, AT) == ("done" if counts else "waiting")
    assert vehicles_of(asked, [vehicle], {}) == ([vehicle.vehicle_id] if counts else [])


@pytest.mark.parametrize(
    ("vehicle", "status"), [(BMW, "done"), (None, "waiting"), (replace(BMW, user_id="x"), "waiting")]
)
def test_a_vehicle_that_the_site_has_now_counts_too(vehicle: Vehicle | None, status: str) -> None:
    assert status_of(connection(), [], {"car-1": twin_with(vehicle)}, AT) == status


def test_a_car_is_connected_again_once_its_account_works_also_after_the_next_loss() -> None:
    lost = disconnected(twin_with(BMW), "The account is not connected.", AT)
    asked = connection(asset="car-1", vehicle_id="bmw-1", user_id=None, lost_at=AT)
    assert status_of(asked, [], {"car-1": lost}, AT) == "waiting"
    works = reconnected(lost, AT + timedelta(minutes=5))
    assert status_of(asked, [], {"car-1": works}, AT) == "done"
    again = disconnected(works, "The account is not connected.", AT + timedelta(hours=1))
    assert status_of(asked, [], {"car-1": again}, AT) == "done"


@pytest.mark.parametrize(
    "twins", [{}, {"car-1": twin_with(None)}, {"car-1": twin_with(replace(BMW, vehicle_id="bmw-2"))}]
)
def test_another_vehicle_of_the_asset_says_nothing_about_the_one_that_was_asked_for(twins: dict[str, Twin]) -> None:
    asked = connection(asset="car-1", vehicle_id="bmw-1", lost_at=AT)
    assert status_of(asked, [found()], twins, AT) == "waiting"
    assert status_of(asked, [found()], twins, UNTIL) == "expired"


@given(seconds=st.lists(st.floats(-1e6, 1e6), max_size=5), later=st.floats(0, 1e6))
def test_what_is_done_stays_done_and_what_is_expired_never_waits_again(seconds: list[float], later: float) -> None:
    vehicles, now = [found(f"bmw-{n}", s=s) for n, s in enumerate(seconds)], AT + timedelta(hours=20)
    order = {"waiting": 0, "expired": 1, "done": 2}
    first = status_of(connection(), vehicles, {}, now)
    after = status_of(connection(), vehicles, {}, now + timedelta(seconds=later))
    assert order[after] >= order[first]
    assert (after == "done") == (first == "done")
