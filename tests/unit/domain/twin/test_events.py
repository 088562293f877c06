"""Every event and every reason is in its enum, and each has a sentence."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from samtranslator.yaml_helper import yaml_parse

from driveway.domain.presence.rules import EffectKind
from driveway.domain.twin import CommandState, events, reasons
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason

ROOT = Path(__file__).resolve().parents[4]
ENUMS = {"events.py", "reasons.py"}
SOURCES = sorted(
    path
    for folder in ("layers/driveway/driveway", "functions")
    for path in (ROOT / folder).rglob("*.py")
    if not (path.parent.name == "twin" and path.name in ENUMS)
)
NAMES = {event.value for event in Event}


def calls_of_entry(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Entry":
            yield node


def event_of(call: ast.Call) -> ast.expr:
    return next((keyword.value for keyword in call.keywords if keyword.arg == "event"), None) or call.args[1]


@pytest.mark.parametrize(("enum", "sentences"), [(Event, events.SENTENCES), (Reason, reasons.SENTENCES)])
def test_every_code_has_a_sentence(enum: type[Event] | type[Reason], sentences: dict[str, str]) -> None:
    assert set(sentences) == set(enum)
    assert all(text[0].isupper() and text.endswith(".") for text in sentences.values())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_entry_takes_its_event_from_the_enum(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    literal = (ast.Constant, ast.JoinedStr)
    assert not [call.lineno for call in calls_of_entry(tree) if isinstance(event_of(call), literal)]
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value in NAMES)
    assert not [node.lineno for node in texts]


def test_the_library_makes_entries() -> None:
    """Otherwise the test above would find nothing to check."""
    made = [call for path in SOURCES for call in calls_of_entry(ast.parse(path.read_text("utf-8")))]
    assert len(made) > 20


@pytest.mark.parametrize("state", [state for state in get_args(CommandState) if state not in {"planned", "sent"}])
def test_every_final_state_of_a_command_has_an_event(state: str) -> None:
    assert Event(f"Command{state.title()}") in events.SENTENCES


def test_every_effect_that_is_news_is_an_event() -> None:
    assert {kind.value for kind in EffectKind} - NAMES == {EffectKind.IGNORED.value}


def test_the_app_receives_every_event_of_the_bus_but_the_internal_ones() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text("utf-8"))
    pattern = template["Resources"]["AppRule"]["Properties"]["EventPattern"]
    assert {name for one in pattern["detail-type"] for name in one["anything-but"]} == set(events.INTERNAL)
    assert not events.FOR_THE_APP & events.INTERNAL
