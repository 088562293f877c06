"""Every shell block of README and docs runs: in a real shell, with ``aws`` and ``make`` checked by the real tools."""

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.project.aws_calls import check, log_messages

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(page, body, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, (kind, body) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")))
    if kind == "sh"
]
RECORDER = """#!/bin/bash
{ printf '%s\\0' "$@"; printf '\\n'; } >> "$RECORDS/$(basename "$0")"
echo "$(basename "$0")"
"""
SOURCE = "\n".join(
    path.read_text(encoding="utf-8") for folder in ("layers", "functions") for path in (ROOT / folder).rglob("*.py")
)


def first_block(page: str) -> str:
    """The first shell block of the operations page, which defines what the others use."""
    return next(body for kind, body in FENCE.findall((ROOT / page).read_text(encoding="utf-8")) if kind == "sh")


def calls(folder: Path, tool: str) -> list[list[str]]:
    path = folder / tool
    lines = path.read_text(encoding="utf-8").split("\0\n") if path.exists() else []
    return [line.split("\0") for line in lines if line]


def run(body: str, folder: Path) -> None:
    """Run a block in a folder of its own; what ``aws``, ``make`` and ``curl`` get is kept, and nothing is called."""
    tools, records = folder / "tools", folder / "records"
    tools.mkdir()
    records.mkdir()
    for name in ("aws", "make", "curl"):
        (tools / name).write_text(RECORDER)
        (tools / name).chmod((tools / name).stat().st_mode | stat.S_IXUSR)
    (folder / ".local").mkdir()
    (folder / ".local" / "stack.json").write_text(json.dumps({"app_token": "t", "api_url": "http://127.0.0.1:9"}))
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "RECORDS": str(records), "STAGE": "dev", "EDITOR": "true"}
    text = f"set -eu\n{first_block('docs/operations.md')}\n{body}"
    done = subprocess.run(
        ["bash"], input=text, text=True, capture_output=True, cwd=folder, env=environment, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_what_it_is(page: Path) -> None:
    assert all(kind for kind, _ in FENCE.findall(page.read_text(encoding="utf-8"))), "write ```sh or ```text"


@pytest.mark.parametrize(("page", "body"), BLOCKS)
def test_a_block_runs_and_every_tool_accepts_what_it_gets(page: Path, body: str, tmp_path: Path) -> None:
    run(body, tmp_path)
    for arguments in calls(tmp_path / "records", "aws"):
        check(arguments)
    for arguments in calls(tmp_path / "records", "make"):
        done = subprocess.run(["make", "-n", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("page", "body"), BLOCKS)
def test_queries_look_for_what_is_logged(page: Path, body: str) -> None:
    unknown = [message for message in log_messages(body) if f'"{message}"' not in SOURCE]
    assert not unknown, f"{page.name} looks for log lines that no function writes: {unknown}"


def test_the_recipe_for_logs_prints_every_value_but_the_pointer() -> None:
    import jmespath

    expression = re.search(r'--query "(results[^"]+)"', (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"))
    assert expression is not None
    row = [
        {"field": "message", "value": "command"},
        {"field": "outcome", "value": "sent"},
        {"field": "@ptr", "value": "p"},
    ]
    assert jmespath.search(expression[1], {"results": [row, row]}) == [["command", "sent"], ["command", "sent"]]


@pytest.mark.parametrize(
    "wrong",
    [
        ["sqs", "receive-messages", "--queue-url", "x"],
        ["sqs", "receive-message", "--queue", "x"],
        ["sqs", "receive-message"],
        ["sqs", "receive-message", "--queue-url", "x", "--query", "Message[].Body"],
        ["dynamodb", "get-item", "--table-name", "x", "--key", '{"pk": "text"}'],
    ],
)
def test_what_aws_would_refuse_is_found(wrong: list[str]) -> None:
    with pytest.raises(AssertionError):
        check(wrong)
