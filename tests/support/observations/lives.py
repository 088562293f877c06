"""Generated lives of a car, and what its cloud tells of them.

The truth: the car stays at home, at work, at a charger in town (some of them fast), at a friend's house round the
corner and in a garage below the office, and drives between, which takes ten minutes or more from plug to plug. The
cloud reports by one of the providers, on change or every 5 to 60 minutes; it dates the place by parking or by the
report; reports are lost, late and out of order, signals are missing, times and values are what stands for none. It may
report "unplugged" for as long as our stop lasts. Accounts and queues that are lost are in ``mishaps``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal

from tests.support.observations.car_reports import HOME, Snapshot, north_of_home
from tests.support.observations.home_car import EVENING

Place = Literal["home", "work", "town", "friend", "garage"]
DISTANCE_KM: dict[Place, float] = {"home": 0.02, "work": 60.0, "town": 4.0, "friend": 0.6, "garage": 12.0}
MINUTE = timedelta(minutes=1)
BATTERY_KWH = 150.0
BEGIN = EVENING.replace(hour=6)


@dataclass(frozen=True)
class Stay:
    """The car stands at ``place`` in ``[start, end)``; its cable is in during ``[plugged, unplugged)``."""

    place: Place
    start: datetime
    end: datetime
    plugged: datetime
    unplugged: datetime
    power_kw: float
    fast: bool
    odometer_km: float

    def is_plugged(self, at: datetime) -> bool:
        return self.plugged <= at < self.unplugged


@dataclass(frozen=True)
class Cloud:
    """How a car's cloud behaves."""

    provider: str
    every: timedelta | None
    dated_by_parking: bool
    gives: Literal["name", "position", "both"]
    odometer: bool
    keeps_place_without_fix: bool
    loss: float
    late: float
    missing: float
    sentinels: float
    strays: float
    unplugged_while_stopped: bool
    without_status: float
    in_seconds: bool

    @property
    def is_fine(self) -> bool:
        """Whether a report comes every ten minutes at least, and none is lost or late."""
        return self.every is not None and self.every <= 10 * MINUTE and self.loss == self.late == 0.0


def a_cloud(random: Random, provider: str, more: Random) -> Cloud:
    """A cloud of a provider; ``more`` draws what was added later, so that the lives of a seed stay what they were."""
    positions = provider != "app"
    snapshots = provider in ("enode", "smartcar")
    odometer = positions and random.random() < 0.7
    return Cloud(
        provider=provider,
        every=None if random.random() < 0.3 else random.choice([5, 10, 20, 30, 60]) * MINUTE,
        dated_by_parking=snapshots and random.random() < 0.6,
        gives=random.choice(["name", "position", "both"]) if positions else "name",
        odometer=odometer,
        keeps_place_without_fix=snapshots and odometer and random.random() < 0.5,
        loss=random.choice([0.0, 0.1, 0.3]),
        late=random.choice([0.0, 0.2]),
        missing=random.choice([0.0, 0.15]),
        sentinels=random.choice([0.0, 0.1]),
        strays=random.choice([0.0, 0.5]),
        unplugged_while_stopped=more.random() < 0.2,
        without_status=more.choice([0.0, 0.3, 1.0]) if provider == "smartcar" else 0.0,
        in_seconds=provider == "smartcar" and more.random() < 0.4,
    )


def a_life(random: Random, days: int) -> list[Stay]:
    """Nights at home, most of them plugged in, and days at up to three places."""
    stays: list[Stay] = []
    at, odometer_km = BEGIN, 20_000.0
    for day in range(days):
        midnight = BEGIN.replace(hour=0) + timedelta(days=day + 1)
        for _ in range(random.randint(0, 3)):
            place: Place = random.choice(["work", "town", "friend", "garage", "home"])
            end = at + random.randint(100, 300) * MINUTE
            if end > midnight - timedelta(hours=6):
                break
            stays.append(_stay(random, place, at, end, odometer_km))
            at, odometer_km = _driven(random, place, end, odometer_km)
        end = midnight + timedelta(hours=random.randint(6, 8), minutes=random.randint(0, 59))
        stays.append(_stay(random, "home", at, end, odometer_km, night=True))
        at, odometer_km = _driven(random, "home", end, odometer_km)
    return stays


def _driven(random: Random, place: Place, end: datetime, odometer_km: float) -> tuple[datetime, float]:
    """When and with which odometer the car arrives at the next place."""
    return end + random.randint(12, 40) * MINUTE, odometer_km + max(1.0, DISTANCE_KM[place]) + random.randint(1, 9)


def _stay(
    random: Random, place: Place, start: datetime, end: datetime, odometer_km: float, *, night: bool = False
) -> Stay:
    if night or random.random() < 0.7:
        plugged, unplugged = start + random.randint(1, 10) * MINUTE, end - random.randint(1, 5) * MINUTE
    else:
        plugged = unplugged = end
    fast = place == "town" and random.random() < 0.5
    power_kw = 50.0 if fast else 11.0 if place in ("work", "town") else 7.2
    return Stay(place, start, end, plugged, unplugged, power_kw, fast, odometer_km)


def stay_at(stays: list[Stay], at: datetime) -> Stay | None:
    """Where the car stands; None while it drives."""
    return next((stay for stay in stays if stay.start <= at < stay.end), None)


def report_times(random: Random, cloud: Cloud, stays: list[Stay]) -> list[datetime]:
    """When the cloud makes its reports: a little after each change, or at its own pace."""
    end = stays[-1].end
    if cloud.every is None:
        changes = [at for stay in stays for at in (stay.start, stay.plugged, stay.unplugged, stay.end)]
        reports = {at + random.randint(1, 20) * timedelta(seconds=1) for at in changes if at < end}
        return sorted(reports | set(_paced(BEGIN + timedelta(seconds=7), end, 30 * MINUTE)))
    return list(_paced(BEGIN + random.randint(0, 300) * timedelta(seconds=1), end, cloud.every))


def _paced(at: datetime, end: datetime, every: timedelta) -> Iterator[datetime]:
    while at < end:
        yield at
        at += every


@dataclass
class Teller:
    """Makes the snapshots of a life; ``charging`` and ``soc_pct`` are given by the caller."""

    random: Random
    more: Random
    cloud: Cloud
    stays: list[Stay]
    stray: tuple[datetime, Stay] | None = None
    corrected: tuple[datetime, Stay] | None = None
    strayed: frozenset[datetime] = frozenset()
    soc_is_disturbed: bool = False

    def snapshot(
        self, at: datetime, *, charging: bool, soc_pct: float, session_kwh: float, stopped: bool = False
    ) -> tuple[Snapshot, bool]:
        """What the cloud says at an instant, and whether its place is a stray; ``stopped``: by a command of ours."""
        cloud = self.cloud
        stay = stay_at(self.stays, at)
        before = [one for one in self.stays if one.start <= at]
        known = stay or (before[-1] if before else self.stays[0])
        if cloud.keeps_place_without_fix and known.place == "garage":
            fixed = [one for one in before if one.place != "garage"]
            known = fixed[-1] if fixed else known
        plugged = stay is not None and stay.is_plugged(at)
        place, stray = self._place(at, stay, known, plugged=plugged)
        odometer_km = known_odometer(self.stays, at) if cloud.odometer else None
        snapshot = Snapshot(
            at,
            plugged_in=plugged and not (stopped and cloud.unplugged_while_stopped),
            charging=plugged and charging,
            power_kw=(stay.power_kw if stay is not None and plugged and charging else 0.0),
            energy_session_kwh=round(session_kwh, 3) if cloud.provider != "enode" else None,
            soc_pct=round(soc_pct),
            odometer_km=odometer_km,
            moving=stay is None,
            fast_charger=stay is not None and plugged and stay.fast and charging,
            without_status=self.more.random() < cloud.without_status,
            in_seconds=cloud.in_seconds,
            **place,
        )
        return self._disturbed(snapshot), stray

    def _place(self, at: datetime, stay: Stay | None, known: Stay, *, plugged: bool) -> tuple[dict[str, Any], bool]:
        random, cloud = self.random, self.cloud
        if stay is None and not cloud.dated_by_parking:
            measured, distance = at, 2.0
        else:
            measured = known.start if cloud.dated_by_parking or known is not stay else at
            distance = DISTANCE_KM[known.place]
        stray = False
        if self.corrected is not None and self.corrected[1] is stay and cloud.dated_by_parking:
            # What puts a stray right is another fix, of its own time.
            measured = self.corrected[0]
        if self.stray is not None and (self.stray[1] is not stay or not self._goes_on(at)):
            if self.stray[1] is stay:
                measured, self.corrected = at, (at, self.stray[1])
            self.stray = None
        if self.stray is None and plugged and known.place == "home" and stay is not None:
            quiet = stay.plugged + 20 * MINUTE < at < stay.unplugged - 90 * MINUTE
            if quiet and random.random() < cloud.strays / 10 and stay.start not in self.strayed:
                self.stray, self.strayed = (at, stay), self.strayed | {stay.start}
        if self.stray is not None:
            measured, distance, stray = self.stray[0], 0.5, True
        at_home = distance < 0.2
        place: dict[str, Any] = {"place_measured_at": measured}
        if cloud.gives != "position":
            place["at_home"] = at_home
        if cloud.gives != "name":
            place["position"] = north_of_home(distance) if not at_home else HOME
        return place, stray

    def _goes_on(self, at: datetime) -> bool:
        """A stray that a cloud with a fine pace dates by parking is repeated for hours; any other is one report."""
        fine = self.cloud.every is not None and self.cloud.every < 10 * MINUTE
        return self.stray is not None and fine and self.cloud.dated_by_parking and at < self.stray[0] + 300 * MINUTE

    def _disturbed(self, snapshot: Snapshot) -> Snapshot:
        random, cloud = self.random, self.cloud
        if random.random() < cloud.missing:
            # Where only the odometer tells a garage from home, it is never missing.
            lost = random.choice(["plug", "place", "soc", "soc" if cloud.keeps_place_without_fix else "odometer"])
            names = {
                "plug": ("plugged_in", "charging", "power_kw"),
                "place": ("at_home", "position"),
                "soc": ("soc_pct",),
                "odometer": ("odometer_km",),
            }[lost]
            snapshot = replace(snapshot, **dict.fromkeys(names))
        if cloud.provider == "smartcar" and random.random() < cloud.missing:
            failed = random.choice(["plug", "home"])
            if failed == "plug":
                stale = ("charge-ischargingcableconnected", random.random() < 0.5)
                snapshot = replace(snapshot, plugged_in=None, stale_in_error=stale)
            elif cloud.gives == "both":
                snapshot = replace(snapshot, at_home=None, stale_in_error=("location-isathome", random.random() < 0.5))
        if random.random() < cloud.sentinels:
            disturbed: list[dict[str, Any]] = [{"soc_pct": 0}, {"soc_pct": 50}]
            if not cloud.keeps_place_without_fix:
                disturbed.append({"odometer_km": 0.0})
            if snapshot.position is not None:
                disturbed.append({"position": (0.0, 0.0)})
            if not cloud.dated_by_parking and not cloud.keeps_place_without_fix:
                disturbed += [{"time_sentinel": none} for none in (0, "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z")]
            chosen = random.choice(disturbed)
            if "soc_pct" in chosen and self.soc_is_disturbed:
                # A second sentinel in a row would be believed, so a true state of charge comes between.
                return snapshot
            self.soc_is_disturbed = self.soc_is_disturbed or "soc_pct" in chosen
            return replace(snapshot, **chosen)
        self.soc_is_disturbed = self.soc_is_disturbed and snapshot.soc_pct is None
        return snapshot


def known_odometer(stays: list[Stay], at: datetime) -> float:
    """The odometer at an instant: that of the stay, or on the way to the next."""
    before = [stay for stay in stays if stay.start <= at]
    if not before:
        return stays[0].odometer_km
    stay = before[-1]
    following = stays.index(stay) + 1
    if at < stay.end or following == len(stays):
        return stay.odometer_km
    after = stays[following]
    share = (at - stay.end) / (after.start - stay.end)
    return stay.odometer_km + share * (after.odometer_km - stay.odometer_km)
