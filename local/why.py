"""Why did my car not charge? The report of a night in a terminal: ``make why ASSET=car-1 [NIGHT=2026-01-15]``.

``API_URL`` and ``APP_TOKEN`` name the stack; without them it is the local one.
"""

import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import requests

from local.stack_address import stack_address

NO_NIGHT = "There is nothing of that night: the asset was not onboarded yet, or the night is ahead."


def main(asset: str, night: str | None = None) -> int:
    """Print the report; 0 if there is something to report."""
    url, token = stack_address("APP_TOKEN", "app_token")
    with requests.Session() as http:
        http.headers["authorization"] = f"Bearer {token}"
        query = {} if night is None else {"before": (date.fromisoformat(night) + timedelta(days=1)).isoformat()}
        answer = http.get(f"{url}/assets/{asset}/sessions", params=query, timeout=30)
        if not answer.ok:
            print(f"{answer.status_code}: {answer.json().get('detail', answer.text)}")
            return 1
        listed = answer.json()
        rows = [row for row in listed["sessions"] if night is None or row["night"] == night]
        if not rows:
            print(NO_NIGHT)
            return 1
        latest = rows[0]["night"]
        for row in (row for row in rows if row["night"] == latest):
            details = None
            if row["session"] is not None:
                details = http.get(f"{url}/assets/{asset}/sessions/{row['session']}", timeout=30).json()
            print("\n".join(report(asset, row, details, listed["timezone"])))
    return 0


def report(asset: str, row: dict[str, Any], session: dict[str, Any] | None, timezone: str) -> Iterator[str]:
    """The lines of the report of one night: ``row`` of the list, and its session if it has one."""
    yield f"{asset}, the night of {row['night']} ({timezone})"
    yield f"{row['verdict']}: {row['text']}"
    if session is None:
        return
    zone = ZoneInfo(timezone)
    ended = "still plugged in" if session["closed_at"] is None else f"unplugged {_at(session['closed_at'], zone)}"
    yield f"  plugged in {_at(session['plugged_in_at'], zone)}, {ended}"
    for need in session["departures"]:
        yield from _need(need, zone)
    energy = session["energy"]
    yield (
        f"  energy     {session['energy_kwh']:.1f} kWh: {energy['off_peak_kwh']:.1f} off-peak, "
        f"{energy['peak_kwh']:.1f} in the peak, {energy['out_of_plan_kwh']:.1f} outside the plan; "
        f"{session['completeness']:.0%} of the half-hours measured"
    )
    yield from _cost(session["cost"])
    yield "  in force"
    for part in session["in_force"]:
        yield f"    {_at(part['start'], zone)} to {_at(part['end'], zone)}  {_limit(part)}"
    for title, entries in (("commands", session["commands"]), ("warnings", session["warnings"])):
        yield f"  {title}" if entries else f"  {title}: none"
        for entry in entries:
            yield f"    {_at(entry['at'], zone)}  {entry['event']:<18} {entry['text']}"


def _need(need: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    if need["ready_by"] is None:
        return
    yield f"  wanted     {need['wanted_kwh']:.1f} kWh by {_at(need['ready_by'], zone)}, got {need['got_kwh']:.1f}"
    for cause, kwh in sorted(need["missing_by_cause_kwh"].items(), key=lambda one: -one[1]):
        yield f"  missing    {kwh:.1f} kWh {cause}"


def _cost(cost: dict[str, Any]) -> Iterator[str]:
    paid, at_once = cost["pence"], cost["at_once_pence"]
    if paid is not None and at_once is not None:
        yield f"  cost       {paid / 100:.2f}; at full power from the plug-in {at_once / 100:.2f}"


def _limit(part: dict[str, Any]) -> str:
    if part["left_alone"] is not None:
        return f"left alone ({part['left_alone']})"
    if part["limit_kw"] is None:
        return "not known"
    return f"{part['limit_kw']:g} kW ({part['source']}, {part['reason']})"


def _at(text: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%d %b %H:%M}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
