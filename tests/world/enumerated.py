"""What an enumeration tried and found, and a way to run a long one in parts and on from where it stopped."""

import argparse
import json
import resource
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SHOWN = 40


@dataclass
class Enumerated:
    """What was tried under one name, and what was wrong in it.

    Attributes:
        calls: the calls to the outside at which something was tried.
        runs: how often the whole was played.
        faults: how often each kind of fault, or of interruption, was tried.
        cpu_s: the processor time that it took, in seconds.
    """

    name: str
    calls: int = 0
    runs: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    cpu_s: float = 0.0


def enumerate_all(
    what: str, module: str, jobs: Mapping[str, Callable[[], Enumerated]], arguments: Sequence[str]
) -> int:
    """Do the jobs that the arguments of the command ask for, print what they found; the exit status.

    Args:
        what: what a job is, in the plural.
        module: the module that is the command.
        jobs: what to do, by name.
        arguments: ``--only NAME ...``, ``--part 1/2`` for every second one, and ``--log FILE``, which keeps each result
            as a line; what it has already is not done again.
    """
    asked = argparse.ArgumentParser(prog=f"python -m {module}")
    asked.add_argument("--only", nargs="*", default=list(jobs))
    asked.add_argument("--part", default="1/1", help="such as 1/2: the first of two parts")
    asked.add_argument("--log", type=Path, help="a file of results: those in it are not found again")
    given = asked.parse_args(arguments)
    part, parts = (int(number) for number in given.part.split("/"))
    results = _kept(given.log)
    for name in given.only[part - 1 :: parts]:
        if name not in results:
            began = _cpu_s()
            results[name] = jobs[name]()
            results[name].cpu_s = _cpu_s() - began
            _keep(results[name], given.log)
        _print(results[name], module)
    return _print_totals(what, [results[name] for name in given.only[part - 1 :: parts]])


def _print(found: Enumerated, module: str) -> None:
    print(f"{found.name}: {found.calls} calls, {found.runs} runs, {len(found.wrong)} wrong, {found.cpu_s:.0f} s")
    for line in found.wrong[:SHOWN]:
        print(f"  {line[:900]}")
    if found.wrong:
        print(f"  Play it again: PYTHONHASHSEED=0 python -m {module} --only {found.name!r}", flush=True)


def _print_totals(what: str, results: Sequence[Enumerated]) -> int:
    faults = sum((found.faults for found in results), Counter[str]())
    wrong, cpu_s = sum(len(found.wrong) for found in results), sum(found.cpu_s for found in results)
    runs = sum(found.runs for found in results)
    print(f"{what} {len(results)}, calls {sum(found.calls for found in results)}, runs {runs}")
    print(f"faults {faults.total()}: {dict(faults.most_common())}")
    print(f"violations {wrong} in {[found.name for found in results if found.wrong]}")
    print(f"CPU minutes {cpu_s / 60:.1f}, runs per CPU-minute {runs / max(cpu_s, 0.001) * 60:.0f}")
    return 1 if wrong else 0


def _cpu_s() -> float:
    """The processor time of this process and of its copies so far."""
    return sum(
        one.ru_utime + one.ru_stime for one in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _kept(log: Path | None) -> dict[str, Enumerated]:
    if log is None or not log.exists():
        return {}
    read = [json.loads(line) for line in log.read_text().splitlines()]
    return {one["name"]: Enumerated(**{**one, "faults": Counter(one["faults"])}) for one in read}


def _keep(found: Enumerated, log: Path | None) -> None:
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            file.write(json.dumps(vars(found)) + "\n")
