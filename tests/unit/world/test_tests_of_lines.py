"""Which unit tests meet a mutant of a line."""

from pathlib import Path

from tests.world.tests_of_lines import TestsOfLines

MPAN = Path("layers/driveway/driveway/domain/mpan.py")


def test_a_line_has_the_tests_that_run_it() -> None:
    assert TestsOfLines({MPAN: {3: frozenset({"a"}), 5: frozenset({"b"})}}).of(MPAN, 5) == frozenset({"b"})


def test_a_line_that_no_test_runs_has_those_of_the_last_one_before_it() -> None:
    assert TestsOfLines({MPAN: {3: frozenset({"a"}), 5: frozenset({"b"})}}).of(MPAN, 4) == frozenset({"a"})


def test_all_tests_may_depend_on_a_line_that_runs_at_import() -> None:
    assert TestsOfLines({MPAN: {3: frozenset({"", "a"})}}).of(MPAN, 3) is None


def test_a_file_that_no_test_runs_has_none() -> None:
    assert TestsOfLines({}).of(MPAN, 1) == frozenset()
