"""Docstrings name what is there: each attribute that a class describes is one that it has."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted((ROOT / "layers" / "driveway" / "driveway").rglob("*.py"))
DESCRIBED = re.compile(r"^    (\w+(?:, \w+)*): ", re.MULTILINE)


def classes(path: Path) -> Iterator[ast.ClassDef]:
    """The classes of a module, but for errors: those take their attributes from a constructor."""
    found = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ClassDef))
    return (node for node in found if not node.name.endswith("Error"))


def described(node: ast.ClassDef) -> set[str]:
    """The names under ``Attributes:`` in the docstring of a class."""
    section = (ast.get_docstring(node) or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    return {name for names in DESCRIBED.findall(section) for name in names.split(", ")}


def present(node: ast.ClassDef) -> set[str]:
    fields = {
        part.target.id for part in node.body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }
    return fields | {part.name for part in node.body if isinstance(part, ast.FunctionDef)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_attribute_described_is_there(path: Path) -> None:
    for node in classes(path):
        assert described(node) <= present(node), f"{node.name}: {described(node) - present(node)}"


def test_attributes_are_described() -> None:
    """Otherwise the test above would find nothing to check."""
    assert sum(len(described(node)) for path in SOURCES for node in classes(path)) > 100
