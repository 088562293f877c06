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

LEAST_SHOWN_KWH = 0.05
NO_NIGHT = "There is nothing of that night: the asset was not onboarded yet, or the night is ahead."


def main(asset: str, night: str | None = None) -> int:
    """Print the report; 0 if there is something to report."""
    url, token = stack_address("APP_TOKEN", "app_token")
    with requests.Session() as http:
        http.headers["authorization"] = f"Bearer {token}"
        try:
            print("\n".join(night_report(http, url, asset, night)))
        except ReportError as error:
            print(error)
            return 1
    return 0


class ReportError(Exception):
    """There is nothing to report, and why."""


def night_report(http: requests.Session, url: str, asset: str, night: str | None = None) -> list[str]:
    """The lines of the report of a night, or of the latest one.

    Args:
        http: a session with the app's token.
        url: the base URL of the API.
        asset: the app's id.
        night: the local date on which the night begins, as ``2026-01-15``.

    Raises:
        ReportError: the API refused the request, or knows nothing of the night.
    """
    query = {} if night is None else {"before": (date.fromisoformat(night) + timedelta(days=1)).isoformat()}
    listed = _answer(http, f"{url}/assets/{asset}/sessions", query)
    rows = [row for row in listed["sessions"] if night is None or row["night"] == night]
    if not rows:
        raise ReportError(NO_NIGHT)
    lines: list[str] = []
    for row in (row for row in rows if row["night"] == rows[0]["night"]):
        known = row["session"] is not None
        details = _answer(http, f"{url}/assets/{asset}/sessions/{row['session']}", {}) if known else None
        lines += report(asset, row, details, listed["timezone"])
    return lines


def _answer(http: requests.Session, url: str, query: dict[str, str]) -> Any:
    answer = http.get(url, params=query, timeout=30)
    if not answer.ok:
        raise ReportError(f"{answer.status_code}: {answer.json().get('detail', answer.text)}")
    return answer.json()


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
    for part in (part for part in session["in_force"] if part["start"] < session["asked_at"]):
        yield f"    {_at(part['start'], zone)} to {_at(part['end'], zone)}  {_limit(part)}"
    yield from _listed("plans that changed the limits", [_plan(one, zone) for one in session["plans"] if _is_new(one)])
    yield from _listed("commands", [_command(run, zone) for run in session["command_runs"]])
    warnings = [f"{_at(one['at'], zone)}  {one['event']:<15} {one['text']}" for one in session["warnings"]]
    yield from _listed("warnings", warnings)


def _listed(title: str, lines: list[str]) -> Iterator[str]:
    yield f"  {title}" if lines else f"  {title}: none"
    yield from (f"    {line}" for line in lines)


def _is_new(plan: dict[str, Any]) -> bool:
    return "limits" in plan["changed"] and plan["left_alone"] is None


def _plan(plan: dict[str, Any], zone: ZoneInfo) -> str:
    charging = [limit for limit in plan["limits"] if limit["limit_kw"] > 0]
    spans = [f"{_at(limit['start'], zone)} to {_hhmm(limit['end'], zone)} ({limit['source']})" for limit in charging]
    return f"{_at(plan['at'], zone)}  charges {', '.join(spans) or 'at no time'}"


def _command(run: dict[str, Any], zone: ZoneInfo) -> str:
    if run["sent_at"] is None:
        sent = "never sent"
    else:
        late = f" {run['sent_after_s']:.0f} s late" if run["sent_after_s"] >= 1 else ""
        sent = (
            f"sent {run['attempts']} times, first{late or ' in time'}"
            if run["attempts"] > 1
            else f"sent{late or ' in time'}"
        )
    outcome = (run["outcome"] or "open").removeprefix("Command").lower()
    after = f" after {run['ended_after_s']:.0f} s" if run["ended_after_s"] is not None else ""
    return (
        f"{_at(run['due_at'], zone)}  {run['action']:<5} {sent}, {outcome}{after}. {run['outcome_text'] or ''}".rstrip()
    )


def _need(need: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    if need["ready_by"] is None:
        return
    got = "still ahead" if need["verdict"] == "RUNNING" else f"got {need['got_kwh']:.1f}"
    yield f"  wanted     {need['wanted_kwh']:.1f} kWh by {_at(need['ready_by'], zone)}, {got}"
    for cause, kwh in sorted(need["missing_by_cause_kwh"].items(), key=lambda one: -one[1]):
        if kwh >= LEAST_SHOWN_KWH:
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


def _hhmm(text: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%H:%M}"


def _at(text: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%d %b %H:%M}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
