"""The documentation names only what exists."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from driveway.domain.twin.reasons import Reason
from driveway.vehicles.registry import PROVIDERS
from local.credentials import SETTINGS

ROOT = Path(__file__).resolve().parents[3]
GENERATED = {ROOT / "docs" / "http-api.md"}
PAGES = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")} - GENERATED)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE_CELL = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`")
MAKE = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)
PATH = re.compile(r"`((?:layers|functions|local|simulators|tests|benchmarks|docs|events|driveway)/[\w./-]+\.\w+)`")
ALARM = re.compile(r"`(\w+Alarm)`")
ROUTE = re.compile(r"`(GET|PUT|POST|DELETE) (/[\w/{}.-]*)")

NOT_REASONS = (
    {"API_URL", "APP_TOKEN", "AXLE_TOKEN", "OPERATOR_TOKEN", "DRIVEWAY_CLOCK", "AXLE_OPENAPI"}
    | {f"{name.upper()}_BASE_URL" for name in ("axle", *PROVIDERS)}
    | SETTINGS
)
OUTCOMES = {"ALREADY_IN_STATE", "NEEDS_USER"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower() for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def relative_links(page: Path) -> Iterator[str]:
    for link in LINK.findall(text_of(page)):
        if not re.match(r"[a-z]+:", link):
            yield unquote(link)


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_leads_to_a_file_and_to_a_heading_in_it(name: str) -> None:
    page = ROOT / name
    for link in relative_links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{name} links to {link}, which has no such heading"


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_named_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = set(MAKE.findall(text_of(ROOT / name)))
    assert named <= targets, f"{name} names targets that the Makefile does not have"


@pytest.mark.parametrize("name", NAMES)
def test_every_file_named_exists(name: str) -> None:
    for named in PATH.findall(text_of(ROOT / name)):
        places = (ROOT / named, ROOT / "layers" / "driveway" / named)
        assert any(place.exists() for place in places), f"{name} names {named}"


@pytest.mark.parametrize("name", ["README.md", "docs/operations.md", "docs/architecture.md"])
def test_every_reason_code_named_exists(name: str) -> None:
    named = set(CODE_CELL.findall(text_of(ROOT / name)))
    assert named - NOT_REASONS - OUTCOMES <= {reason.value for reason in Reason}


def test_support_finds_every_reason_code_in_exactly_one_row() -> None:
    page = text_of(ROOT / "docs" / "operations.md")
    table = page.partition("| reason | means | do |")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    codes = [code for cell in cells for code in re.findall(r"`([A-Z_]+)`", cell)]
    assert sorted(codes) == sorted(reason.value for reason in Reason)


def test_operations_says_what_to_do_about_every_alarm_and_names_no_other() -> None:
    defined = set(re.findall(r"^  (\w+Alarm):$", text_of(ROOT / "template.yaml"), re.MULTILINE))
    assert set(ALARM.findall(text_of(ROOT / "docs" / "operations.md"))) == defined


def test_every_route_named_is_in_the_template() -> None:
    template = text_of(ROOT / "template.yaml")
    served = {
        (method, re.compile(re.sub(r"\{\w+\}", "[^/]+", path)))
        for method, path in re.findall(r'Method: (\w+), Path: "([^"]+)"', template)
    }
    for name in ("README.md", "docs/operations.md", "docs/architecture.md"):
        for method, path in ROUTE.findall(text_of(ROOT / name)):
            fits = any(method == known and pattern.fullmatch(path) for known, pattern in served)
            assert fits, f"{name} names {method} {path}"


def test_every_deployed_dependency_has_its_reason() -> None:
    page = text_of(ROOT / "docs" / "dependencies.md")
    for source in ("layers/dependencies/requirements.in", "requirements-dev.in"):
        for line in text_of(ROOT / source).splitlines():
            if line and not line.startswith("#"):
                name = re.split(r"[\[=<>~! ]", line)[0]
                assert f"`{name}`" in page, f"{name} of {source}"


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = {page.name for page in folder.glob("[0-9]*.md")}
    assert pages == set(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", text_of(folder / "README.md")))
