"""Whether the product's verdict on each night is so, by the truth: READY exactly then, and each cause one that held."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from tests.world.car_night import POWER_KW, CarNight, Stay
from tests.world.declared import deployed
from tests.world.judge import CLEARLY_WH

UNCLEAR_WH = 300.0
"""So near the border either verdict may be given: what a meter, or a half-hour that is split by time, rounds off."""

ROUNDED_FULL_PCT = 99.5
"""A battery that is filled so far is full in whole per cents."""

NOT_OVER = frozenset({"RUNNING", "NO_READY_BY"})
KNOWN_FOR = timedelta(minutes=20)
UNSEEN_FOR = timedelta(hours=1)
NOT_FOLLOWED_FOR = timedelta(minutes=2)
WAKES_A_DAY = int(deployed().functions["ChargeControlFunction"].environment["DAILY_WAKE_UPS"])
COMMANDS_A_DAY = int(deployed().functions["ChargeControlFunction"].environment["DAILY_COMMANDS"]) - 2
"""Two of a day's commands are kept for letting the car charge."""


def verdicts_are_so(one: CarNight) -> tuple[list[str], Counter[str]]:
    """What is wrong with the verdicts on a car's night, and how often each was given."""
    answer = one.night.world.request("GET", f"/assets/{one.home.asset}/sessions")
    if answer.status_code == 404:
        return [], Counter()
    wrong, counts = list[str](), Counter[str]()
    for row in answer.json()["sessions"]:
        counts[row["verdict"]] += 1
        if row["session"] is None and (known := _known_in(one, row["night"])) > KNOWN_FOR:
            wrong.append(f"verdict: {one.home.asset} {row['verdict']} but it was known to be at its plug for {known}")
        if row["session"] is None or row["ready_by"] is None or row["verdict"] in NOT_OVER:
            continue
        wrong += [
            f"verdict: {one.home.asset} {row['verdict']} ({row['text']}) but {why} {one.home.behaviours}"
            for why in _wrong_with(one, row)
        ]
    return wrong, counts


def _known_in(one: CarNight, night: str) -> timedelta:
    """For how long in a night, from noon to noon, the car was known to be plugged in at home."""
    spec = one.home.spec
    if spec.get("seems_unplugged_while_stopped") or spec.get("lie_unplugged_after_stop_s"):
        return timedelta()  # its cloud may say for hours that it is not
    start = datetime.fromisoformat(f"{night}T12:00").replace(tzinfo=ZoneInfo(one.home.zone))
    end = start + timedelta(days=1)
    spans = [span for stay in one.stays for span in one.known_spans(stay)]
    return sum((min(b, end) - max(a, start) for a, b in spans if a < end and start < b), timedelta())


def _wrong_with(one: CarNight, row: Mapping[str, Any]) -> Iterator[str]:
    opened_at = datetime.fromisoformat(row["opened_at"])
    closed_at = one.night.world.clock.now()
    if row["closed_at"]:
        # A session's times are cut to milliseconds.
        closed_at = datetime.fromisoformat(row["closed_at"]) + timedelta(milliseconds=1)
    ready_by = datetime.fromisoformat(row["ready_by"])
    stay = max(one.stays, key=lambda stay: min(stay.end, closed_at) - max(stay.start, opened_at), default=None)
    # Makers date what they report in whole seconds. A session that ends at its first report may seem to be over before.
    if stay is None or stay.start.replace(microsecond=0) >= closed_at or opened_at >= stay.end:
        yield "it was never plugged in at home then"
        return
    wanted_wh = _wanted_wh(row)
    end = min(ready_by, closed_at)
    got_wh = one.meter_wh(end) - one.meter_wh(min(opened_at, end))
    full = one.was_full(stay.start, end)
    if row["verdict"] == "READY":
        filled = full or one.filled_to(ROUNDED_FULL_PCT, stay.start, end)
        if got_wh * one.shown_share < wanted_wh - CLEARLY_WH - UNCLEAR_WH and not filled:
            yield f"it took {got_wh:.0f} of {wanted_wh:.0f} Wh, and was not full"
        return
    shown_wh = row["energy_kwh"] * 1000
    whole_wh = one.meter_wh(closed_at) - one.meter_wh(min(opened_at, end))
    shows_full = one.home.provider != "ocpp"  # a charger does not know why its car takes nothing
    is_measured = shown_wh > whole_wh - UNCLEAR_WH
    if is_measured and (
        got_wh > wanted_wh - CLEARLY_WH + UNCLEAR_WH or (shows_full and one.filled_to(100, stay.start, end))
    ):
        yield f"it took {got_wh:.0f} of {wanted_wh:.0f} Wh, full: {full}"
        return
    holds = HOLDS.get(row["verdict"])
    if holds is None:
        yield "nothing of that kind was so"
        return
    # A plug-in counts for a verdict from when it could be known. A place in doubt or unknown may be why that was late.
    known = stay if holds in (_place_in_doubt, _left_alone) else replace(stay, start=max(stay.start, opened_at))
    if not holds(one, known, ready_by, wanted_wh, is_measured):
        yield f"that was not so: plugged in {stay.start} to {stay.end}, ready by {ready_by}"


def _wanted_wh(row: Mapping[str, Any]) -> float:
    """What was asked for, from the sentence: '... got 3.8 of 8.0 kWh ...'."""
    return float(row["text"].split(" of ")[1].split(" kWh")[0]) * 1000


Holds = Callable[[CarNight, Stay, datetime, float, bool], bool]


def _plugged_in_late(one: CarNight, stay: Stay, ready_by: datetime, wanted_wh: float, _: bool) -> bool:
    return POWER_KW * 1000 * ((ready_by - stay.start) / timedelta(hours=1)) < wanted_wh


def _unplugged_early(one: CarNight, stay: Stay, ready_by: datetime, *_: Any) -> bool:
    """Whether it was, or seemed so, or was not seen plugged in at home for an hour: then the last sight is its end."""
    reports = one.seen.reports[one.home.vehicle_id]
    inside = [report for report in reports if stay.start <= report.seen_at <= ready_by]
    seemed_so = any(not (report.plugged and report.at_home) for report in inside)
    last_seen_at = max((report.seen_at for report in inside), default=stay.start)
    return stay.end < ready_by or seemed_so or ready_by - last_seen_at > UNSEEN_FOR


def _plan(one: CarNight, stay: Stay, ready_by: datetime, wanted_wh: float, _: bool) -> bool:
    """Whether what was allowed in the stay was too little, or could have been, where that is in doubt."""
    end = min(ready_by, stay.end)
    edges = sorted({stay.start, end} | one.allowance.edges(stay.start, end))
    inside = [edge for edge in edges if stay.start <= edge <= end]
    allowed_wh = sum(
        1000 * one.allowance.kw(since, stay.start) * ((until - since) / timedelta(hours=1))
        for since, until in pairwise(inside)
    )
    return allowed_wh < wanted_wh + UNCLEAR_WH


def _limit_in_car(one: CarNight, stay: Stay, ready_by: datetime, *_: Any) -> bool:
    inside = one.within(stay.start, min(ready_by, stay.end))
    return any(there.complete or there.most_kw < POWER_KW or there.tapers for there in inside)


def _account(one: CarNight, stay: Stay, ready_by: datetime, *_: Any) -> bool:
    lost = any(not there.account_connected for there in one.within(stay.start, ready_by))
    return lost or bool(one.refusals(stay.start, ready_by, frozenset({401, 403})))


def _unreachable(one: CarNight, stay: Stay, ready_by: datetime, *_: Any) -> bool:
    unreachable = any(not (there.reachable and there.obeys) for there in one.within(stay.start, ready_by))
    return unreachable or not one.takes_commands


def _provider_down(one: CarNight, stay: Stay, ready_by: datetime, *_: Any) -> bool:
    return bool(one.refusals(stay.start, ready_by)) or one.calls_suffered(stay.start, ready_by)


def _did_not_follow(one: CarNight, stay: Stay, ready_by: datetime, *_: Any) -> bool:
    if any(opening.end - opening.start - opening.charged > NOT_FOLLOWED_FOR for opening in one.openings(stay)):
        return True
    ignored = not one.takes_commands or any(not there.obeys for there in one.within(stay.start, ready_by))
    return ignored or _provider_down(one, stay, ready_by)


def _by_driver(one: CarNight, stay: Stay, ready_by: datetime, *_: Any) -> bool:
    inside = one.within(stay.start, ready_by)
    return any(there.by_hand or (there.complete and one.home.provider == "ocpp") for there in inside)


def _left_alone(one: CarNight, stay: Stay, ready_by: datetime, *_: Any) -> bool:
    edges = [at for at in one.edges(stay) if at <= ready_by]
    # A car may be out of reach, too: that is its first hindrance, and no other is named.
    if any(one.takes_no_part(at) for at in edges):
        return True
    return bool({one.hindrance(stay, at) for at in edges} & {"by hand", "not reported"})


def _snoozed(one: CarNight, stay: Stay, ready_by: datetime, *_: Any) -> bool:
    return any(one.takes_no_part(at) for at in one.edges(stay) if stay.start <= at <= ready_by)


def _place_in_doubt(one: CarNight, stay: Stay, ready_by: datetime, *_: Any) -> bool:
    reports = one.seen.reports[one.home.vehicle_id]
    return any(stay.start <= report.at <= ready_by and not report.at_home for report in reports)


def _budget(one: CarNight, stay: Stay, ready_by: datetime, *_: Any) -> bool:
    """Whether its maker got as many wake-ups or commands of the car on a UTC day as it may get."""
    commands = one.night.world.cars.world.cars[one.home.vehicle_id].commands
    wakes = Counter(one["at"][:10] for one in commands if one["command"] == "wake_up")
    all_of_a_day = Counter(one["at"][:10] for one in commands)
    return max(wakes.values(), default=0) >= WAKES_A_DAY or max(all_of_a_day.values(), default=0) >= COMMANDS_A_DAY


def _unmeasured(one: CarNight, stay: Stay, ready_by: datetime, wanted_wh: float, is_measured: bool) -> bool:
    return not is_measured


HOLDS: Mapping[str, Holds] = {
    "SHORT_PLUGGED_IN_LATE": _plugged_in_late,
    "SHORT_UNPLUGGED_EARLY": _unplugged_early,
    "SHORT_PLAN": _plan,
    "SHORT_LIMIT_IN_CAR": _limit_in_car,
    "SHORT_ACCOUNT": _account,
    "SHORT_CAR_UNREACHABLE": _unreachable,
    "SHORT_PROVIDER_DOWN": _provider_down,
    "SHORT_CAR_DID_NOT_FOLLOW": _did_not_follow,
    "STOPPED_BY_DRIVER": _by_driver,
    "SHORT_LEFT_ALONE": _left_alone,
    "SHORT_SNOOZED": _snoozed,
    "SHORT_BUDGET": _budget,
    "SHORT_PLACE_IN_DOUBT": _place_in_doubt,
    "ENERGY_UNKNOWN": _unmeasured,
}
"""For each verdict, whether the truth of a night holds it as a cause."""
