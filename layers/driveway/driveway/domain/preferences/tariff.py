"""The tariff: off-peak times and prices as an app gives them, the one form in which they are stored, and Axle's form.

Off-peak times are wall time in the tariff's own zone, which may differ from the home's: many British meters stay on
UTC all year.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, cast, get_args

from msgspec import UNSET, Struct, to_builtins

from driveway.domain.json_kind import json_kind
from driveway.domain.preferences.answers import OffPeakWindow, TariffAnswer
from driveway.domain.preferences.errors import Faults, pointer_to
from driveway.domain.preferences.half_hour_prices import cheap_windows, read_prices
from driveway.domain.preferences.opening_hours import (
    NO_WINDOW,
    OpeningHoursError,
    parse_opening_hours,
    window_between,
)
from driveway.domain.twin import AxleTariff, Tariff, TariffType, Window
from driveway.domain.wall_time import DAY_MIN, TimeOfDayError, UnknownZoneError, find_zone, hhmm, parse_time_of_day

_FIELDS = ("off_peak", "timezone", "tariff_type", "prices")
_MOST_WINDOWS = 100
_MOST_CHARACTERS = 2000


class TariffResult(Struct, frozen=True):
    """An accepted tariff, and a warning for each part of the body that was changed or left out."""

    tariff: Tariff
    warnings: tuple[str, ...] = ()


def parse_tariff(body: Mapping[str, Any]) -> TariffResult:
    """The tariff in an app's body, normalised: split at midnight, sorted, merged.

    ``off_peak`` is an array of ``{"start", "end"}`` or an OSM opening-hours string of time ranges. ``prices`` gives 48
    local half-hours (see ``half_hour_prices``), from which the windows follow where there is no ``off_peak``. A
    ``single_rate`` tariff with neither is off-peak all day. ``timezone`` (IANA) is required, ``tariff_type`` defaults
    to ``unknown``. A window may pass midnight; one that ends at ``00:00`` ends with the day. Windows that are a minute
    apart are joined. Null is absent.

    Raises:
        PreferenceError: with a pointer to every fault.
    """
    faults = Faults()
    given = faults.fields(body, "", _FIELDS)
    timezone = _read_zone(given.get("timezone"), faults)
    tariff_type = faults.choice(given.get("tariff_type", "unknown"), "/tariff_type", get_args(TariffType))
    prices = read_prices(given["prices"], "/prices", faults) if "prices" in given else ()
    windows: tuple[Window, ...] = ()
    warnings: tuple[str, ...] = ()
    has_no_windows = given.get("off_peak") in (None, "", [])
    if not has_no_windows or ("prices" not in given and tariff_type != "single_rate"):
        windows = _read_off_peak(given.get("off_peak"), faults)
    elif "prices" not in given:
        windows = (Window(0, DAY_MIN),)
    elif not faults.errors:
        windows, warning = cheap_windows(prices)
        warnings = (warning,)
    faults.raise_if_any()
    joined, sentences = _joined(merge_windows(windows))
    tariff = Tariff(joined, timezone, cast("TariffType", tariff_type), pence_per_kwh=prices)
    return TariffResult(tariff, (*warnings, *sentences))


def _joined(windows: tuple[Window, ...]) -> tuple[tuple[Window, ...], tuple[str, ...]]:
    """The windows with those joined that are a minute apart, also across midnight, and a sentence for each such minute.

    People write 23:59 for midnight. Without the join, the car would stop and start again for that minute every night.
    """
    edges = [(one.end_min, other.start_min) for one, other in pairwise(windows)]
    if windows:
        edges.append((windows[-1].end_min, windows[0].start_min + DAY_MIN))
    minutes = [end_min for end_min, start_min in edges if start_min - end_min == 1]
    filled = merge_windows([*windows, *(Window(end_min % DAY_MIN, end_min % DAY_MIN + 1) for end_min in minutes)])
    return filled, tuple(
        f"The window that ends at {hhmm(end_min)} and the one that starts a minute later were joined: otherwise the "
        "car would stop and start again for that minute."
        for end_min in minutes
    )


def _read_zone(value: Any, faults: Faults) -> str:
    if value is None:
        faults.add("/timezone", "Give the zone of the off-peak times, such as 'Europe/London', or 'UTC'.")
        return ""
    name = faults.text(value, "/timezone")
    if name is None:
        return ""
    try:
        return find_zone(name).key
    except UnknownZoneError as error:
        faults.add("/timezone", str(error))
        return ""


def _read_off_peak(value: Any, faults: Faults) -> tuple[Window, ...]:
    if isinstance(value, str):
        try:
            if len(value) > _MOST_CHARACTERS:
                raise OpeningHoursError(f"Give at most {_MOST_CHARACTERS} characters.")
            return parse_opening_hours(value)
        except OpeningHoursError as error:
            faults.add("/off_peak", str(error))
            return ()
    if value is not None and not isinstance(value, list | tuple):
        faults.add("/off_peak", f"Give an array of windows or an opening-hours string, not {json_kind(value)}.")
        return ()
    if not value:
        faults.add("/off_peak", NO_WINDOW)
        return ()
    if len(value) > _MOST_WINDOWS:
        faults.add("/off_peak", f"Give at most {_MOST_WINDOWS} windows.")
        return ()
    found = [_read_window(item, pointer_to("off_peak", index), faults) for index, item in enumerate(value)]
    return tuple(window for windows in found for window in windows)


def _read_window(item: Any, pointer: str, faults: Faults) -> tuple[Window, ...]:
    faulty_before = len(faults.errors)
    given = faults.fields(item, pointer, ("start", "end"))
    if not isinstance(item, Mapping):
        return ()
    start_min = _read_time(given.get("start"), pointer + "/start", faults)
    end_min = _read_time(given.get("end"), pointer + "/end", faults)
    if start_min is None or end_min is None or len(faults.errors) > faulty_before:
        return ()
    try:
        return window_between(start_min, end_min)
    except OpeningHoursError as error:
        faults.add(pointer, str(error))
        return ()


def _read_time(value: Any, pointer: str, faults: Faults) -> int | None:
    if value is None:
        faults.add(pointer, "A window needs a start and an end: give a time such as '23:30'.")
        return None
    text = faults.text(value, pointer)
    if text is None:
        return None
    try:
        return parse_time_of_day(text)
    except TimeOfDayError as error:
        faults.add(pointer, str(error))
        return None


def merge_windows(windows: Iterable[Window]) -> tuple[Window, ...]:
    """The same minutes of the day as sorted windows that neither overlap nor touch."""
    merged: list[Window] = []
    for window in sorted(windows, key=lambda window: window.start_min):
        if merged and window.start_min <= merged[-1].end_min:
            merged[-1] = Window(merged[-1].start_min, max(merged[-1].end_min, window.end_min))
        else:
            merged.append(window)
    return tuple(merged)


def axle_tariff(tariff: Tariff) -> AxleTariff:
    """The tariff in Axle's form: OSM time ranges split at midnight, such as ``00:00-05:30, 23:30-24:00``."""
    ranges = (f"{hhmm(window.start_min)}-{hhmm(window.end_min)}" for window in merge_windows(tariff.off_peak))
    return AxleTariff(off_peak_times=", ".join(ranges), timezone=tariff.timezone, tariff_type=tariff.tariff_type)


def tariff_answer(tariff: Tariff) -> TariffAnswer:
    """The tariff in an answer to the app: by start, with a window over midnight in one piece. It parses to itself."""
    windows = list(merge_windows(tariff.off_peak))
    spans = [(window.start_min, window.end_min) for window in windows]
    if len(windows) > 1 and windows[0].start_min == 0 and windows[-1].end_min == DAY_MIN:
        spans = [*spans[1:-1], (windows[-1].start_min, windows[0].end_min)]
    return TariffAnswer(
        off_peak=[OffPeakWindow(start=hhmm(start_min), end=hhmm(end_min)) for start_min, end_min in spans],
        timezone=tariff.timezone,
        tariff_type=tariff.tariff_type,
        prices=list(tariff.pence_per_kwh) if tariff.pence_per_kwh else UNSET,
    )


def tariff_body(tariff: Tariff) -> dict[str, Any]:
    """``tariff_answer`` as plain values, for the timeline."""
    body: dict[str, Any] = to_builtins(tariff_answer(tariff))
    return body
