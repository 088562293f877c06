"""What is deployed is what was tested: one version, one lock, bytes that a second build repeats."""

import ast
import io
import json
import random
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from local import bundle

ROOT = Path(__file__).resolve().parents[3]
LAYER = ROOT / "layers" / "dependencies"
PINNED = re.compile(r"^([a-z0-9-]+)==([^\s;\\]+)", re.MULTILINE)
RUNTIME_PYTHON = bundle.runtime_python()


def pinned(path: Path) -> dict[str, str]:
    return dict(PINNED.findall(path.read_text(encoding="utf-8")))


def test_the_tests_run_on_the_versions_that_are_deployed() -> None:
    deployed, tested = pinned(LAYER / "requirements.txt"), pinned(ROOT / "requirements-dev.txt")
    assert deployed
    assert {name: tested.get(name) for name in deployed} == deployed


def test_every_deployed_distribution_is_locked_by_hash_with_all_that_it_requires() -> None:
    text = (LAYER / "requirements.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z])", text.strip())
    assert [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert len(entries) == len(pinned(LAYER / "requirements.txt"))
    named = set((LAYER / "requirements.in").read_text(encoding="utf-8").split())
    assert named <= set(pinned(LAYER / "requirements.txt"))


def test_nothing_that_is_deployed_uses_boto3() -> None:
    """The layer has no boto3, and none of botocore's descriptions of services."""
    for path in [*(ROOT / "layers" / "driveway").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                assert not [name for name in names if name.partition(".")[0] == "boto3"], path


def test_changelog_and_api_have_the_version_of_the_project() -> None:
    (latest, *_) = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    api = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    assert bundle.version() == latest == api["info"]["version"]


def test_build_and_template_name_one_runtime() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    makefile = (LAYER / "Makefile").read_text(encoding="utf-8")
    assert template["Globals"]["Function"]["Runtime"] == f"python{bundle.RUNTIME}"
    assert f"RUNTIME := {bundle.RUNTIME}\n" in makefile


def built(folder: Path) -> Path:
    """A small build as ``sam build`` leaves it."""
    for layer in bundle.LAYERS:
        (folder / layer / "python").mkdir(parents=True)
        source = "KINDS = frozenset({'a', 'b', 'c', 'd', 'e', 'f'})\nx = 1 in {1, 2, 3}\n"
        (folder / layer / "python" / f"{layer.lower()}.py").write_text(source)
    (folder / "template.yaml").write_text("CodeUri: ../../functions/clock\n")
    bundle.add_functions(folder, ROOT / "functions")
    return folder


def test_the_functions_stand_in_the_build_without_what_the_machine_compiled(tmp_path: Path) -> None:
    made = built(tmp_path / "build")
    assert (made / "template.yaml").read_text() == "CodeUri: functions/clock\n"
    assert (made / "functions" / "clock" / "app.py").exists()
    assert [path for path in made.rglob("*") if path.suffix == ".pyc" or path.name == "__pycache__"] == []


@pytest.mark.skipif(RUNTIME_PYTHON is None, reason=f"there is no Python {bundle.RUNTIME} on this machine")
def test_the_bytecode_is_of_the_runtimes_python_and_two_builds_are_the_same_bytes(tmp_path: Path) -> None:
    assert RUNTIME_PYTHON is not None
    made = [built(tmp_path / name) for name in ("first", "second")]
    for build in made:
        bundle.compile_all(build, RUNTIME_PYTHON)
    assert bundle.digest(made[0]) == bundle.digest(made[1])
    command = [RUNTIME_PYTHON, "-c", "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"]
    magic = bytes.fromhex(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
    compiled = list(made[0].rglob("*.pyc"))
    assert len(compiled) >= 3
    assert {path.read_bytes()[:4] for path in compiled} == {magic}
    assert {path.name.split(".")[1] for path in compiled} == {f"cpython-{bundle.RUNTIME.replace('.', '')}"}


def test_a_digest_sees_a_changed_byte_and_a_renamed_file(tmp_path: Path) -> None:
    first, second = built(tmp_path / "first"), built(tmp_path / "second")
    assert bundle.digest(first) == bundle.digest(second)
    shutil.move(second / "functions" / "clock" / "app.py", second / "functions" / "clock" / "main.py")
    assert bundle.digest(first) != bundle.digest(second)


def test_an_archive_is_the_same_bytes_whatever_the_order_and_the_time_of_its_files(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("a.txt", "b.txt", "c.txt")}
    for name, path in files.items():
        path.write_text(name)
    made = []
    for turn in range(3):
        shuffled = list(files.items())
        random.Random(turn).shuffle(shuffled)
        files["a.txt"].touch()
        out = io.BytesIO()
        bundle.archive(shuffled, out, at_s=1_700_000_000)
        made.append(out.getvalue())
    assert made[0] == made[1] == made[2]
    with tarfile.open(fileobj=io.BytesIO(made[0])) as tar:
        assert [(one.name, one.uid, one.mtime) for one in tar] == [(name, 0, 1_700_000_000) for name in sorted(files)]


def test_a_python_of_another_version_does_not_count_as_the_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_PYTHON", "python-that-is-not-there")
    assert bundle.runtime_python() is None
