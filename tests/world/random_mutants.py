"""Small random mutants of domain code, and what notices each: ``python -m tests.world.random_mutants --mutants 100``.

A mutant is one comparison flipped, one condition fixed, or one number moved by one. The unit tests of the changed
package run first, then the other unit tests, each ending at the first failure; then nights from seeds. What survives is
printed.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "driveway"
DOMAIN = LAYER / "driveway" / "domain"
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


def noticed_by(mutant: Mutant, seeds: int) -> str | None:
    """What notices a mutant first; None if it survives."""
    package = mutant.path.relative_to(DOMAIN).parts[0].removesuffix(".py")
    own = ROOT / "tests" / "unit" / "domain" / package
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder) / "layer"
        shutil.copytree(LAYER, layer, ignore=shutil.ignore_patterns("__pycache__"))
        (layer / mutant.path.relative_to(LAYER)).write_text(mutant.source)
        tests = ("pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-o", f"pythonpath={layer} .")
        if own.is_dir() and _fails(layer, *tests, str(own)):
            return "unit tests of its package"
        if _fails(layer, *tests, "tests/unit", "--ignore=tests/unit/project"):
            return "unit tests"
        for seed in range(1, seeds + 1):
            if _fails(layer, "tests.world.chaos", "--seeds", "1", "--first", str(seed), "--workers", "1"):
                return f"seed {seed}"
    return None


def _fails(layer: Path, module: str, *arguments: str) -> bool:
    environment = {**os.environ, "PYTHONPATH": f"{layer}:.", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def main(arguments: Sequence[str]) -> int:
    """Plant each, and print what noticed it."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--mutants", type=int, default=100)
    asked.add_argument("--first", type=int, default=0)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--seeds", type=int, default=30)
    given = asked.parse_args(arguments)
    counts, survivors = Counter[str](), list[Mutant]()
    for mutant in drawn(given.first + given.mutants, given.seed)[given.first :]:
        found = noticed_by(mutant, given.seeds)
        counts["survived" if found is None else found.partition(" of")[0].partition(" ")[0]] += 1
        survivors += [mutant] if found is None else []
        print(f"{mutant}: {found or 'SURVIVED'}", flush=True)
    print(dict(counts))
    for mutant in survivors:
        print(f"survivor {mutant}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
