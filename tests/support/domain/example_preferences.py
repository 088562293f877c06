"""Tariffs and an intent of a driver, as examples."""

from driveway.domain.preferences.departures import WEEKDAYS
from driveway.domain.twin import Intent, Tariff, Weekday, Window

NIGHT = Tariff((Window(0, 330), Window(1410, 1440)), "Europe/London", "dual_rate")
EVENING = Tariff((Window(1200, 1380),), "Europe/London", "dual_rate")
EVERY_DAY: dict[Weekday, str] = dict.fromkeys(WEEKDAYS, "07:00")
THIRTY_KWH = Intent(ready_by=EVERY_DAY, kwh=30)
