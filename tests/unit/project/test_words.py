"""Sentences are plain: riddles that were once removed do not come back.

Checked are docstrings, comments, texts, names of tests, and pages of documentation; of other names, the ones in
``OLD_NAMES``.
"""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
THIS = Path(__file__).resolve()
SKIPPED = {ROOT / "docs" / "http-api.md", ROOT / "docs" / "glossary.md"}
"""A page that is made from the code, and the one that names the words that are not used."""

RIDDLES: dict[str, str] = {
    r"\b(is|are|was|were) (not )?to be\b": "say who does it: must, will",
    r"\bnot un(?!til|less|ique|der|ion|ix|its?\b|plug|done)\w+": "say it without the two negations",
    r"\bnoughts?\b": "zero",
    r"(^|[.:;,] |\bthat |\band )who(ever)? (has|takes|asks|looks|wants|is|reads|comes|holds|needs|got|gets)\b": (
        "begin with a noun, not with a clause"
    ),
    r"\bwhoever\b": "name the one who does it",
    r"\blet(ting|s)? go\b": "release",
    r"(?<!you )\btold\b": "report, send, acknowledge",
    r"\bheard\b": "receive, acknowledge",
    r"\b(was|is|were|are|be|been|it|driver|app) said\b|\bsaid so\b": "report",
    r"\b(a|the|each|every|one|next|both|no|that|which|queued|of) looks?\b(?! like)": "wake-up, state read, reconcile",
    r"\btaken for\b|\btakes? for (a |an |the |no )": "count as, mistake for",
    r"\bthe machinery\b": "name the part: queues, calls",
    r"\bspeaks? against\b": "contradict",
    r"\bboosts?\b": "charge-now",
    r"\ball the same\b": "still",
    r"\bof whose\b|\bone of (which|whose)\b": "make two sentences",
    r"\bfor the sake of\b": "because of",
    r"\bsuffices?\b": "is enough",
    r"\banew\b": "again",
    r"\bfor ever\b": "name the bound, or: never",
    r"\bis no part of\b|\bmakes it another\b|\bknown to go on\b|\bno doubt of\b|\bto spare the\b": "say it plainly",
    r"\bhangs? on\b": "depend on",
    r"\bSomething else is wanted\b": "say what changed, and for whom",
    r"\bso many found\b|\bupkeep\b|\bof sight\b|\bby sight\b": "see the glossary",
}
PATTERNS = {re.compile(pattern, re.IGNORECASE): better for pattern, better in RIDDLES.items()}

OLD_NAMES = re.compile(
    r"\b(Wish|does_it|samples_told|Outlook|reconnected_by_sight|spoilt|shut_out|letting_go|_let_go|unrefused|doubt_at"
    r"|shown_before|put_off_until|freed_at|held_seen|schedule_unsure|may_keep_ours"
    r"|(?!AXLE_TOLD)\w*(?<![^\W_])(?:told|TOLD|heard|said)(?![^\W_])\w*)\b"
)
"""Names that were replaced, and every name with told, heard or said in it, apart from an event of the HTTP API."""

ROWS_15_TO_25 = [
    "Who has to connect the account again is told so where the account is found to be out of order, and what the day's "
    "commands do not suffice for is told where it is kept back.",
    "The half-hours take an end back that is at an instant, to the millisecond, at which the session is known to go "
    "on.",
    "what the machinery takes is not taken for a fault on a scaled clock",
    "Refusals of whose the rows are: the asset at fault is one of which all rows are refused.",
    "So many found at fault while nothing was taken, and the fault is Axle's and not theirs.",
    "When the running day of a twin is judged, for one of which no day is waiting yet.",
    "Whether a record is a re-send is no part of what it says, nor is the form that it came in.",
    "The value of an intent: neither the date, which Axle discards, nor a battery that fills makes it another.",
    "A driver who asks for it has a charger told anew, once, whose car does not charge.",
    "It was said which car is plugged in: what was said for that car counts.",
    "Held back until 05:30: minimum dwell, to spare the car.",
    "Something else is wanted now.",
    "Take what the machinery of a fast clock takes for no doubt of a car's",
    "Write the rest of a recording only after what it hangs on",
    "car left alone for ever longer",
]


@cache
def files() -> tuple[Path, ...]:
    """The files of the project that people read."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    paths = [ROOT / name for name in listed]
    wanted = [path for path in paths if path.suffix in {".py", ".md"} or path.name in {"Makefile", "template.yaml"}]
    return tuple(path for path in wanted if path.exists() and path != THIS and path not in SKIPPED)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


CODE = [path for path in files() if path.suffix == ".py"]


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Each text of a file with its line: prose of a page; comments, strings and names of a module."""
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        prose = re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text, flags=re.MULTILINE | re.DOTALL)
        yield from enumerate(prose.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, " ".join(node.value.split())
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name.replace("_", " ")


def riddles_in(text: str) -> list[str]:
    return [
        f"{found[0].strip()!r} ({better})" for pattern, better in PATTERNS.items() if (found := pattern.search(text))
    ]


@pytest.mark.parametrize("path", files(), ids=named)
def test_no_riddle_comes_back(path: Path) -> None:
    found = [f"line {line}: {riddle}" for line, text in sentences(path) for riddle in riddles_in(text)]
    assert not found, f"{named(path)}: " + "; ".join(found)


@pytest.mark.parametrize("path", CODE, ids=named)
def test_no_name_comes_back_that_was_replaced(path: Path) -> None:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
    assert not [token.string for token in tokens if token.type == tokenize.NAME and OLD_NAMES.fullmatch(token.string)]


@pytest.mark.parametrize("sentence", ROWS_15_TO_25)
def test_a_sentence_that_was_once_here_would_be_noticed(sentence: str) -> None:
    assert riddles_in(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "You told us which car is plugged in.",
        "The account is not unique.",
        "It looks like a plug-out.",
        "Not until noon.",
    ],
)
def test_a_plain_sentence_passes(sentence: str) -> None:
    assert not riddles_in(sentence)
