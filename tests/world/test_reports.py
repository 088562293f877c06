"""A failing enumeration or night says how to play it again, and with as little as shows it; a long one goes on."""

from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.world import chaos
from tests.world.chaos import Played, report
from tests.world.enumerated import Enumerated, enumerate_all


def test_a_failing_seed_says_how_to_play_it_again_and_what_it_takes() -> None:
    def played(seed: int, without: frozenset[str] = frozenset()) -> Played:
        wrong = [] if "faults of calls" in without else ["15 20:00 nothing_waits: car-2 is due"]
        return Played(seed, 3, wrong, [f"{3 - len(without)} parts of car-2", "a line of car-1"])

    with patch.object(chaos, "play", played):
        text = report(played(17))
    assert "Play it again: make chaos SEEDS=1 FIRST=17" in text
    assert "It takes: faults of calls." in text
    assert f"{3 - (len(chaos.PARTS) - 1)} parts of car-2" in text
    assert "a line of car-1" not in text


def counted(name: str, done: list[str], wrong: tuple[str, ...] = ()) -> Enumerated:
    done.append(name)
    return Enumerated(name, calls=2, runs=3, faults=Counter({"death before": 2}), wrong=list(wrong))


def test_an_enumeration_prints_what_it_tried_and_how_to_repeat_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = {"one": lambda: counted("one", []), "two": lambda: counted("two", [], ("the twin differs",))}
    assert enumerate_all("situations", "tests.world.crash_points", jobs, []) == 1
    text = capsys.readouterr().out
    assert "Play it again: PYTHONHASHSEED=0 python -m tests.world.crash_points --only 'two'" in text
    assert "situations 2, calls 4, runs 6" in text
    assert "faults 4: {'death before': 4}" in text
    assert "violations 1 in ['two']" in text


def test_an_enumeration_goes_on_from_its_log_and_runs_in_parts(tmp_path: Path) -> None:
    done: list[str] = []
    jobs = {name: lambda name=name: counted(name, done) for name in ("one", "two", "three")}
    arguments = ["--log", str(tmp_path / "found" / "log.jsonl")]
    assert enumerate_all("pairs", "tests.world.pairs", jobs, [*arguments, "--part", "1/2"]) == 0
    assert done == ["one", "three"]
    assert enumerate_all("pairs", "tests.world.pairs", jobs, arguments) == 0
    assert done == ["one", "three", "two"]
