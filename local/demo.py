"""``make demo``: one night of charging on real parts, with its timeline, a picture and its figures as JSON."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import requests

from driveway.runtime.clock import parse_clock
from local.logs import collect_logs
from local.night import CAR, INTENT, OFF_PEAK, Night, NightError
from local.processes import NotReadyError
from local.stack import AlreadyRunningError, Options, stack, up

EVENING = datetime(2026, 1, 15, tzinfo=UTC)
SCALE = os.environ.get("DEMO_SCALE", "300")
ZONE = ZoneInfo("Europe/London")


def main() -> int:
    # SIGTERM ends the stack, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    options = Options(clock_text=f"start=2026-01-15T21:40:00Z,scale={SCALE}")
    problems: list[str] = []
    try:
        bring_up = _left_running if os.environ.get("DEMO_KEEP") else stack
        with bring_up(options, say=lambda text: print(text, flush=True)) as running:
            print(
                f"The console: {running['console_url']}#/assets/{CAR}\n  token of support: {running['support_token']}"
            )
            print(f"\nA night in Europe/London, {SCALE} times as fast as life:\n", flush=True)
            clock = parse_clock(running["clock"], on_aws=False)
            night = Night(running, clock, EVENING, tell=_print_entry)
            try:
                night.play()
            except (NightError, requests.RequestException) as error:
                problems.append(str(error))
            result = result_of(night, problems)
            pictures = night.pictures()
            log = collect_logs(running, options.folder)
            _take_screenshot(running)
    except (AlreadyRunningError, NotReadyError) as error:
        print(error, file=sys.stderr)
        return 1
    _write(options.folder, result, pictures)
    _sum_up(result, options.folder, time.monotonic() - began)
    if result["errors"]:
        print(f"The functions' logs: {log}", file=sys.stderr)
    return 1 if result["errors"] else 0


@contextmanager
def _left_running(options: Options, *, say: Any) -> Iterator[dict[str, Any]]:
    """The stack without its end: ``make down`` ends it."""
    yield up(options, say=say)


def _take_screenshot(running: dict[str, Any]) -> None:
    path = os.environ.get("DEMO_SCREENSHOT")
    if path:
        from local.screenshot import take

        take(running, CAR, Path(path))
        print(f"A picture of the console: {path}", flush=True)


def _print_entry(entry: dict[str, Any]) -> None:
    at = datetime.fromisoformat(entry["at"]).astimezone(ZONE)
    print(f"  {at:%H:%M:%S}  {entry['event']:<18} {entry['text']}  [{entry['reason']}]", flush=True)


def result_of(night: Night, problems: list[str]) -> dict[str, Any]:
    """The figures of a night; ``errors`` holds the problems and every deviation."""
    car = night.car()
    slots = night.accepted()
    calls = night.axle("/requests")["requests"]
    result: dict[str, Any] = {
        "scenario": "axle-1: plug-in 22:00, off-peak 23:30-05:30, 30 kWh by 07:00, maximise_charging_time",
        "clock": night.stack["clock"],
        "off_peak": OFF_PEAK,
        "intent": INTENT,
        "car_energy_kwh": round(car["meter_wh"] / 1000, 3),
        "reported_kwh": round(sum(slot["kwh"] for slot in slots), 3),
        "slots": slots,
        "commands": _commands(night),
        "charging": _charging(car),
        "axle_requests": [{"method": r["method"], "path": r["path"], "status": r["status"]} for r in calls],
        "errors": problems,
    }
    result["errors"] = [*problems, *_faults(result, night)]
    return result


def _commands(night: Night) -> list[dict[str, Any]]:
    """The commands on the timeline, each with its edge and with the time at which the car showed its effect."""
    commands: dict[str, dict[str, Any]] = {}
    for entry in night.entries():
        detail = entry["detail"] or {}
        if entry["event"] == "CommandSent":
            commands[detail["command_id"]] = {
                "at": entry["at"],
                "action": detail["action"],
                "edge_at": detail.get("edge_at"),
                "confirmed_at": None,
            }
        elif entry["event"] == "CommandConfirmed" and detail.get("command_id") in commands:
            commands[detail["command_id"]]["confirmed_at"] = entry["at"]
    return list(commands.values())


def _charging(car: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"at": t["at"], "charging": t["charging"]} for t in car["transitions"]]


def _faults(result: dict[str, Any], night: Night) -> list[str]:
    """The deviations of the night."""
    faults = []
    start, end = night.at("23:30"), night.at("05:30", next_day=True)
    slack = timedelta(seconds=60) + night.clock.real_time(1.0)
    for change in result["charging"]:
        at = datetime.fromisoformat(change["at"])
        edge = start if change["charging"] else end
        if not timedelta(0) <= at - edge <= slack:
            faults.append(
                f"The car {'started' if change['charging'] else 'stopped'} at {at:%H:%M:%S}, edge {edge:%H:%M}."
            )
    car_kwh, reported_kwh = result["car_energy_kwh"], result["reported_kwh"]
    if abs(car_kwh - reported_kwh) > 0.01 * car_kwh or car_kwh <= 0:
        faults.append(f"The car took {car_kwh} kWh; Axle accepted {reported_kwh} kWh.")
    faults += [
        f"{r['method']} {r['path']} was answered {r['status']}." for r in result["axle_requests"] if r["status"] >= 400
    ]
    return faults


def _write(folder: Path, result: dict[str, Any], pictures: list[str]) -> None:
    (folder / "demo.json").write_text(json.dumps(result, indent=2) + "\n")
    for text in pictures[:1]:
        (folder / "demo.svg").write_text(text)


def _sum_up(result: dict[str, Any], folder: Path, took_s: float) -> None:
    print(f"\nThe car took {result['car_energy_kwh']} kWh; Axle accepted {result['reported_kwh']} kWh", end="")
    print(f" in {len(result['slots'])} half-hours.")
    for command in result["commands"]:
        print(
            f"  {command['action']:<6} sent {command['at']}  edge {command['edge_at']}  shown {command['confirmed_at']}"
        )
    print(f"Took {took_s:.0f} s. A picture: {folder / 'demo.svg'}  The figures: {folder / 'demo.json'}")
    if not os.environ.get("DEMO_KEEP"):
        print("The console ended with the stack. DEMO_KEEP=1 make demo leaves both running until make down.")
    for error in result["errors"]:
        print(f"NOT AS IT SHOULD BE: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
