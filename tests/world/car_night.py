"""One car over one night, from what was so and from what had been reported by then. Knows nothing of control."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from tests.world.app import Asked
from tests.world.homes import Home
from tests.world.night import Night
from tests.world.plans import AcceptedBody, Allowance, accepted_bodies, arrivals
from tests.world.seen import Moment, Seen

POWER_KW = 7.4
TAKEN_IN = timedelta(seconds=30)
"""A report is taken in so long after it arrived."""

GRACE = timedelta(minutes=15)
"""So long a car may take to charge once it may: the start, a fault on its way, and another try."""

LIKE_A_DRIVERS_STOP = timedelta(minutes=30)
"""So much longer may it take where reports show a car first charging and then not, as if its driver had stopped it."""

LOST_ON_ITS_WAY = timedelta(seconds=5)
"""So close to the time at which a token is issued is the fault of the call that should bring it, or store it."""

PLANNED_AHEAD = timedelta(minutes=2)
"""So long before an edge its command is planned at most, and may meet a fault."""

RECOVERED = timedelta(minutes=80)
"""A car that was out of reach, or not ours, is tried again within this time: the longest pause of the protections is
an hour, and a try may fail once."""

ERASED_WITHIN = timedelta(hours=1)
"""An erasure waits so long for a car that cannot be reached. Afterwards nobody may command the car."""

TRIED_AGAIN_WITHIN = timedelta(minutes=20)
"""Within this time a release is tried again. A car that obeys later in the hour may not be noticed before its end."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A time ``[start, end)`` in which a car could charge and may. ``began`` is what opened it, ``charged_at`` when
    it first charged in it (None: never), ``charged`` for how long."""

    asset: str
    start: datetime
    end: datetime
    began: str
    charged_at: datetime | None
    charged: timedelta

    @property
    def late(self) -> timedelta:
        """How late charging began; all of it if it never did."""
        return (self.charged_at or self.end) - self.start


@dataclass(frozen=True)
class Stay:
    """A plug-in at home, until the plug-out or the end of the night."""

    start: datetime
    end: datetime
    is_over: bool


@dataclass
class CarNight:
    """One car's night."""

    night: Night
    seen: Seen
    home: Home

    @cached_property
    def moments(self) -> list[Moment]:
        """The car as it was."""
        return self.seen.moments[self.home.vehicle_id]

    @property
    def shown_share(self) -> float:
        """By how much more energy may be shown than flowed, as what reaches the battery is divided by 0.9."""
        at_battery = self.home.provider in {"enode", "smartcar"}
        return max(1.0, float(self.home.spec.get("efficiency", 0.9)) / 0.9) if at_battery else 1.0

    @property
    def takes_commands(self) -> bool:
        """Whether a command can have an effect while it is plugged in.

        A maker's cloud gives up a car that obeys too late. A charger that applies a default profile to the next
        transaction only needs a TxProfile: it has to take one, and the running transaction has to be named.
        """
        settings, spec = self.night.neighbourhood.makers.get(self.home.provider, {}), self.home.spec
        in_time = spec.get("command_delay_s", 0) < settings.get("action_timeout_s", math.inf)
        return in_time and not self.keeps_its_profiles

    @property
    def keeps_its_profiles(self) -> bool:
        """Whether it is a charger that keeps the profiles with which a transaction began until the plug-out."""
        settings, spec = self.night.neighbourhood.makers.get(self.home.provider, {}), self.home.spec
        defaults_act = spec.get("default_profiles_apply", "at_once") == "at_once"
        named = spec.get("takes_transaction_profiles", True) and settings.get("names_transactions", True)
        return not (defaults_act or named)

    @cached_property
    def stays(self) -> list[Stay]:
        """When it was plugged in at home."""
        found: list[Stay] = []
        since: datetime | None = None
        for one in self.moments:
            here = one.plugged and one.at_home
            if here and since is None:
                since = one.at
            elif not here and since is not None:
                found.append(Stay(since, one.at, True))
                since = None
        now = self.night.world.clock.now()
        return [*found, *([Stay(since, now, False)] if since is not None else [])]

    @cached_property
    def allowance(self) -> Allowance:
        """When it may charge."""
        asked, asset = self.night.app.asked, self.home.asset
        joined = accepted_bodies(asked, "PUT", f"/sites/{self.home.site}")
        first = [AcceptedBody(one.asked_at, one.answered_at, one.body["assets"][0]["tariff"]) for one in joined]
        changed = accepted_bodies(asked, "PUT", f"/assets/{asset}/tariff")
        at_axle = self.seen.at_axle.get(asset)
        deliveries = self.night.world.axle_sender.list(at_axle) if at_axle is not None else []
        return Allowance(
            power_kw=POWER_KW,
            tariffs=sorted([*first, *changed], key=lambda one: one.answered_at),
            charge_nows=accepted_bodies(asked, "PUT", f"/assets/{asset}/charge-now"),
            charge_now_ends=accepted_bodies(asked, "DELETE", f"/assets/{asset}/charge-now"),
            arrived=arrivals(deliveries, POWER_KW),
        )

    def moment(self, at: datetime) -> Moment | None:
        """The car as it was at an instant."""
        return next((one for one in reversed(self.moments) if one.at <= at), None)

    def meter_wh(self, at: datetime) -> float:
        """What its own meter showed at an instant, between two moments by time."""
        before = self.moment(at)
        after = next((one for one in self.moments if one.at > at), None)
        if before is None:
            return 0.0
        if after is None or after.meter_wh == before.meter_wh:
            return before.meter_wh
        share = (at - before.at) / (after.at - before.at)
        return before.meter_wh + share * (after.meter_wh - before.meter_wh)

    def within(self, since: datetime, until: datetime) -> list[Moment]:
        """The car as it was at any time between two instants."""
        first = self.moment(since)
        return [*([first] if first is not None else []), *(one for one in self.moments if since < one.at < until)]

    def was_full(self, since: datetime, until: datetime) -> bool:
        """Whether it was at its charge limit at some time between two instants."""
        return any(one.complete for one in self.within(since, until))

    def filled_to(self, pct: float, since: datetime, until: datetime) -> bool:
        """Whether its battery was filled to a state of charge at some time between two instants."""
        full_kwh = self.home.spec.get("battery_kwh", 64.0) * pct / 100
        return any(one.stored_kwh >= full_kwh - 1e-6 for one in self.within(since, until))

    def refusals(self, since: datetime, until: datetime, statuses: frozenset[int] = frozenset()) -> list[int]:
        """What its maker's cloud answered that was no success between two instants."""
        found = self.seen.refused[self.home.provider]
        return [status for at, status in found if since <= at <= until and (not statuses or status in statuses)]

    def calls_suffered(self, since: datetime, until: datetime) -> bool:
        """Whether a call of a function suffered a fault between two instants."""
        return any(since <= at <= until for at in self.seen.suffered)

    def known_spans(self, stay: Stay) -> list[tuple[datetime, datetime]]:
        """When it was reported to be plugged in at home, at a home that took part."""
        found: list[tuple[datetime, datetime]] = []
        edges = self.edges(stay)
        for since, until in pairwise(edges):
            if self.takes_no_part(since) or not self._is_known(stay, since):
                continue
            if found and found[-1][1] == since:
                found[-1] = (found[-1][0], until)
            else:
                found.append((since, until))
        return found

    # What is in the way of charging at an instant

    def hindrance(self, stay: Stay, at: datetime) -> str | None:
        """What keeps the car from charging at an instant of a stay; None: nothing."""
        present = self.moment(at)
        if present is None or not self._is_in_reach(at):
            return "out of reach"
        hindrances: dict[str, Callable[[], bool]] = {
            "not enrolled": lambda: self.takes_no_part(at),
            "not reported": lambda: not self._is_known(stay, at),
            "by hand": lambda: present.by_hand or self.seen.touched_by_hand(self.home.vehicle_id, stay.start, at),
            "full": lambda: present.complete,
            "plan": lambda: self.allowance.kw(at, stay.start) <= 0,
        }
        return next((name for name, holds in hindrances.items() if holds()), None)

    def takes_no_part(self, at: datetime) -> bool:
        """Whether its home may take no part at an instant: it has not joined, is leaving, or snoozes."""
        return self._is_out(at, TAKEN_IN, lambda one: one.asked_at)

    def has_left(self, at: datetime) -> bool:
        """Whether its home takes no part at an instant for sure: what it asked for was accepted, and it is not back."""
        return self._is_out(at, timedelta(), lambda one: one.answered_at)

    def _is_out(self, at: datetime, taken_in: timedelta, since: Callable[[Asked], datetime | None]) -> bool:
        line = [(then, now) for then, now in self.seen.enrolled[self.home.asset] if then + taken_in <= at]
        if not line or not line[-1][1]:
            return True
        site = f"/sites/{self.home.site}"
        for one in self.night.app.asked:
            began = since(one)
            if began is None or began > at or one.is_refused:
                continue
            rejoined = any(now and then > began for then, now in line)
            if (one.method, one.path) in {("DELETE", site), ("POST", f"{site}/unenrol")} and not rejoined:
                return True
            until = (one.body or {}).get("until") if one.path == f"{site}/snooze" else None
            if until is not None and at < datetime.fromisoformat(until):
                return True
        return False

    def _is_in_reach(self, at: datetime) -> bool:
        """Whether a command would reach the car at an instant, and have an effect."""
        there = self.moment(at)
        obeys = there is not None and there.obeys and there.reachable and there.account_connected
        out = any(start <= at < end for start, end, _ in self.seen.outages[self.home.provider])
        lost = self.sign_in_lost_at is not None and self.sign_in_lost_at <= at
        return obeys and self.takes_commands and not (out or lost)

    @cached_property
    def sign_in_lost_at(self) -> datetime | None:
        """When a fault kept the newest refresh token of its Tesla account from us. Only a new sign-in mends that.

        Its maker would have issued another, had we ever held that one, or if it took the one before again.
        """
        if self.home.provider != "tesla":
            return None
        issued_at = self.night.world.cars.tesla.refresh_tokens.issued_at(self.home.user_id)
        if issued_at is None:
            return None
        is_lost = self.calls_suffered(issued_at - LOST_ON_ITS_WAY, issued_at + LOST_ON_ITS_WAY)
        is_lost |= any(start <= issued_at < end for start, end, _ in self.seen.outages[self.home.provider])
        return issued_at if is_lost else None

    def is_erased_unreached(self, at: datetime) -> bool:
        """Whether its home was erased by an instant with the car out of reach for as long as an erasure tries."""
        changes = {one.at for one in self.moments}
        changes |= {edge for start, end, _ in self.seen.outages[self.home.provider] for edge in (start, end)}
        for one in self.night.app.asked:
            if (one.method, one.path) != ("DELETE", f"/sites/{self.home.site}"):
                continue
            # It began when it was answered, or at an earlier try whose answer was lost.
            for began in filter(None, (one.asked_at, one.answered_at)):
                last_try_at = began + ERASED_WITHIN - TRIED_AGAIN_WITHIN
                tried = {began, *(change for change in changes if began < change < last_try_at)}
                if began + ERASED_WITHIN <= at and not any(map(self._is_in_reach, tried)):
                    return True
        return False

    def _is_known(self, stay: Stay, at: datetime) -> bool:
        arrived = [
            one
            for one in self.seen.reports[self.home.vehicle_id]
            if one.at + TAKEN_IN <= at and one.seen_at >= stay.start
        ]
        if not any(one.plugged and one.at_home for one in arrived):
            return False
        if not self.home.spec.get("reports_cable", True):
            return False
        last = max(arrived, key=lambda one: one.seen_at)
        present = self.moment(at)
        assert present is not None
        if not present.seems_unplugged or self.seen.touched_by_hand(self.home.vehicle_id, stay.start, at):
            return last.at_home and last.plugged
        return last.at_home and not self._was_tried_in_vain(at)

    def _was_tried_in_vain(self, at: datetime) -> bool:
        """Whether a start was sent by an instant since the car's last stop, and ignored: a stop has one trial."""
        commands = [
            one
            for one in self.night.world.cars.world.cars[self.home.vehicle_id].commands
            if datetime.fromisoformat(one["at"]) <= at
        ]
        since_stop = commands[::-1]
        stops = (place for place, one in enumerate(since_stop) if "stop" in one["command"].lower())
        since_stop = since_stop[: next(stops, len(since_stop))]
        return any("start" in one["command"].lower() and one["obeyed_at"] is None for one in since_stop)

    def edges(self, stay: Stay) -> list[datetime]:
        """The instants of a stay at which anything changed, with both ends."""
        found = {stay.start, stay.end} | self.allowance.edges(stay.start, stay.end)
        found |= {one.at for one in self.moments}
        found |= {one.at + TAKEN_IN for one in self.seen.reports[self.home.vehicle_id]}
        found |= {at + TAKEN_IN for at, _ in self.seen.enrolled[self.home.asset]}
        for start, end, _ in self.seen.outages[self.home.provider]:
            found |= {start, end}
        for one in self.night.app.asked:
            found |= {at for at in (one.asked_at, one.answered_at) if at is not None}
        found |= set(self.seen.hands[self.home.vehicle_id])
        return sorted(edge for edge in found if stay.start <= edge <= stay.end)

    def openings(self, stay: Stay) -> list[Opening]:
        """The times of a stay in which the car could charge and may."""
        edges, found = self.edges(stay), list[tuple[datetime, datetime, str]]()
        before, since, began = "plugged in", None, ""
        for at in edges[:-1]:
            hindered = self.hindrance(stay, at)
            if hindered is None and since is None:
                since, began = at, before
            elif hindered is not None and since is not None:
                found.append((since, at, began))
                since = None
            before = hindered or before
        if since is not None:
            found.append((since, stay.end, began))
        return [self._opening(*one) for one in found]

    def _opening(self, start: datetime, end: datetime, began: str) -> Opening:
        spans = [(max(a, start), min(b, end)) for a, b in self.charging if a < end and start < b]
        charged = sum((b - a for a, b in spans), timedelta())
        return Opening(self.home.asset, start, end, began, spans[0][0] if spans else None, charged)

    @cached_property
    def charging(self) -> list[tuple[datetime, datetime]]:
        """When the car charged."""
        found: list[tuple[datetime, datetime]] = []
        since: datetime | None = None
        for one in self.moments:
            if one.charging and since is None:
                since = one.at
            elif not one.charging and since is not None:
                found.append((since, one.at))
                since = None
        return [*found, *([(since, self.night.world.clock.now())] if since is not None else [])]

    def grace_of(self, opening: Opening) -> timedelta:
        """For how long a car may miss an opening.

        A fault may use up as much of the grace as the car needs to obey, so then that comes on top.
        """
        if opening.began not in {"plan", "not reported", "plugged in"}:
            return RECOVERED
        grace = GRACE
        if opening.began == "not reported" and self._hides_plug_out(opening.start):
            grace += LIKE_A_DRIVERS_STOP
        if not self.calls_suffered(opening.start - PLANNED_AHEAD, opening.start + grace):
            return grace
        return grace + timedelta(seconds=self.home.spec.get("command_delay_s", 0))

    def _hides_plug_out(self, at: datetime) -> bool:
        """Whether it was plugged out and in again before an instant, and the reports only show that charging ended.

        The last report from before the plug-in shows it charging at its plug, since the plug-in before, and the first
        one from after it at its plug and not charging. A stop in the car is reported by the same bytes.
        """
        stays = [stay for stay in self.stays if stay.start <= at]
        if len(stays) < 2:
            return False
        last, here = stays[-2:]
        reports = sorted(self.seen.reports[self.home.vehicle_id], key=lambda one: one.seen_at)
        before = [one for one in reports if last.start <= one.seen_at < here.start]
        after = [one for one in reports if here.start <= one.seen_at <= at]
        if not before or not after or not all(one.plugged and one.at_home for one in (before[-1], after[0])):
            return False
        return before[-1].charging and not after[0].charging


def car_nights(night: Night) -> list[CarNight]:
    """The nights of all cars."""
    return [CarNight(night, night.seen, home) for home in night.neighbourhood.homes]
