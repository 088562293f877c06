"""Nights as support meets them: one home and one car, what happens until the morning, and what is reported of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from local.why import night_report
from tests.world.connections import API, APP_TOKEN
from tests.world.homes import Home, home
from tests.world.world import World, new_world

START = datetime(2026, 1, 15, 17, 0, tzinfo=UTC)
"""It is winter, so the home's wall time is UTC."""

MORNING = START + timedelta(hours=16)
AFTER_NOON = START + timedelta(hours=19, minutes=15)
PRICES = [7.0 if half_hour < 11 or half_hour >= 47 else 30.0 for half_hour in range(48)]
"""Pence per kWh by half-hour: 7 from 23:30 until 05:30, else 30."""

SAMPLE_EVERY_S = 700
"""No sample coincides with an edge of the plan."""

WARNINGS = frozenset(
    {"ReadyByAtRisk", "ReadyBySafe", "NeedsAttention", "Reconnected", "NoSession", "CommandFailed", "AxleUnavailable"}
)


@dataclass(frozen=True)
class Report:
    """What our API and ``make why`` report at nine in the morning.

    ``rows`` are those of the list of sessions, ``session`` is the only session of the night (None without one), and
    ``timeline`` is in order of time. ``picture`` is the session's SVG, and ``meter_kwh`` what the car's own meter
    counted, by half-hour. Until after the noon that ends the night, with a plug-out in the morning, and without the
    onboarding, ``history_units`` are the write units of sessions and plans, ``figure_units`` those of the night's
    figures in the night of all homes.
    """

    rows: list[dict[str, Any]]
    session: dict[str, Any] | None
    timeline: list[dict[str, Any]]
    asset: dict[str, Any]
    why: list[str]
    history_units: int
    picture: str
    meter_kwh: Mapping[datetime, float]
    figure_units: int

    @property
    def row(self) -> dict[str, Any]:
        """The only row of the night."""
        (row,) = self.rows
        return row

    @property
    def warnings(self) -> list[tuple[str, str]]:
        """The events that warned the driver, or took a warning back, with their sentences."""
        return [(entry["event"], entry["text"]) for entry in self.timeline if entry["event"] in WARNINGS]

    @property
    def kinds_of_warnings(self) -> list[str]:
        """The events of the warnings; the same one in a row counts once."""
        found = [event for event, _ in self.warnings]
        return [event for place, event in enumerate(found) if place == 0 or found[place - 1] != event]


@dataclass(frozen=True)
class ReportedNight:
    """A night of one car from 17:00 on. Times of day are those of the home."""

    world: World
    home: Home

    def on(self, hour: int, minute: int, do: Callable[[], object]) -> None:
        """Have something done at a time."""
        at = START.replace(hour=hour, minute=minute)
        self.world.at(at if at >= START else at + timedelta(days=1), f"{hour:02}:{minute:02}", do)

    def move(self, hour: int, minute: int, move: str, **body: Any) -> None:
        """Move the car."""
        self.on(hour, minute, lambda: self.world.move(self.home.vehicle_id, move, **body))

    def set_car(self, hour: int, minute: int, **changes: Any) -> None:
        """Change the car."""
        self.on(hour, minute, lambda: self.world.simulated("POST", f"/cars/{self.home.vehicle_id}/set", changes))

    def ask(self, hour: int, minute: int, method: str, path: str, body: Any = None) -> None:
        """Make a request of the app."""
        self.on(hour, minute, lambda: self.answer(method, path, body))

    def axle_does(self, hour: int, minute: int, path: str, body: Any = None) -> None:
        """Make a request to the control API of the simulated Axle."""
        url = f"http://axle.test/_sim{path}"
        self.on(hour, minute, lambda: self.world.session.post(url, json=body).raise_for_status())

    def plan_of_axle(self, hour: int, minute: int, number: int, starts: int, ends: int) -> None:
        """Have Axle send a plan now, which charges from ``starts`` to ``ends`` (minutes after midnight)."""
        at = START.replace(hour=hour, minute=minute)
        to_midnight_s = int((START.replace(hour=0, minute=0) + timedelta(days=1) - at).total_seconds())
        periods = [(0, 0), (to_midnight_s + starts * 60, 7400), (to_midnight_s + ends * 60, 0)]
        profile = {
            "chargingProfileId": number,
            "stackLevel": 1100,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "startSchedule": at.isoformat(),
                "duration": to_midnight_s + 7 * 3600,
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": since, "limit": limit} for since, limit in periods],
            },
        }
        self.axle_does(hour, minute, f"/assets/{self.home.asset}/issue", {"profile": profile})

    def answer(self, method: str, path: str, body: Any = None) -> Any:
        """The answer of our API, which must be 2xx."""
        answer = self.world.request(
            method, path, body, operator=False, **{"idempotency-key": str(self.world.clock.now())}
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def units(self, *kinds: str) -> int:
        """The write units of kinds of items so far."""
        return sum(table.write_units_of[kind] for table in self.world.cloud.tables.values() for kind in kinds)

    def report(self, onboarding_units: int) -> Report:
        """What is reported now, and what was kept until after noon."""
        asset, date = f"/assets/{self.home.asset}", f"{START:%Y-%m-%d}"
        rows = [row for row in self.answer("GET", f"{asset}/sessions")["sessions"] if row["night"] == date]
        ids = [row["session"] for row in rows if row["session"] is not None]
        self.world.session.headers["authorization"] = f"Bearer {APP_TOKEN}"
        one = f"{asset}/sessions/{ids[0]}" if len(ids) == 1 else None
        true_wh = self.world.cars.world.cars[self.home.vehicle_id].slots_wh
        found = Report(
            rows=rows,
            session=self.answer("GET", one) if one else None,
            timeline=self.answer("GET", f"{asset}/timeline")["entries"][::-1],
            asset=self.answer("GET", asset),
            why=night_report(self.world.session, API, self.home.asset, date),
            history_units=0,
            picture=self.world.request("GET", one, operator=False, accept="image/svg+xml").text if one else "",
            meter_kwh={start: wh / 1000 for start, wh in true_wh.items() if start >= START},
            figure_units=0,
        )
        self.move(9, 30, "plug-out")
        self.world.run_until(AFTER_NOON)
        return replace(
            found, history_units=self.units("PLAN", "SESSION") - onboarding_units, figure_units=self.units("NIGHT")
        )


def reported(happens: Callable[[ReportedNight], object], provider: str = "enode", **spec: Any) -> Report:
    """The report of a night in which something happens; ``spec`` changes the car."""
    with new_world(1, start=START) as world:
        night = ReportedNight(world, home(1, provider, **spec))
        world.simulated("POST", "/config", {provider: {"sample_every_s": SAMPLE_EVERY_S}})
        world.simulated("POST", "/cars", night.home.spec)
        tariff = {"prices": PRICES, "timezone": "Europe/London"}
        night.answer("PUT", f"/sites/{night.home.site}", night.home.body(tariff=tariff))
        world.run_until(START + timedelta(minutes=10))
        onboarding_units = night.units("PLAN", "SESSION")
        happens(night)
        world.run_until(MORNING)
        report = night.report(onboarding_units)
        assert world.violations == []
        return report
