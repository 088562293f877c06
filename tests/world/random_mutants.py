"""Small random mutants of domain code, and what notices each: ``python -m tests.world.random_mutants --mutants 100``.

A mutant is one comparison flipped, one condition fixed, or one number moved by one. The unit tests that run the changed
line come first, those of its package before others, and end at the first failure; then nights from seeds, which end at
the first that is wrong. What survives is printed; with ``--rest`` it meets the other tests of ``make test``, too. Each
mutant lives in a copy of the project.
"""

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.world.tests_of_lines import UNIT_TESTS, TestsOfLines, tests_of_lines

ROOT = Path(__file__).parents[2]
DOMAIN = ROOT / "layers" / "driveway" / "driveway" / "domain"
REST = {"tests/functions": 2, "tests/contract": 2, "tests/world": 2, "tests/account": 0, "tests/stack": 0}
"""The other tests of ``make test``, and the processes that each folder runs in."""

FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
LONGEST_S = 1800


@dataclass(frozen=True)
class Mutant:
    """A change of one expression in a file of the domain."""

    path: Path
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(DOMAIN)}:{self.line}: {self.before!r} -> {self.after!r}"


def drawn(count: int, seed: int) -> list[Mutant]:
    """So many mutants, drawn evenly from all that the domain has."""
    every = [mutant for path in sorted(DOMAIN.rglob("*.py")) for mutant in _of_file(path)]
    return random.Random(seed).sample(every, min(count, len(every)))


def _of_file(path: Path) -> Iterator[Mutant]:
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        for place, changed in _changes(node):
            if place.lineno != place.end_lineno:
                continue
            row = lines[place.lineno - 1].encode()
            before = row[place.col_offset : place.end_col_offset].decode()
            after = f"({ast.unparse(changed)})" if isinstance(changed, ast.Compare) else ast.unparse(changed)
            mutated = row[: place.col_offset].decode() + after + row[place.end_col_offset or 0 :].decode()
            source = "".join([*lines[: place.lineno - 1], mutated, *lines[place.lineno :]])
            yield Mutant(path, place.lineno, before, after, source)


def _changes(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in FLIPPED:
        changed = deepcopy(node)
        changed.ops = [FLIPPED[type(node.ops[0])]()]
        yield node, changed
    if isinstance(node, ast.If | ast.IfExp):
        yield node.test, ast.Constant(True)
        yield node.test, ast.Constant(False)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        yield node, ast.Constant(node.value + 1)


def noticed_by(mutant: Mutant, tests: TestsOfLines, seeds: int, project: Path) -> str | None:
    """What notices a mutant first, planted in a copy of the project; None if it survives."""
    planted = project / mutant.path.relative_to(ROOT)
    original = planted.read_text()
    try:
        _write(planted, mutant.source)
        failed = _failed(project, _in_order(mutant, tests))
        if failed is not None:
            return f"unit test {failed}"
        nights = _run(project, "tests.world.chaos", "--seeds", str(seeds), "--workers", "1", "--until-wrong")
        return None if nights is None else f"seed {''.join(re.findall(r'seed ([0-9]+):', nights)[:1])}"
    finally:
        _write(planted, original)


def noticed_by_the_rest(mutant: Mutant, project: Path) -> str | None:
    """The first other test of ``make test`` that notices a mutant; None if it survives them, too."""
    planted = project / mutant.path.relative_to(ROOT)
    original = planted.read_text()
    try:
        _write(planted, mutant.source)
        return next((failed for tests, workers in REST.items() if (failed := _failed(project, [tests], workers))), None)
    finally:
        _write(planted, original)


def _write(path: Path, source: str) -> None:
    """Change a file. What Python made of it before goes: it would count as current within the same second."""
    path.write_text(source)
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        compiled.unlink()


def _in_order(mutant: Mutant, tests: TestsOfLines) -> list[str]:
    """The unit tests that run the changed line, those of its package first."""
    package = mutant.path.relative_to(DOMAIN).parts[0].removesuffix(".py")
    own = f"tests/unit/domain/{package}"
    found = tests.of(mutant.path.relative_to(ROOT), mutant.line)
    if found is None:
        return [*([own] if (ROOT / own).is_dir() else []), *UNIT_TESTS]
    return sorted(found, key=lambda test: (not test.startswith(own), test))


def _failed(project: Path, tests: Sequence[str], workers: int = 0) -> str | None:
    """The first of these tests that fails; None if they pass."""
    if not tests:
        return None
    listed = project / ".local" / "tests"
    listed.parent.mkdir(exist_ok=True)
    listed.write_text("\n".join(tests))
    output = _run(project, "pytest", "-q", "-x", "-n", str(workers), "--dist", "loadfile", f"@{listed}")
    if output is None:
        return None
    return "".join(re.findall(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)[:1]) or output[-200:]


def _run(project: Path, module: str, *arguments: str) -> str | None:
    """What a command says if it fails or takes too long; None if it is content."""
    environment = {
        **os.environ,
        "PYTHONPATH": "layers/driveway:.",
        "PYTHONHASHSEED": "0",
        "HYPOTHESIS_PROFILE": "unshrunk",
    }
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"It took more than {LONGEST_S} s."
    return done.stdout + done.stderr if done.returncode else None


def copied(folder: Path) -> Path:
    """A copy of the project's files, as far as git knows them or would."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def main(arguments: Sequence[str]) -> int:
    """Plant each, and print what noticed it."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--mutants", type=int, default=100)
    asked.add_argument("--first", type=int, default=0)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--seeds", type=int, default=30)
    asked.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    asked.add_argument("--rest", action="store_true")
    asked.add_argument("--lines", type=Path, help="which tests run which lines: read from here, or written")
    given = asked.parse_args(arguments)
    mutants = drawn(given.first + given.mutants, given.seed)[given.first :]
    with tempfile.TemporaryDirectory() as folder:
        projects = SimpleQueue[Path]()
        for number in range(given.workers):
            projects.put(copied(Path(folder) / f"project-{number}"))
        tests = tests_of_lines(ROOT, given.lines or Path(folder) / "lines")

        def judge(mutant: Mutant) -> str | None:
            project = projects.get()
            try:
                found = noticed_by(mutant, tests, given.seeds, project)
                print(f"{mutant}: {found or 'SURVIVED'}", flush=True)
                return found
            finally:
                projects.put(project)

        with ThreadPoolExecutor(given.workers) as pool:
            found = list(pool.map(judge, mutants))
        print(dict(Counter("survived" if one is None else one.partition(" ")[0] for one in found)))
        project = projects.get()
        for mutant in (mutant for mutant, one in zip(mutants, found, strict=True) if one is None):
            rest = noticed_by_the_rest(mutant, project) if given.rest else None
            print(f"survivor {mutant}{f': {rest}' if rest else ''}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
