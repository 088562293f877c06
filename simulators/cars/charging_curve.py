"""How fast a battery takes power, in closed form, so that a meter needs no small steps.

Below the taper the car takes all it is offered. Above it, the most it takes falls linearly with the stored energy,
which makes the power an exponential in time.
"""

from dataclasses import dataclass
from math import exp, inf, log


@dataclass(frozen=True, slots=True)
class ChargingCurve:
    """A battery and its charger. Powers and energies drawn are on the AC side; stored energy is in the battery.

    ``taper_end_fraction`` is the part of the rated power still taken when the battery is full.
    """

    battery_kwh: float
    rated_kw: float
    efficiency: float = 0.9
    taper_from_pct: float = 90.0
    taper_end_fraction: float = 0.2

    def power_kw(self, stored_kwh: float, offered_kw: float) -> float:
        """AC power the car takes with this much stored when ``offered_kw`` is on offer."""
        return max(0.0, min(offered_kw, self.rated_kw, self._most_kw(stored_kwh)))

    def knee_kwh(self, offered_kw: float) -> float:
        """Stored energy above which the car takes less than it is offered."""
        offered = min(offered_kw, self.rated_kw)
        part = (1 - offered / self.rated_kw) / (1 - self.taper_end_fraction)
        return min(self.battery_kwh, self._taper_kwh + part * (self.battery_kwh - self._taper_kwh))

    def hours_to(self, stored_kwh: float, target_kwh: float, offered_kw: float) -> float:
        """Hours of charging from one stored energy to another; infinite when nothing is on offer."""
        offered = min(offered_kw, self.rated_kw)
        if target_kwh <= stored_kwh:
            return 0.0
        if offered <= 0:
            return inf
        knee = self.knee_kwh(offered)
        flat_kwh = max(0.0, min(target_kwh, knee) - stored_kwh)
        hours = flat_kwh / (self.efficiency * offered)
        taper_start = max(stored_kwh, knee)
        if target_kwh > taper_start:
            hours += log(self._most_kw(taper_start) / self._most_kw(target_kwh)) / self._decay_per_h
        return hours

    def stored_after(self, stored_kwh: float, offered_kw: float, hours: float) -> float:
        """Stored energy after so many hours of charging. What was drawn is the difference over the efficiency."""
        offered = min(offered_kw, self.rated_kw)
        if offered <= 0 or hours <= 0:
            return stored_kwh
        knee = self.knee_kwh(offered)
        flat_h = max(0.0, knee - stored_kwh) / (self.efficiency * offered)
        if hours <= flat_h:
            return stored_kwh + self.efficiency * offered * hours
        start = max(stored_kwh, knee)
        fallen = 1 - exp(-self._decay_per_h * (hours - flat_h))
        return min(self.battery_kwh, start + self.efficiency * self._most_kw(start) / self._decay_per_h * fallen)

    @property
    def _taper_kwh(self) -> float:
        return self.battery_kwh * self.taper_from_pct / 100

    @property
    def _decay_per_h(self) -> float:
        span_kwh = self.battery_kwh - self._taper_kwh
        return self.efficiency * self.rated_kw * (1 - self.taper_end_fraction) / span_kwh

    def _most_kw(self, stored_kwh: float) -> float:
        over = max(0.0, stored_kwh - self._taper_kwh) / (self.battery_kwh - self._taper_kwh)
        return self.rated_kw * (1 - (1 - self.taper_end_fraction) * min(1.0, over))
