"""What each function's answer takes and costs at each size of memory, from CPU times and calls measured here.

Lambda gives a function a share of a processor in proportion to its memory, one whole processor at 1,769 MB. So

    time  = CPU / share + calls x 5 ms
    price = memory x time

The CPU of this machine stands for Lambda's. A second of arm64 costs four fifths of one of x86; what
the same work takes there is not measured.
"""

import statistics
import sys
import tomllib
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "driveway"))

from benchmarks.first_answer import Process, Times, filled, measured, processes
from tests.support.aws.http_cloud import HttpCloud, served

ROUNDS = 5
SIZES_MB = (256, 512, 1024, 1769)
WHOLE_PROCESSOR_MB = 1769
CALL_S = 0.005
PRICES = Path(__file__).with_name("prices.toml")


def answered(service: HttpCloud, run: Process) -> tuple[Times, int]:
    """The times of a fresh process, and how many calls of AWS one of its two answers made."""
    before = len(service.requests)
    times = measured(*run)
    return times, (len(service.requests) - before + 1) // 2


def warm_s(cpu_s: float, calls: int, memory_mb: int) -> float:
    """How long an answer of a warm function takes."""
    return cpu_s / min(1.0, memory_mb / WHOLE_PROCESSOR_MB) + calls * CALL_S


def main() -> None:
    """Print the table."""
    gb_second = tomllib.loads(PRICES.read_text(encoding="utf-8"))["aws"]["lambda_gb_second"]
    cloud = filled()
    with served(cloud) as service:
        runs = processes(cloud, service.url)
        found = {name: [answered(service, run) for _ in range(ROUNDS)] for name, run in runs.items() if name != "floor"}
    print(f"{'':<18} {'CPU':>7} {'calls':>5}" + "".join(f"{size:>19} MB" for size in SIZES_MB))
    for name, times in found.items():
        cpu_s = statistics.median(one.second_cpu_s for one, _ in times)
        calls = times[-1][1]
        if not calls:
            print(f"{name:<18} has nothing to do the second time")
            continue
        row = f"{name:<18} {cpu_s * 1000:>4.0f} ms {calls:>5}"
        for size in SIZES_MB:
            took_s = warm_s(cpu_s, calls, size)
            row += f"{took_s * 1000:>8.0f} ms {took_s * size / 1024 * gb_second * 1e6:>6.2f} $/M"
        print(row)


if __name__ == "__main__":
    main()
