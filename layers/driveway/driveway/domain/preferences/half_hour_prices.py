"""Half-hourly prices, and the off-peak windows derived from them: Axle takes windows and no prices."""

from collections.abc import Mapping, Sequence
from typing import Any

from driveway.domain.preferences.errors import Faults, pointer_to
from driveway.domain.twin import Window
from driveway.domain.wall_time import TimeOfDayError, hhmm, parse_time_of_day

SLOT_MIN = 30
SLOTS = 48
CHEAP_SHARE = 0.25
"""A half-hour is off-peak if its price is in the lowest quarter of the day's range of prices."""


def read_prices(value: Any, pointer: str, faults: Faults) -> tuple[float, ...]:
    """The 48 prices of a day in pence per kWh by local half-hour from midnight; empty, with faults, if not readable.

    ``value`` is an array of 48 numbers, or of 48 objects ``{"start": "HH:MM", "pence_per_kwh": number}`` in any order.
    """
    if not isinstance(value, list | tuple):
        faults.add(pointer, "Give an array of 48 half-hourly prices.")
        return ()
    plain = not any(isinstance(item, Mapping) for item in value)
    if len(value) > SLOTS or (plain and len(value) < SLOTS):
        faults.add(pointer, f"Give {SLOTS} prices, one for each half-hour from 00:00; there are {len(value)}.")
        return ()
    if plain:
        numbers = [_price(item, pointer + pointer_to(index), faults) for index, item in enumerate(value)]
        return tuple(price for price in numbers if price is not None)
    return _in_order_of_start(value, pointer, faults)


def _in_order_of_start(items: Sequence[Any], pointer: str, faults: Faults) -> tuple[float, ...]:
    """The prices of objects that each name their half-hour."""
    by_slot: dict[int, float] = {}
    seen: set[int] = set()
    for index, item in enumerate(items):
        slot, price = _read_slot(item, pointer + pointer_to(index), seen, faults)
        if slot is not None and price is not None:
            by_slot[slot] = price
    missing = [slot for slot in range(SLOTS) if slot not in seen]
    if missing:
        starts = ", ".join(hhmm(slot * SLOT_MIN) for slot in missing[:3])
        faults.add(pointer, f"{len(missing)} half-hours have no price, the first at {starts}.")
    return tuple(by_slot[slot] for slot in sorted(by_slot))


def _price(value: Any, pointer: str, faults: Faults) -> float | None:
    return faults.number(value, pointer, -10_000, 10_000)


def _read_slot(item: Any, pointer: str, seen: set[int], faults: Faults) -> tuple[int | None, float | None]:
    given = faults.fields(item, pointer, ("start", "pence_per_kwh"))
    if not isinstance(item, Mapping):
        return None, None
    price = _price(given.get("pence_per_kwh"), pointer + "/pence_per_kwh", faults)
    start = faults.text(given.get("start"), pointer + "/start")
    if start is None:
        return None, price
    try:
        minutes = parse_time_of_day(start)
    except TimeOfDayError as error:
        faults.add(pointer + "/start", f"{error} A price holds for the same local half-hour every day, without a date.")
        return None, price
    slot, rest = divmod(minutes, SLOT_MIN)
    if rest or slot == SLOTS:
        faults.add(pointer + "/start", "A half-hour starts at minute 00 or 30, the last one at 23:30.")
        return None, price
    if slot in seen:
        faults.add(pointer + "/start", f"{hhmm(minutes)} has a price already.")
    seen.add(slot)
    return slot, price


def cheap_windows(pence_per_kwh: tuple[float, ...]) -> tuple[tuple[Window, ...], str]:
    """The half-hours whose price is at most the lowest plus a quarter of the range, and a warning of what Axle misses.

    Takes 48 prices by local half-hour. A day with one price is off-peak throughout.
    """
    low, high = min(pence_per_kwh), max(pence_per_kwh)
    limit = low + CHEAP_SHARE * (high - low)
    cheap = [slot for slot, price in enumerate(pence_per_kwh) if price <= limit]
    warning = (
        "Prices are kept here and not sent to Axle. Axle is sent off-peak windows, the same every day: the "
        f"{len(cheap)} half-hours at or below {limit:.2f} p/kWh (the lowest price, {low:.2f}, plus a quarter of the "
        f"range up to {high:.2f}). For its plan, differences between prices inside the windows, and outside them, are "
        "lost."
    )
    return tuple(Window(slot * SLOT_MIN, (slot + 1) * SLOT_MIN) for slot in cheap), warning
