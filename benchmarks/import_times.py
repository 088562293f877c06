"""What importing each function costs, as a ratio to a floor measured in the same run.

The floor is what no function can do without: boto3, one DynamoDB client, pydantic. Goal: at most 1.25.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5
GOAL = 1.25
FLOOR = "import boto3\nboto3.client('dynamodb', region_name='eu-west-2')\nfrom pydantic import BaseModel\n"
TIMED = "import sys, time\nbegan = time.perf_counter()\n{code}\nprint((time.perf_counter() - began) * 1000)"


def measured_ms(code: str, folder: Path) -> float:
    """The milliseconds that running ``code`` takes in a fresh interpreter."""
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{ROOT / 'layers' / 'driveway'}"}
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(code=code)], capture_output=True, text=True, check=True, env=environment
    )
    return float(done.stdout)


def main() -> None:
    functions = sorted(path.parent for path in (ROOT / "functions").glob("*/app.py"))
    codes = {"floor": (FLOOR, ROOT)} | {f.name: (FLOOR + "import app", f) for f in functions}
    for code, folder in codes.values():
        measured_ms(code, folder)
    times: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(ROUNDS):
        for name, (code, folder) in codes.items():
            times[name].append(measured_ms(code, folder))
    floor_ms = statistics.median(times["floor"])
    print(f"{'floor':<18} {floor_ms:7.0f} ms  1.00")
    for name in sorted(set(codes) - {"floor"}):
        # The ratio of each round, so that a busy moment of the machine affects both.
        ratio = statistics.median(one / floor for one, floor in zip(times[name], times["floor"], strict=True))
        mark = "" if ratio <= GOAL else f"  above the goal of {GOAL}"
        print(f"{name:<18} {statistics.median(times[name]):7.0f} ms  {ratio:.2f}{mark}")


if __name__ == "__main__":
    main()
