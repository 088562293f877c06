"""The glossary is short, in order, and names only places that exist."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

GLOSSARY = Path(__file__).resolve().parents[3] / "docs" / "glossary.md"
ROW = re.compile(r"^\| (?P<term>[^|]+?) \| (?P<meaning>[^|]+?) \| `(?P<place>[\w.]+)` \|", re.MULTILINE)
ROWS = [match.groupdict() for match in ROW.finditer(GLOSSARY.read_text("utf-8"))]
MOST_TERMS = 40


def found(place: str) -> Any:
    """The module, class, function or method of a dotted name. Raises AttributeError or ImportError."""
    parts = place.split(".")
    for split in range(len(parts), 0, -1):
        try:
            thing = import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for name in parts[split:]:
            thing = getattr(thing, name)
        return thing
    raise ImportError(place)


def test_it_has_at_most_forty_terms_in_alphabetical_order() -> None:
    terms = [row["term"] for row in ROWS]
    assert 20 < len(terms) <= MOST_TERMS
    assert terms == sorted(terms)


def test_every_row_can_be_read() -> None:
    lines = [line for line in GLOSSARY.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert len(lines) == len(ROWS) + 1


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["term"]))
def test_every_place_named_exists(row: dict[str, str]) -> None:
    assert found(row["place"]) is not None


def test_a_place_that_is_gone_would_be_noticed() -> None:
    with pytest.raises(AttributeError):
        found("driveway.domain.twin.twin.Gone")
