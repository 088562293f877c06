from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driveway.domain.preferences.errors import PreferenceError
from driveway.domain.preferences.opening_hours import parse_opening_hours, window_between
from driveway.domain.preferences.tariff import axle_tariff, merge_windows, parse_tariff, tariff_body
from driveway.domain.twin import AxleTariff, Tariff, Window
from driveway.domain.wall_time import DAY_MIN, hhmm
from driveway.values import replace

SPLIT_NIGHT = "00:00-05:30, 23:30-24:00"


def body(off_peak: Any, **fields: Any) -> dict[str, Any]:
    return {"off_peak": off_peak, "timezone": "Europe/London", **fields}


def sent(off_peak: Any) -> str:
    return axle_tariff(parse_tariff(body(off_peak)).tariff).off_peak_times


def faults(refused: Any) -> dict[str, str]:
    with pytest.raises(PreferenceError) as caught:
        parse_tariff(refused)
    assert caught.value.errors
    return dict(caught.value.errors)


@pytest.mark.parametrize(
    ("off_peak", "canonical"),
    [
        ("23:30-05:30", SPLIT_NIGHT),
        ("00:00-05:30, 23:30-24:00", SPLIT_NIGHT),
        ("23:30-24:00,00:00-05:30", SPLIT_NIGHT),
        ("23:30-00:00, 00:00-05:30", SPLIT_NIGHT),
        ("  23:30 - 05:30  ", SPLIT_NIGHT),
        ("23:30 – 05:30", SPLIT_NIGHT),
        ("23:30—05:30", SPLIT_NIGHT),
        ("23:30−05:30", SPLIT_NIGHT),
        ("23:30‑05:30", SPLIT_NIGHT),
        ("23.30-5.30", SPLIT_NIGHT),
        ("23h30-5h30", SPLIT_NIGHT),
        ("2330-0530", SPLIT_NIGHT),
        ("23:30:00-05:30:00", SPLIT_NIGHT),
        ("11:30pm-5:30am", SPLIT_NIGHT),
        ("11.30 pm to 5.30 am", SPLIT_NIGHT),
        ("23:30-5:30am", SPLIT_NIGHT),
        ("midnight-5:30am and 11:30pm-midnight", SPLIT_NIGHT),
        ("00:30\u00a0-\u00a004:30", "00:30-04:30"),
        ("noon-4pm, 0:30-5:30am", "00:30-05:30, 12:00-16:00"),
        ("24:00-05:30", "00:00-05:30"),
        ("22:00-24:00", "22:00-24:00"),
        ("22:00-00:00", "22:00-24:00"),
        ("04:00-07:00, 13:00-16:00, 22:00-00:00", "04:00-07:00, 13:00-16:00, 22:00-24:00"),
        ("22:00-24:00, 13:00-16:00, 04:00-07:00", "04:00-07:00, 13:00-16:00, 22:00-24:00"),
        ("00:00-03:00, 03:00-05:00", "00:00-05:00"),
        ("01:00-04:00, 02:00-03:00", "01:00-04:00"),
        ("01:00-04:00, 03:00-05:00, 01:00-04:00", "01:00-05:00"),
        ("20:00-02:00, 23:00-05:00", "00:00-05:00, 20:00-24:00"),
        ("00:00-24:00", "00:00-24:00"),
        ("24/7", "00:00-24:00"),
        ("06:00-18:00, 18:00-06:00", "00:00-24:00"),
        ("00:01-00:00, 00:00-00:01", "00:00-24:00"),
        ([{"start": "23:30", "end": "05:30"}], SPLIT_NIGHT),
        ([{"start": "23:30", "end": "24:00"}, {"start": "00:00", "end": "05:30"}], SPLIT_NIGHT),
        ([{"start": "23:30", "end": "00:00"}, {"start": "0:00", "end": " 5.30"}], SPLIT_NIGHT),
        ([{"start": "00:00", "end": "24:00"}], "00:00-24:00"),
        ([{"start": "13:00", "end": "16:00"}, {"start": "02:00", "end": "05:00"}], "02:00-05:00, 13:00-16:00"),
    ],
)
def test_off_peak_times_reach_axle_in_its_canonical_form(off_peak: Any, canonical: str) -> None:
    assert sent(off_peak) == canonical


@pytest.mark.parametrize(
    ("off_peak", "sentence"),
    [
        *(
            (text, "every day")
            for text in ("Mo-Fr 23:30-05:30", "Sa 00:00-07:00", "23:30-05:30 Mo-Su", "mon 1:00-5:00")
        ),
        *((text, "every day") for text in ("weekdays 00:00-07:00", "23:30-05:30; Su 00:00-24:00", "PH 00:00-24:00")),
        *((text, "all year") for text in ("Jan-Mar 00:00-07:00", "Oct 25 00:00-07:00", "week 1-10 00:00-07:00")),
        *((text, "all year") for text in ("summer 00:00-07:00", "00:30-07:30 GMT", "easter 00:00-07:00")),
        *((text, "a start and an end") for text in ("22:00+", "22:00", "22:00-", "-05:30", "after 22:00", "22:00-+")),
        *((text, "a start and an end") for text in ("22:00-02:00-05:00", "until 05:00", "00:00-05:30 23:30-24:00")),
        *((text, "possible time") for text in ("25:00-05:00", "22:00-24:30", "23:60-05:00", "00:00-13pm")),
        ("22:00-26:00", "write its end as 02:00"),
        *((text, "'00:00-24:00'") for text in ("00:00-00:00", "05:00-05:00", "24:00-24:00", "24:00-00:00")),
        *(
            (text, "not a time of day")
            for text in ("cheap-05:00", "23:30:15-05:30", "23:30Z-05:30", "2026 23:30-05:30")
        ),
        *((text, "lacks minutes") for text in ("23-5", "0-7")),
        *((text, "am or pm twice") for text in ("11:30-5:30am", "11pm-5:00")),
        *((text, "at least one") for text in ("", "   ")),
        *((text, "comma") for text in (",", "23:30-05:30,", "00:00-01:00,,02:00-03:00")),
        *((text, "with commas") for text in ("23:30-24:00; 00:00-05:30", "23:30-24:00 || 00:00-05:30")),
        *((text, "the sun's") for text in ("sunset-sunrise", "dusk-05:00")),
        *((text, "without words") for text in ("off", "23:30-05:30 off", "open")),
        *((text, "time ranges") for text in ("12/25 00:00-07:00", '23:30-05:30 "night"', "00:00-06:00/01:30")),
        ("00:00-01:00," * 300, "2000 characters"),
    ],
)
def test_text_that_says_more_or_less_than_daily_windows_is_refused_with_a_sentence(
    off_peak: str, sentence: str
) -> None:
    found = faults(body(off_peak))
    assert list(found) == ["/off_peak"]
    assert sentence in found["/off_peak"]


@pytest.mark.parametrize(
    ("refused", "pointers"),
    [
        ({"timezone": "Europe/London"}, ["/off_peak"]),
        (body(None), ["/off_peak"]),
        (body([]), ["/off_peak"]),
        (body(7), ["/off_peak"]),
        (body({"start": "23:30", "end": "05:30"}), ["/off_peak"]),
        (body([{"start": "00:00", "end": "00:01"}] * 101), ["/off_peak"]),
        (body(["23:30-05:30"]), ["/off_peak/0"]),
        (body([{"start": "23:30"}]), ["/off_peak/0/end"]),
        (body([{"start": "23:30", "end": None}]), ["/off_peak/0/end"]),
        (body([{"start": 2330, "end": True}]), ["/off_peak/0/start", "/off_peak/0/end"]),
        (body([{"start": "01:00", "end": "02:00"}, {"start": "25:00", "end": "05:30"}]), ["/off_peak/1/start"]),
        (body([{"start": "05:00", "end": "05:00"}]), ["/off_peak/0"]),
        (body([{"start": "01:00", "end": "05:00", "days": ["mon"]}]), ["/off_peak/0/days"]),
        ({"off_peak": "23:30-05:30"}, ["/timezone"]),
        (body("23:30-05:30", timezone=None), ["/timezone"]),
        (body("23:30-05:30", timezone=1), ["/timezone"]),
        (body("23:30-05:30", timezone="BST"), ["/timezone"]),
        (body("23:30-05:30", tariff_type="economy_7"), ["/tariff_type"]),
        (body("23:30-05:30", tariff_type=["smart"]), ["/tariff_type"]),
        (body("23:30-05:30", supplier="x"), ["/supplier"]),
        (body("23:30-05:30", **{"a/b~c": 1}), ["/a~1b~0c"]),
        (body("23:30-05:30", prices=[1] * 47), ["/prices"]),
        ({"off_peak": "22:00+", "timezone": "Mars/Base", "x": 1}, ["/x", "/timezone", "/off_peak"]),
        ([], ["", "/timezone", "/off_peak"]),
    ],
)
def test_every_fault_is_pointed_at(refused: Any, pointers: list[str]) -> None:
    found = faults(refused)
    assert list(found) == pointers
    assert all(message.endswith(".") for message in found.values())


def test_a_tariff_without_a_zone_is_asked_for_one() -> None:
    assert faults(body("23:30-05:30", timezone=None))["/timezone"].startswith("Give the zone of the off-peak times")


def test_faults_can_point_into_a_larger_body() -> None:
    with pytest.raises(PreferenceError) as caught:
        parse_tariff(body("22:00+"))
    assert [pointer for pointer, _ in caught.value.under("/assets/0/tariff").errors] == ["/assets/0/tariff/off_peak"]


def test_the_zone_and_the_type_are_kept_and_the_type_is_unknown_by_default() -> None:
    assert parse_tariff(body("00:00-07:00", timezone="UTC", tariff_type="dual_rate")).tariff == Tariff(
        off_peak=(Window(0, 420),), timezone="UTC", tariff_type="dual_rate"
    )
    assert axle_tariff(parse_tariff(body("00:00-07:00")).tariff) == AxleTariff(
        "00:00-07:00", "Europe/London", "unknown"
    )


@pytest.mark.parametrize(
    ("off_peak", "warnings"),
    [
        ("00:00-05:30, 23:30-24:00", [("23:30", "05:30")]),
        ("22:00-24:00", [("22:00", "24:00")]),
        ("00:00-07:00", [("00:00", "07:00")]),
        ("00:00-24:00", [("00:00", "24:00")]),
        ("22:00-02:00, 13:00-16:00, 04:00-07:00", [("04:00", "07:00"), ("13:00", "16:00"), ("22:00", "02:00")]),
    ],
)
def test_the_app_is_answered_with_windows_in_one_piece(off_peak: str, warnings: list[tuple[str, str]]) -> None:
    assert tariff_body(parse_tariff(body(off_peak)).tariff) == {
        "off_peak": [{"start": start, "end": end} for start, end in warnings],
        "timezone": "Europe/London",
        "tariff_type": "unknown",
    }


DUAL_RATE = [7.0] * 11 + [27.0] * 36 + [7.0]
THREE_RATES = [25.0] * 8 + [12.0] * 6 + [25.0] * 12 + [12.0] * 6 + [40.0] * 6 + [25.0] * 6 + [12.0] * 4


@pytest.mark.parametrize(
    ("prices", "canonical", "warning"),
    [
        (DUAL_RATE, SPLIT_NIGHT, "12 half-hours at or below 12.00 p/kWh"),
        (THREE_RATES, "04:00-07:00, 13:00-16:00, 22:00-24:00", "16 half-hours at or below 19.00 p/kWh"),
        ([30] * 48, "00:00-24:00", "48 half-hours at or below 30.00 p/kWh"),
        ([10] * 24 + [14] * 12 + [26] * 12, "00:00-18:00", "36 half-hours at or below 14.00 p/kWh"),
        ([-4.0] * 2 + [20.0] * 46, "00:00-01:00", "2 half-hours at or below 2.00 p/kWh"),
    ],
)
def test_prices_become_the_cheap_half_hours_and_a_warning_of_what_is_lost(
    prices: list[float], canonical: str, warning: str
) -> None:
    result = parse_tariff({"prices": prices, "timezone": "Europe/London"})
    assert axle_tariff(result.tariff).off_peak_times == canonical
    assert len(result.warnings) == 1
    assert warning in result.warnings[0]
    assert "lost" in result.warnings[0]


def test_prices_may_name_their_half_hours_in_any_order() -> None:
    named = [{"start": hhmm(30 * slot), "pence_per_kwh": price} for slot, price in enumerate(DUAL_RATE)]
    in_order = parse_tariff({"prices": DUAL_RATE, "timezone": "UTC"})
    assert parse_tariff({"prices": named[::-1], "timezone": "UTC"}) == in_order


@pytest.mark.parametrize(
    ("prices", "pointer", "sentence"),
    [
        ([], "/prices", "there are 0"),
        ([1.0] * 47, "/prices", "there are 47"),
        ([1.0] * 50, "/prices", "there are 50"),
        ("cheap", "/prices", "array"),
        ([1.0] * 47 + ["1"], "/prices/47", "Give a number"),
        ([1.0] * 47 + [float("nan")], "/prices/47", "at most"),
        ([1.0] * 47 + [True], "/prices/47", "Give a number"),
        ([{"start": "00:15", "pence_per_kwh": 7}], "/prices/0/start", "minute 00 or 30"),
        ([{"start": "24:00", "pence_per_kwh": 7}], "/prices/0/start", "23:30"),
        ([{"start": "2026-11-22T00:00Z", "pence_per_kwh": 7}], "/prices/0/start", "without a date"),
        ([{"start": "00:00"}], "/prices/0/pence_per_kwh", "Give a number"),
        ([{"pence_per_kwh": 1}], "/prices/0/start", "Give a string"),
        ([{"start": "00:00", "pence_per_kwh": 7}] * 2, "/prices/1/start", "already"),
        ([{"start": "00:00", "pence_per_kwh": 7}], "/prices", "47 half-hours have no price, the first at 00:30"),
        ([{"start": "00:00", "price": 7}], "/prices/0/price", "Unknown field"),
        ([{"start": "00:00", "pence_per_kwh": 7}, 7], "/prices/1", "Give a JSON object"),
    ],
)
def test_prices_that_are_not_48_half_hours_are_refused(prices: Any, pointer: str, sentence: str) -> None:
    assert sentence in faults({"prices": prices, "timezone": "UTC"})[pointer]


def test_a_tariff_without_prices_has_no_warnings() -> None:
    assert parse_tariff(body("23:30-05:30")).warnings == ()


DIAL = st.integers(min_value=0, max_value=DAY_MIN - 1)
SPANS = st.lists(st.tuples(DIAL, DIAL).filter(lambda ends: ends[0] != ends[1]), min_size=1, max_size=6)
DASH = st.sampled_from(["-", " - ", "–", " — ", " to "])


def minutes_of(spans: list[tuple[int, int]]) -> set[int]:
    """The off-peak minutes of the day, counted one by one around the dial."""
    return {(start + step) % DAY_MIN for start, end in spans for step in range((end - start) % DAY_MIN)}


def with_single_ones_between(minutes: set[int]) -> set[int]:
    """The minutes, and those of which both neighbours are among them."""
    return minutes | {one for one in range(DAY_MIN) if {(one - 1) % DAY_MIN, (one + 1) % DAY_MIN} <= minutes}


def minutes_in(windows: tuple[Window, ...]) -> set[int]:
    return {minute for window in windows for minute in range(window.start_min, window.end_min)}


def objects(spans: list[tuple[int, int]]) -> list[dict[str, str]]:
    return [{"start": hhmm(start), "end": hhmm(end)} for start, end in spans]


@settings(max_examples=150, deadline=None)
@given(SPANS, DASH)
@example([(1, 0)], "-")
def test_normalising_keeps_every_off_peak_minute_and_adds_single_ones_between(
    spans: list[tuple[int, int]], dash: str
) -> None:
    text = ",".join(f"{hhmm(start)}{dash}{hhmm(end)}" for start, end in spans)
    from_text, from_objects = parse_tariff(body(text)).tariff, parse_tariff(body(objects(spans))).tariff
    assert from_text == from_objects
    minutes = with_single_ones_between(minutes_of(spans))
    assert minutes_in(from_text.off_peak) == minutes
    assert sum(window.end_min - window.start_min for window in from_text.off_peak) == len(minutes)


@settings(max_examples=150, deadline=None)
@given(SPANS)
def test_windows_are_sorted_apart_and_within_the_day(spans: list[tuple[int, int]]) -> None:
    windows = parse_tariff(body(objects(spans))).tariff.off_peak
    assert all(0 <= window.start_min < window.end_min <= DAY_MIN for window in windows)
    assert all(first.end_min < second.start_min for first, second in pairwise(windows))
    assert merge_windows(windows) == windows


@settings(max_examples=150, deadline=None)
@given(SPANS, st.sampled_from(["dual_rate", "smart", "unknown"]))
def test_normalising_twice_is_the_same_as_once(spans: list[tuple[int, int]], tariff_type: str) -> None:
    once = parse_tariff(body(objects(spans), tariff_type=tariff_type)).tariff
    assert parse_tariff(tariff_body(once)).tariff == once
    assert tariff_body(parse_tariff(tariff_body(once)).tariff) == tariff_body(once)
    assert parse_tariff(body(axle_tariff(once).off_peak_times, tariff_type=tariff_type)).tariff == once


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(min_value=-20, max_value=60), min_size=48, max_size=48))
def test_no_peak_half_hour_is_cheaper_than_an_off_peak_one(prices: list[int]) -> None:
    windows = parse_tariff({"prices": prices, "timezone": "UTC"}).tariff.off_peak
    taken = {minute // 30 for minute in minutes_in(windows)}
    assert min(range(48), key=prices.__getitem__) in taken
    assert all(prices[slot] > max(prices[cheap] for cheap in taken) for slot in range(48) if slot not in taken)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789:-,. hampMoSu+/;–24", max_size=30))
def test_any_text_is_either_read_or_refused_with_a_pointer(text: str) -> None:
    try:
        outcome = ["read"] if parse_tariff(body(text)).tariff.off_peak else []
    except PreferenceError as error:
        outcome = [pointer for pointer, _ in error.errors]
    assert outcome in (["read"], ["/off_peak"])


@pytest.mark.parametrize(
    ("off_peak", "canonical", "minutes"),
    [
        ("20:00-23:59, 00:00-05:00", "00:00-05:00, 20:00-24:00", ["23:59"]),
        ("00:00-02:59, 03:00-05:00", "00:00-05:00", ["02:59"]),
        ("22:00-23:59, 00:00-02:59, 03:00-05:00", "00:00-05:00, 22:00-24:00", ["02:59", "23:59"]),
        ("00:00-23:59", "00:00-24:00", ["23:59"]),
        ("00:01-24:00", "00:00-24:00", ["24:00"]),
        ("12:00-11:59", "00:00-24:00", ["11:59"]),
        ("20:00-24:00, 00:01-05:00", "00:00-05:00, 20:00-24:00", ["24:00"]),
    ],
)
def test_windows_a_minute_apart_are_joined_with_a_warning(off_peak: str, canonical: str, minutes: list[str]) -> None:
    result = parse_tariff(body(off_peak))
    assert axle_tariff(result.tariff).off_peak_times == canonical
    assert [f"ends at {minute} " in warning for minute, warning in zip(minutes, result.warnings, strict=True)] == [
        True
    ] * len(minutes)


@pytest.mark.parametrize(
    "off_peak", ["20:00-23:59", "20:00-23:58, 00:00-05:00", "01:00-02:58, 03:00-05:00", "23:30-05:30"]
)
def test_windows_further_apart_stay_as_they_are(off_peak: str) -> None:
    result = parse_tariff(body(off_peak))
    assert result.warnings == ()
    assert result.tariff.off_peak == merge_windows(parse_opening_hours(off_peak))


@pytest.mark.parametrize("given", [{}, {"off_peak": None}, {"off_peak": []}, {"off_peak": ""}])
def test_a_single_rate_tariff_without_windows_is_off_peak_all_day(given: dict[str, Any]) -> None:
    result = parse_tariff({"timezone": "Europe/London", "tariff_type": "single_rate", **given})
    assert axle_tariff(result.tariff).off_peak_times == "00:00-24:00"
    assert result.warnings == ()


@pytest.mark.parametrize("off_peak", [False, 0, {}])
def test_a_value_that_is_not_a_list_of_windows_is_refused_for_a_single_rate_too(off_peak: Any) -> None:
    assert "/off_peak" in faults(body(off_peak, tariff_type="single_rate"))


@pytest.mark.parametrize("given", [{}, {"off_peak": []}, {"off_peak": ""}])
@pytest.mark.parametrize("tariff_type", ["dual_rate", "unknown"])
def test_a_body_without_windows_is_answered_with_the_whole_day_form(tariff_type: str, given: dict[str, Any]) -> None:
    assert "00:00-24:00" in faults({"timezone": "Europe/London", "tariff_type": tariff_type, **given})["/off_peak"]


def test_prices_are_kept_and_axle_is_not_sent_them() -> None:
    tariff = parse_tariff({"prices": DUAL_RATE, "timezone": "Europe/London"}).tariff
    assert tariff.pence_per_kwh == tuple(map(float, DUAL_RATE))
    assert axle_tariff(tariff) == axle_tariff(replace(tariff, pence_per_kwh=()))
    assert parse_tariff(tariff_body(tariff)).tariff == tariff


def test_prices_beside_windows_are_kept_and_the_windows_stay_as_they_are_given() -> None:
    result = parse_tariff(body("12:00-14:00", prices=DUAL_RATE))
    assert axle_tariff(result.tariff).off_peak_times == "12:00-14:00"
    assert (result.tariff.pence_per_kwh, result.warnings) == (tuple(map(float, DUAL_RATE)), ())


NEAR_MIDNIGHT = st.sampled_from([0, 1, 2, 3, 4, 5, 700, 1436, 1437, 1438, 1439, 1440])


@given(st.lists(st.tuples(NEAR_MIDNIGHT, NEAR_MIDNIGHT), min_size=1, max_size=5))
def test_no_gap_of_a_minute_is_left_and_no_other_minute_is_added(pairs: list[tuple[int, int]]) -> None:
    asked = [w for a, b in pairs if a % 1440 != b % 1440 for w in window_between(a, b)]
    if not asked:
        return
    off_peak = [{"start": hhmm(w.start_min), "end": hhmm(w.end_min)} for w in asked]
    result = parse_tariff(body(off_peak))
    before = {minute for w in asked for minute in range(w.start_min, w.end_min)}
    after = {minute for w in result.tariff.off_peak for minute in range(w.start_min, w.end_min)}
    alone = {m for m in range(1440) if m not in before and {(m - 1) % 1440, (m + 1) % 1440} <= before}
    assert after == before | alone
    assert len(result.warnings) == len(alone)
