"""Which unit tests run a line of the domain, as coverage.py sees it in one run of all of them."""

import subprocess
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from coverage import Coverage, CoverageData

UNIT_TESTS = ("tests/unit", "--ignore=tests/unit/project")
SETTINGS = """
[run]
relative_files = true
source = layers/driveway/driveway/domain
data_file = {data}
"""


@dataclass(frozen=True)
class TestsOfLines:
    """By file, as seen from the project's root, and line, the unit tests that run it.

    A line that runs at import has an empty name among them.
    """

    __test__ = False
    by_line: Mapping[Path, Mapping[int, frozenset[str]]]

    def of(self, path: Path, line: int) -> frozenset[str] | None:
        """The tests that run a line, or the last one before it that runs; None if all may depend on it.

        Those are lines that run at import.
        """
        lines = self.by_line.get(path, {})
        tests = lines.get(max((one for one in lines if one <= line), default=0), frozenset[str]())
        return None if "" in tests else tests


def tests_of_lines(root: Path, data: Path) -> TestsOfLines:
    """What coverage.py wrote to this file, after a run of the project's unit tests if it is not there yet.

    Raises RuntimeError if a test fails.
    """
    if not data.exists():
        settings = data.with_suffix(".ini")
        settings.write_text(SETTINGS.format(data=data.absolute()))
        command = [sys.executable, "-m", "coverage", "run", f"--rcfile={settings.absolute()}", "-m", "pytest"]
        pytest_run = ["-q", "-n", "0", "-p", __name__, *UNIT_TESTS]
        done = subprocess.run([*command, *pytest_run], cwd=root, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            data.unlink(missing_ok=True)
            raise RuntimeError(f"The unit tests are red without a mutant: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return _read(data)


def _read(data: Path) -> TestsOfLines:
    measured = CoverageData(str(data))
    measured.read()
    lines = {Path(path): measured.contexts_by_lineno(path) for path in measured.measured_files()}
    return TestsOfLines(
        {path: {line: frozenset(contexts) for line, contexts in of_file.items()} for path, of_file in lines.items()}
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Name the test that runs to coverage.py. Its own way takes hypothesis for the test of every property."""
    measured = Coverage.current()
    if measured is not None:
        measured.switch_context(item.nodeid.partition("[")[0])
    result = yield
    if measured is not None:
        measured.switch_context("")
    return result
