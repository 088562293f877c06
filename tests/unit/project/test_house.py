"""The house rules that can be counted: short files and functions, few branches, a docstring on everything public."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from radon.complexity import cc_visit

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = sorted((ROOT / "layers" / "driveway" / "driveway").rglob("*.py"))
HANDLERS = sorted((ROOT / "functions").glob("*/app.py"))


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_file_of_the_library_has_more_than_300_lines() -> None:
    assert {name_of(path): lines(path) for path in LIBRARY if lines(path) > 300} == {}


def test_no_two_test_files_share_a_name_because_one_run_cannot_collect_both() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_handler_has_more_than_80_lines() -> None:
    assert {name_of(path): lines(path) for path in HANDLERS if lines(path) > 80} == {}


def test_no_function_branches_more_than_fifteen_times() -> None:
    found = {
        f"{name_of(path)}:{block.name}": block.complexity
        for path in [*LIBRARY, *HANDLERS]
        for block in cc_visit(path.read_text(encoding="utf-8"))
        if block.letter in {"F", "M"} and block.complexity > 15
    }
    assert found == {}


def body_lines(function: ast.FunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_functions_are_short() -> None:
    found = [
        body_lines(node)
        for path in LIBRARY
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    assert median(found) <= 7
    assert quantiles(found, n=10)[-1] <= 20


def public(tree: ast.Module) -> Iterator[ast.Module | ast.ClassDef | ast.FunctionDef]:
    yield tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (n for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_"))


def test_everything_public_says_what_it_gives() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in LIBRARY}
    nodes = [(path, node) for path, tree in trees.items() for node in public(tree)]
    missing = [f"{name_of(path)}:{getattr(node, 'name', '')}" for path, node in nodes if not ast.get_docstring(node)]
    assert len(missing) / len(nodes) <= 0.03, missing


def test_no_value_that_is_deployed_is_a_dataclass() -> None:
    found = [
        name_of(path)
        for path in [*LIBRARY, *HANDLERS]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses" and node.names[0].name != "replace"
    ]
    assert found == []
