"""What a car costs a month: one session through the real handlers for three rhythms of reports, and the idle stack.

Counts come from ``tests/world/cost.py``, prices from ``prices.toml``. The figures are written to ``cost_figures.json``,
and the next run says what grew. Run ``python benchmarks/cost.py [rhythm ...]``.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "driveway"))

from tests.world.aws.stack import Stack
from tests.world.cost import RHYTHMS, Counted, session
from tests.world.declared import deployed

ROOT = Path(__file__).resolve().parents[1]
FIGURES = Path(__file__).with_name("cost_figures.json")
PRICES = tomllib.loads(Path(__file__).with_name("prices.toml").read_text(encoding="utf-8"))
GOALS_USD = {"12": 0.0065, "75": 0.010}
IDLE_GOAL_USD = 5.0
GREW = 1.02
HISTORY = frozenset({"PLAN", "SESSION"})
INITIALISED = "import sys, time\nfrom driveway.runtime import context\nimport app\nprint(time.process_time() * 1000)"


@cache
def initialisation_ms(function: str) -> float:
    """The CPU milliseconds in which a fresh interpreter loads a function, by its logical id."""
    folder = deployed().functions[function].folder
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT / 'layers' / 'driveway'}"}
    command = [sys.executable, "-c", INITIALISED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=folder)
    return float(done.stdout)


def billed_ms(counted: Counted) -> float:
    """The milliseconds that Lambda bills: CPU at the share of the memory, waiting for calls, and initialisation."""
    rules, waits = PRICES["lambda"], PRICES["latency_ms"]
    cpu_ms = sum(counted.cpu_s.values()) * 1000 * rules["machine"] / rules["cpu_share"]
    waited_ms = sum(n * waits[name.split()[1]] for name, n in counted.waits.items())
    share = rules["runs_per_initialisation"] * rules["initialisation_cpu_share"]
    initialised_ms = sum(
        initialisation_ms(name) * runs * rules["machine"] / share for name, runs in counted.runs.items()
    )
    return float(cpu_ms + waited_ms + initialised_ms)


def usd_per_month(counted: Counted, stack: Stack) -> dict[str, float]:
    """What the sessions of a car cost a month, by what is paid for."""
    aws, counts = PRICES["aws"], counted.counts()
    lambda_usd = counts["runs"] * aws["lambda_requests_per_million"] / 1e6
    lambda_usd += billed_ms(counted) / 1000 * PRICES["lambda"]["memory_gb"] * aws["lambda_gb_second"]
    session_usd = {
        "table writes": counts["write units"] * aws["table_write_units_per_million"] / 1e6,
        "table reads": counts["read units"] * aws["table_read_units_per_million"] / 1e6,
        "Lambda": lambda_usd,
        "SQS": counts["SQS requests"] * aws["sqs_requests_per_million"] / 1e6,
        "bus": counts["bus events"] * aws["bus_events_per_million"] / 1e6,
        "HTTP API": counts["API requests"] * aws["http_api_requests_per_million"] / 1e6,
        "logs": counts["log bytes"] / 1e9 * aws["log_gb"],
        "traces": traced_runs(counted, stack) * aws["traces_per_million"] / 1e6,
    }
    return {name: usd * PRICES["month"]["sessions"] for name, usd in session_usd.items()}


def traced_runs(counted: Counted, stack: Stack) -> float:
    """How many runs are traced."""
    active = any(f.get("TracingConfig", {}).get("Mode") == "Active" for f in stack.of("AWS::Lambda::Function").values())
    return sum(counted.runs.values()) * PRICES["lambda"]["traced"] if active else 0.0


def idle_usd_per_month(stack: Stack) -> dict[str, float]:
    """What the stack costs a month without a car."""
    aws, idle, hours = PRICES["aws"], PRICES["idle"], PRICES["month"]["hours"]
    mappings = stack.of("AWS::Lambda::EventSourceMapping").values()
    queues = sum(1 for one in mappings if ":sqs:" in str(one["EventSourceArn"]))
    polls = queues * idle["pollers_of_a_queue"] * hours * 3600 / idle["queue_poll_s"]
    ticks = hours * 60
    rules = PRICES["lambda"]
    tick_ms = idle["minute_clock_cpu_ms"] / rules["cpu_share"] + 17 * PRICES["latency_ms"]["dynamodb"]
    tick_usd = tick_ms / 1000 * rules["memory_gb"] * aws["lambda_gb_second"] + aws["lambda_requests_per_million"] / 1e6
    tick_usd += 17 * 0.5 * aws["table_read_units_per_million"] / 1e6
    return {
        "idle pollers of queues": polls * aws["sqs_requests_per_million"] / 1e6,
        "secrets": len(stack.of("AWS::SecretsManager::Secret")) * aws["secret_month"],
        "the minute clock": ticks * tick_usd,
    }


def apart_usd_per_month(stack: Stack) -> dict[str, float]:
    """Alarms and the dashboard, which a company may do without."""
    aws = PRICES["aws"]
    return {
        "alarms": len(stack.of("AWS::CloudWatch::Alarm")) * aws["alarm_month"],
        "dashboard": len(stack.of("AWS::CloudWatch::Dashboard")) * aws["dashboard_month"],
    }


def figures_of(rhythm: str, stack: Stack) -> tuple[Counted, dict[str, Any]]:
    """What a session with a rhythm uses and costs."""
    counted = session(RHYTHMS[rhythm])
    usd = usd_per_month(counted, stack)
    kept = sum(n for kind, n in counted.write_units.items() if kind in HISTORY)
    figures = {
        "counts": counted.counts(),
        "runs": dict(sorted(counted.runs.items())),
        "write units": dict(sorted(counted.write_units.items())),
        "write units of kept sessions and plans": kept,
        "billed ms": round(billed_ms(counted)),
        "usd per car-month": {name: round(value, 6) for name, value in usd.items()},
        "usd": round(sum(usd.values()), 5),
    }
    return counted, figures


def show(rhythm: str, counted: Counted, figures: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Print a session's figures, and what grew since the last run."""
    print(f"\nOne session, {figures['counts']['reports']} reports ({rhythm}):")
    for name, value in figures["counts"].items():
        old = (before or {}).get("counts", {}).get(name)
        grew = f"   GREW from {old:g}" if old is not None and value > old * GREW else ""
        print(f"  {name:18} {value:10g}{grew}")
    for name, runs in (counted.runs + counted.shared_runs).most_common():
        print(f"  {name:26} {runs:4} runs  {counted.cpu_s[name] / runs * 1000:6.1f} ms CPU each")
    print(
        "  write units: "
        + ", ".join(f"{kind} {n:g}" for kind, n in sorted(counted.write_units.items(), key=lambda one: -one[1]))
    )
    print(
        f"  shared by all cars, not counted: {sum(counted.shared_write_units.values()):g} write units, "
        f"{counted.shared_runs.total()} runs"
    )
    print(f"  of these for kept sessions and plans: {figures['write units of kept sessions and plans']:g}")
    print("  cost per car-month: " + ", ".join(f"{k} {v * 1000:.2f}" for k, v in figures["usd per car-month"].items()))
    goal = f" (goal {GOALS_USD[rhythm]:.4f})" if rhythm in GOALS_USD else ""
    print(
        f"  = ${figures['usd']:.4f} per car-month of {PRICES['month']['sessions']} sessions{goal}; in thousandths above"
    )


def main(rhythms: Sequence[str]) -> None:
    """Print, compare and write the figures."""
    stack, known = deployed(), json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    print(f"Prices: {PRICES['region']}, {PRICES['read_on']}. {PRICES['source']}")
    found = dict(known)
    for rhythm in rhythms or list(RHYTHMS):
        counted, figures = figures_of(rhythm, stack)
        show(rhythm, counted, figures, known.get(rhythm))
        found[rhythm] = figures
    idle, apart = idle_usd_per_month(stack), apart_usd_per_month(stack)
    print(f"\nThe idle stack: ${sum(idle.values()):.2f} a month (goal {IDLE_GOAL_USD:.2f}): {_usd(idle)}")
    print(f"Apart from that: {_usd(apart)}; makers' fees per car (inputs): {_usd(PRICES['makers'])}")
    found["idle usd"] = round(sum(idle.values()), 3)
    FIGURES.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _usd(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} ${usd:.2f}" for name, usd in parts.items())


if __name__ == "__main__":
    main(sys.argv[1:])
