"""What the judge finds of a night: who was not ready who could have been, who was late, and what was not reported."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile

from tests.world.car_night import CarNight, Opening, car_nights
from tests.world.judge import Case, cases
from tests.world.measured import commands_are_counted, energy_is_measured
from tests.world.night import Night
from tests.world.state import State
from tests.world.verdicts import verdicts_are_so

REPORTED_WITHIN = timedelta(minutes=20)
FREE_WITHIN = timedelta(hours=2)
CHECKED_FOR = timedelta(seconds=110)
"""A report of a plug-out counts after two minutes, unless the maker confirms it."""


@dataclass
class Tally:
    """What nights had. ``late`` is how late a car charged that could and might, the worst first by its kind."""

    asked: int = 0
    feasible: int = 0
    kept: int = 0
    openings: int = 0
    charged_kwh: float = 0.0
    commands: int = 0
    late: dict[str, timedelta] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        late = {
            kind: max(one.late.get(kind, timedelta()) for one in (self, other)) for kind in {*self.late, *other.late}
        }
        verdicts = {
            one: self.verdicts.get(one, 0) + other.verdicts.get(one, 0) for one in {*self.verdicts, *other.verdicts}
        }
        return Tally(
            self.asked + other.asked,
            self.feasible + other.feasible,
            self.kept + other.kept,
            self.openings + other.openings,
            self.charged_kwh + other.charged_kwh,
            self.commands + other.commands,
            late,
            verdicts,
        )


def judged(night: Night) -> tuple[Tally, list[str]]:
    """What is wrong with a night by the judge, and what it had."""
    tally, wrong, state = Tally(), list[str](), State(night.world)
    for one in car_nights(night):
        found_cases = list(cases(one))
        openings = [opening for stay in one.stays for opening in one.openings(stay)]
        wrong += [
            *_not_ready(found_cases, one),
            *_late(one, openings),
            *_reported(one),
            *_released(one),
            *energy_is_measured(one, state),
            *commands_are_counted(one, state),
        ]
        found, counts = verdicts_are_so(one)
        wrong += found
        tally += _tally(one, found_cases, openings, counts)
    return tally, wrong


def shown(tally: Tally) -> str:
    """What the nights had, in lines."""
    late = {
        kind: str(by).split(".")[0] for kind, by in sorted(tally.late.items(), key=lambda one: one[1], reverse=True)
    }
    return "\n".join(
        [
            f"ready-bys {tally.asked}, feasible {tally.feasible}, kept {tally.kept}",
            f"openings {tally.openings}, worst lateness by what opened them {late}",
            f"commands {tally.commands}, kWh {tally.charged_kwh:.0f}, verdicts {tally.verdicts}",
        ]
    )


def _tally(one: CarNight, judged_cases: list[Case], openings: list[Opening], verdicts: dict[str, int]) -> Tally:
    car = one.night.world.cars.world.cars.get(one.home.vehicle_id)
    late: dict[str, timedelta] = {}
    for opening in openings:
        late[opening.began] = max(late.get(opening.began, timedelta()), opening.late)
    return Tally(
        asked=len(judged_cases),
        feasible=sum(case.could for case in judged_cases),
        kept=sum(case.could and case.is_ready for case in judged_cases),
        openings=len(openings),
        charged_kwh=car.meter_wh / 1000 if car is not None else 0.0,
        commands=len(car.commands) if car is not None else 0,
        late=late,
        verdicts=verdicts,
    )


def _not_ready(judged_cases: list[Case], one: CarNight) -> Iterator[str]:
    for case in judged_cases:
        if case.could and not case.is_ready:
            yield (
                f"ready: {case.asset} got {case.got_wh:.0f} of {case.wanted_wh:.0f} Wh by {case.ready_by}, "
                f"could have had {case.could_wh:.0f} {one.home.behaviours}"
            )


def _late(one: CarNight, openings: list[Opening]) -> Iterator[str]:
    """A car that can charge and may does so within the grace, and goes on."""
    for opening in openings:
        missed = (opening.end - opening.start) - opening.charged
        if missed > one.grace_of(opening):
            yield (
                f"charges: {opening.asset} could and might charge from {opening.start} to {opening.end} after "
                f"{opening.began!r}, began {opening.late} late, and did not for {missed} {one.home.behaviours}"
            )


def _released(one: CarNight) -> Iterator[str]:
    """Two hours after its home has left, or began to snooze, a car that can be reached is able to charge."""
    for stay in one.stays:
        since: datetime | None = None
        for at in one.edges(stay):
            out = one.has_left(at) and one.hindrance(stay, at) != "out of reach"
            since = (since or at) if out else None
            there = one.moment(at)
            is_held = there is not None and there.held and not there.by_hand
            if since is not None and at - since > FREE_WITHIN and is_held and not one.is_erased_unreached(at):
                yield f"released: {one.home.asset} takes no part since {since} and is still held at {at}"
                break


def _reported(one: CarNight) -> Iterator[str]:
    """The home sessions that Axle has are those that had been reported by then."""
    spans = _at_axle(one)
    if spans is None:
        return
    sent = one.seen.sent[one.home.vehicle_id]
    for since, _ in spans:
        if not any(report.at <= since and report.plugged and report.at_home for report in sent):
            yield f"reported: Axle got a plug-in of {one.home.asset} at {since}, and no report showed one"
    for _, until in spans:
        if _is_hasty(one, until):
            yield f"reported: Axle got a plug-out of {one.home.asset} at {until}, before a report of one was checked"
    for stay in one.stays:
        for start, end in one.known_spans(stay):
            is_reported = any(a < end and start < b for a, b in spans)
            down = sum(
                (min(b, end) - max(a, start) for a, b, _ in one.seen.outages["axle"] if a < end and start < b),
                timedelta(),
            )
            if end - start - down > REPORTED_WITHIN and not is_reported:
                asset = one.home.asset
                yield f"reported: {asset} was known to be plugged in at home from {start} to {end}, Axle has {spans}"


def _is_hasty(one: CarNight, at: datetime) -> bool:
    """Whether a car was plugged in when Axle got a plug-out, and no report of one had stood for long enough."""
    if not any(stay.start < at < stay.end for stay in one.stays):
        return False
    arrived = [report for report in one.seen.reports[one.home.vehicle_id] if report.at <= at]
    latest_first = sorted(arrived, key=lambda report: report.seen_at, reverse=True)
    unplugged = list(takewhile(lambda report: not report.plugged, latest_first))
    # Later reports only repeat the first one of an unplugged car.
    gone = bool(unplugged) and unplugged[0].at_home and at - unplugged[-1].seen_at < CHECKED_FOR
    return gone and not one.takes_no_part(at) and not one.refusals(at - timedelta(minutes=3), at)


def _at_axle(one: CarNight) -> list[tuple[datetime, datetime]] | None:
    """When Axle had the car as plugged in; None if Axle does not know it any more."""
    axle = one.night.world.axle.world
    found = axle.asset_by_external_id.get(one.home.asset)
    if found is None:
        return None
    spans: list[tuple[datetime, datetime]] = []
    since: datetime | None = None
    for event in axle.assets[found].history:
        at = datetime.fromisoformat(event["at"])
        if event["event"] == "plug_in" and since is None:
            since = at
        elif event["event"] == "plug_out" and since is not None:
            spans.append((since, at))
            since = None
    now = one.night.world.clock.now()
    return [*spans, *([(since, now)] if since is not None else [])]
