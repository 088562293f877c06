"""Daily windows written as text: the time ranges of the OSM opening_hours syntax, and how people type them.

Source of the grammar: ``time_selector`` in https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification. Only
time ranges fit, because Axle takes off-peak times that are the same every day. The rest of
the full syntax is refused by name, rather than ignored.
"""

import re

from driveway.domain.twin import Window
from driveway.domain.wall_time import DAY_MIN, TimeOfDayError, parse_time_of_day

_DASHES = re.compile(r"\s*(?:[-‐‑‒–—―−~]|\bto\b|\buntil\b|\btill\b)\s*", re.IGNORECASE)
_COMMAS = re.compile(r"\s*(?:,|&|\band\b)\s*", re.IGNORECASE)
_HALF_OF_DAY = re.compile(r"(?:[ap]\.?m\.?|noon|midday|midnight)$", re.IGNORECASE)

_WEEKDAYS = (
    r"mon?|tue?s?|wed?|thu?r?s?|fri?|sat?|sun?|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|weekdays?|weekends?|ph|sh"
)
_MONTHS = (
    "jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|january|february|march|april|august|september|october"
    "|november|december|week"
)
_REFUSED = tuple(
    (re.compile(pattern, re.IGNORECASE), sentence)
    for pattern, sentence in (
        (rf"\b(?:{_WEEKDAYS})\b", "Off-peak times are the same every day: leave out weekdays and holidays."),
        (rf"\b(?:{_MONTHS})\b", "Off-peak times are the same all year: leave out months, weeks and dates."),
        (
            r"\b(?:spring|summer|autumn|fall|winter|easter|seasons?|bst|gmt|utc)\b",
            "Off-peak times are the same all year: leave out seasons. The clock that the meter keeps is the timezone.",
        ),
        (r"\b(?:sunrise|sunset|dawn|dusk)\b", "Give times of day instead of the sun's: they differ from day to day."),
        (r"\b(?:off|closed|open|unknown)\b", "Give only the off-peak times, without words such as 'off' or 'open'."),
        (r";|\|\|", "Separate windows with commas: after ';' a rule replaces the one before it."),
        (r"\+|\b(?:from|after|before|onwards?)\b", "A window needs a start and an end, such as '22:00-06:00'."),
        (r"\"|/", "Give only time ranges, such as '23:30-05:30', without comments, dates and intervals."),
    )
)


NO_WINDOW = "Give at least one off-peak window, such as '23:30-05:30'. The whole day is '00:00-24:00'."


class OpeningHoursError(ValueError):
    """The text does not describe daily windows; the message is a sentence for the caller."""


def parse_opening_hours(text: str) -> tuple[Window, ...]:
    """The windows in ``text``, in its order, those over midnight split; neither sorted nor merged.

    It reads comma-separated ranges such as ``23:30-05:30``, ``00:00-05:30, 23:30-24:00``, ``11.30pm – 5.30am`` and, for
    the whole day, ``00:00-24:00`` or ``24/7``.

    Raises:
        OpeningHoursError: anything else.
    """
    plain = " ".join(text.split())
    if not plain:
        raise OpeningHoursError(NO_WINDOW)
    if plain == "24/7":
        return (Window(0, DAY_MIN),)
    for pattern, sentence in _REFUSED:
        found = pattern.search(plain)
        if found:
            raise OpeningHoursError(f"{found[0]!r} does not fit here. {sentence}")
    return tuple(window for part in _COMMAS.split(plain) for window in _parse_range(part))


def _parse_range(text: str) -> tuple[Window, ...]:
    if not text:
        raise OpeningHoursError("There is a comma with no window beside it.")
    ends = _DASHES.split(text)
    if len(ends) != 2 or "" in ends:
        raise OpeningHoursError(f"{text[:60]!r} is not one window: it needs a start and an end, such as '22:00-06:00'.")
    try:
        start_min, end_min = (parse_time_of_day(end) for end in ends)
    except TimeOfDayError as error:
        raise OpeningHoursError(_with_advice(str(error), ends[1])) from error
    halves = [bool(_HALF_OF_DAY.search(end)) for end in ends]
    for given, other, minutes in ((halves[0], halves[1], end_min), (halves[1], halves[0], start_min)):
        if given and not other and 60 <= minutes < 13 * 60:
            raise OpeningHoursError(f"{text[:60]!r} leaves open which half of the day is meant: write am or pm twice.")
    return window_between(start_min, end_min)


def _with_advice(sentence: str, end: str) -> str:
    past_midnight = re.fullmatch(r"(2[4-9]|3\d|4[0-8]):([0-5]\d)", end)
    if past_midnight is None:
        return sentence
    return (
        f"{sentence} For a window over midnight write its end as {int(past_midnight[1]) % 24:02d}:{past_midnight[2]}."
    )


def window_between(start_min: int, end_min: int) -> tuple[Window, ...]:
    """The daily window from one time to the next occurrence of the other, split at midnight where it passes it.

    Both are minutes after midnight, 0 to 1440. The whole day is 0 to 1440.

    Raises:
        OpeningHoursError: both are the same time of day, which could mean the whole day or nothing.
    """
    if start_min % DAY_MIN == end_min % DAY_MIN and (start_min, end_min) != (0, DAY_MIN):
        raise OpeningHoursError("The window starts and ends at the same time. The whole day is '00:00-24:00'.")
    start_min, end_min = start_min % DAY_MIN, end_min or DAY_MIN
    if start_min < end_min:
        return (Window(start_min, end_min),)
    return (Window(start_min, DAY_MIN), Window(0, end_min))
