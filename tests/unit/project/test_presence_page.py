"""The table of evidence in docs/presence.md names only fields that the code of that provider reads."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
VEHICLES = ROOT / "layers/driveway/driveway/vehicles"
SOURCES = {"Enode": "enode", "Smartcar": "smartcar", "Tesla": "tesla", "the app": "app.py"}
NOT_OF_THE_CODE = {"home_location_id"}
"""Names in the table that are not fields of a provider."""


def rows() -> list[list[str]]:
    table = re.search(r"^\| evidence .*?(?=\n\n)", (ROOT / "docs/presence.md").read_text(), re.MULTILINE | re.DOTALL)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.group().splitlines()]


def source(name: str) -> str:
    place = VEHICLES / SOURCES[name]
    files = [place] if place.is_file() else sorted(place.glob("*.py"))
    return "\n".join(file.read_text() for file in files)


@pytest.mark.parametrize("provider", SOURCES)
def test_the_evidence_that_a_provider_gives_is_read_by_its_code(provider: str) -> None:
    heads, _, *body = rows()
    column, code = heads.index(provider), source(provider)
    named = [name for row in body for name in re.findall(r"`([^`]+)`", row[column])]
    assert len(named) >= 5
    missing = [name for name in named if name not in NOT_OF_THE_CODE and not is_read(name, code)]
    assert missing == []


def is_read(name: str, code: str) -> bool:
    """Whether the code holds the field, of a path its last part, in quotation marks; upper or lower case are one."""
    return f'"{name.rpartition(".")[2]}"'.lower() in code.lower()
