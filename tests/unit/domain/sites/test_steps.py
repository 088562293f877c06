"""The next step of a site: every unfinished change has a time at which it goes on."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.sites.record import Change, SiteCall, SiteRecord, SiteTerms
from driveway.domain.sites.steps import (
    ACTS_WITHIN,
    TAKEN_BACK_AFTER,
    Apply,
    Enrol,
    Erase,
    LookUp,
    Remove,
    SendLastReadings,
    acknowledged,
    claimed,
    failed,
    given_back,
    is_finished,
    is_free,
    next_step,
    site_due,
    to_come,
)
from driveway.values import replace

NOW = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
MINE = SiteCall("mine", NOW + timedelta(seconds=35))
TERMS = SiteTerms("Europe/London")
ACTIVE = SiteRecord("home-1", enrolment="enrolled", axle_site_id="axle-1", assets=("car-1",))

instants = st.integers(-7200, 7200).map(lambda seconds: NOW + timedelta(seconds=seconds))
past = st.integers(-7200, 0).map(lambda seconds: NOW + timedelta(seconds=seconds))
changes = st.builds(
    Change,
    asset=st.sampled_from(["car-1", "car-2"]),
    body=st.just({}),
    terms=st.just(TERMS),
    begun_at=past,
    axle_asset_id=st.sampled_from([None, "axle-car"]),
    looked_up=st.booleans(),
)
records = st.builds(
    SiteRecord,
    site=st.just("home-1"),
    wanted=st.sampled_from(["enrolled", "unenrolled", "erased"]),
    enrolment=st.sampled_from([None, "enrolled", "unenrolled"]),
    axle_site_id=st.sampled_from([None, "axle-1"]),
    assets=st.sampled_from([(), ("car-1",)]),
    changes=st.lists(changes, max_size=2, unique_by=lambda change: change.asset).map(tuple),
    removals=st.sampled_from([(), ("car-1",)]),
    unsettled_until=st.none() | instants,
    last_readings_due=st.booleans(),
    retry_at=st.none() | instants,
    begun_at=st.none() | past,
).filter(lambda record: record.axle_site_id is not None or not (record.waiting or record.removals))


@given(records)
def test_an_unfinished_site_is_due_and_has_a_step_to_take_then(record: SiteRecord) -> None:
    due = site_due(record, NOW)
    if is_finished(record):
        assert due is None
        return
    assert due is not None
    assert due >= NOW
    assert next_step(record, holding=(), now=due) is not None
    assert to_come(record) or record.unsettled_until is not None


@given(records, instants)
def test_a_finished_site_has_nothing_to_do_at_any_time(record: SiteRecord, at: datetime) -> None:
    if is_finished(record):
        assert next_step(record, holding=(), now=at) is None
        assert given_back(record, at).begun_at is None


@given(records)
def test_a_claim_is_due_when_it_lapses_and_excludes_other_calls_before(record: SiteRecord) -> None:
    held = claimed(replace(record, call=None), MINE, NOW)
    assert site_due(held, NOW) == MINE.until
    assert not is_free(held, NOW)
    assert is_free(held, MINE.until)


@given(records)
def test_an_erasure_takes_no_other_step(record: SiteRecord) -> None:
    step = next_step(replace(record, wanted="erased"), holding=(), now=NOW)
    assert step is None or isinstance(step, Erase | SendLastReadings)


@given(records)
def test_the_last_readings_come_first_and_wait_for_no_car(record: SiteRecord) -> None:
    due = replace(record, last_readings_due=True)
    assert next_step(due, holding=("car-1",), now=NOW) == SendLastReadings()


def test_a_site_whose_last_readings_are_due_is_not_finished_and_says_so() -> None:
    due = replace(ACTIVE, last_readings_due=True)
    assert (is_finished(due), site_due(due, NOW)) == (False, NOW)
    assert to_come(due) == ["The last readings from before the opt-out are sent to Axle."]


def test_a_run_that_takes_over_from_a_dead_one_does_not_trust_what_was_acknowledged() -> None:
    dead = claimed(ACTIVE, MINE, NOW)
    later = MINE.until + timedelta(seconds=1)
    taken_over = claimed(dead, SiteCall("other", later + timedelta(seconds=35)), later)
    assert taken_over.enrolment is None
    assert taken_over.unsettled_until == MINE.until + ACTS_WITHIN
    assert next_step(taken_over, holding=(), now=later) == Enrol("enrolled")


def test_an_acknowledgement_is_final_only_once_no_earlier_call_can_be_carried_out() -> None:
    lost = failed(replace(ACTIVE, wanted="unenrolled"), "no answer", now=NOW, may_act=True, to="unenrolled")
    early = acknowledged(lost, "unenrolled", NOW + timedelta(seconds=5))
    assert not is_finished(early)
    assert next_step(early, holding=(), now=NOW + timedelta(seconds=10)) is None
    assert next_step(early, holding=(), now=NOW + ACTS_WITHIN) == Enrol("unenrolled")
    assert is_finished(acknowledged(early, "unenrolled", NOW + ACTS_WITHIN))


@pytest.mark.parametrize(("to", "known"), [("enrolled", "enrolled"), ("unenrolled", None), (None, "enrolled")])
def test_a_lost_call_leaves_in_doubt_only_what_it_can_change(to: str | None, known: str | None) -> None:
    assert failed(ACTIVE, "no answer", now=NOW, may_act=True, to=to).enrolment == known  # type: ignore[arg-type]


def test_a_swap_waits_for_its_car_and_a_removal_comes_before_it() -> None:
    swap = Change("car-1", {}, TERMS, NOW, axle_asset_id="axle-car")
    record = replace(ACTIVE, assets=("car-1", "old"), changes=(swap,), removals=("old",))
    assert next_step(record, holding={"car-1", "old"}, now=NOW) is None
    assert next_step(record, holding={"car-1"}, now=NOW) == Remove("old")
    assert next_step(replace(record, removals=()), holding={"car-1"}, now=NOW) is None
    assert next_step(replace(record, removals=()), holding=(), now=NOW) == Apply()


def test_an_onboarding_in_doubt_is_looked_up_once_and_dropped_after_an_hour() -> None:
    doubt = Change("car-2", {}, TERMS, NOW)
    record = replace(ACTIVE, changes=(doubt,), unsettled_until=NOW + ACTS_WITHIN)
    assert next_step(record, holding=(), now=NOW) is None
    assert next_step(record, holding=(), now=NOW + ACTS_WITHIN) == LookUp(last=False)
    looked_up = replace(record, changes=(replace(doubt, looked_up=True),), unsettled_until=None)
    assert next_step(looked_up, holding=(), now=NOW + ACTS_WITHIN) is None
    assert site_due(looked_up, NOW) == NOW + TAKEN_BACK_AFTER
    assert next_step(looked_up, holding=(), now=NOW + TAKEN_BACK_AFTER) == LookUp(last=True)


def test_pauses_grow_to_ten_minutes_and_the_wait_that_axle_asks_for_counts() -> None:
    record, waits = ACTIVE, []
    for _ in range(8):
        record = failed(record, "no answer", now=NOW)
        assert record.retry_at is not None
        waits.append((record.retry_at - NOW).total_seconds())
    assert waits == [30, 60, 120, 240, 480, 600, 600, 600]
    assert failed(ACTIVE, "no answer", now=NOW, wait_s=300).retry_at == NOW + timedelta(minutes=5)
