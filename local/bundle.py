"""``make build`` and ``make release``: what is deployed, whole and the same bytes for every build of a commit.

``sam build`` leaves the layers in ``.aws-sam/build``. This adds the functions, compiles everything for the runtime's
Python, and for a release packs it with the changelog, the licence and the lock file into one archive that
``sam deploy`` takes as it is.
"""

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
BUILD = ROOT / ".aws-sam" / "build"
RUNTIME = "3.13"
LAYERS = ("DependenciesLayer", "DrivewayLayer")
CARRIED = ("CHANGELOG.md", "LICENSE", "SECURITY.md", "samconfig.toml", "layers/dependencies/requirements.txt")
UNWANTED = shutil.ignore_patterns("__pycache__", "*.pyc")


def version() -> str:
    """The project's version, from ``pyproject.toml``."""
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return found


def runtime_python() -> str | None:
    """A Python of the runtime's minor version on this machine: ``RUNTIME_PYTHON``, or one that is found; else None."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{RUNTIME}*/bin/python"))
    given = os.environ.get("RUNTIME_PYTHON")
    candidates = [given] if given else [f"python{RUNTIME}", *map(str, installed)]
    return next((found for found in candidates if _version_of(found) == RUNTIME), None)


def _version_of(python: str) -> str | None:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def add_functions(build: Path, functions: Path) -> None:
    """Copy the functions beside the layers and point the built template at the copies."""
    shutil.rmtree(build / "functions", ignore_errors=True)
    shutil.copytree(functions, build / "functions", ignore=UNWANTED)
    template = build / "template.yaml"
    template.write_text(
        template.read_text(encoding="utf-8").replace("../../functions/", "functions/"), encoding="utf-8"
    )


def compile_all(build: Path, python: str) -> None:
    """Ship bytecode: a first answer does not compile. It is bound to the source by its hash, which is never checked."""
    layers = [(build / layer / "python", "/opt/python") for layer in LAYERS]
    functions = [(folder, "/var/task") for folder in sorted((build / "functions").iterdir())]
    for folder, deployed in layers + functions:
        command = [python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
        # A fixed seed, because the order of a set among the constants depends on it.
        environ = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run([*command, "-s", str(folder), "-p", deployed, str(folder)], check=True, env=environ)


def digest(build: Path) -> str:
    """The SHA-256 of everything in a folder, names included."""
    found = hashlib.sha256()
    for path in _files(build):
        found.update(f"{path.relative_to(build).as_posix()}\0{path.stat().st_size}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    return iter(sorted(path for path in folder.rglob("*") if path.is_file()))


def archive(paths: Iterable[tuple[str, Path]], out: IO[bytes], at_s: int) -> None:
    """A compressed tar archive of files by their names in it, dated ``at_s`` (Unix time): the same bytes each time."""
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=at_s) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in sorted(paths):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = path.stat().st_size, at_s, 0o644
            with path.open("rb") as content:
                tar.addfile(entry, content)


def release(build: Path, folder: Path, extra: Iterable[Path] = ()) -> Path:
    """The archive of a built commit, with its SHA-256 beside it. Its times are those of the commit."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"driveway-{version()}"
    committed_s = int(_git("log", "-1", "--format=%ct"))
    inside = [(f"{name}/{path.relative_to(build).as_posix()}", path) for path in _files(build)]
    carried = [(f"{name}/{Path(path).name}", ROOT / path) for path in CARRIED]
    made = folder / f"{name}.tar.gz"
    with made.open("wb") as out:
        archive([*inside, *carried, *((f"{name}/{path.name}", path) for path in extra)], out, committed_s)
    sha256 = hashlib.sha256(made.read_bytes()).hexdigest()
    (folder / f"{made.name}.sha256").write_text(f"{sha256}  {made.name}\n", encoding="utf-8")
    return made


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main(arguments: list[str] | None = None) -> int:
    """Complete the build, pack it as a release, or print where a Python of the runtime is."""
    parser = argparse.ArgumentParser(prog="python -m local.bundle", description=__doc__)
    parser.add_argument("what", choices=["build", "release", "python"])
    parser.add_argument("--sbom", type=Path, action="append", default=[], help="a file to put into the release")
    parser.add_argument("--clients", type=Path, help="a folder whose files go into the release")
    wanted = parser.parse_args(arguments)
    python = runtime_python()
    if wanted.what == "python":
        print(python or f"python{RUNTIME}")
        return 0
    if wanted.what == "build":
        add_functions(BUILD, ROOT / "functions")
        if python is None:
            print(f"No Python {RUNTIME} here: this build ships no bytecode, and first answers take longer.")
            print("Name one in RUNTIME_PYTHON to ship it.")
        else:
            compile_all(BUILD, python)
        print(f"Built version {version()}: {digest(BUILD)}")
        return 0
    if python is None:
        print(f"A release ships bytecode for Python {RUNTIME}; there is none here. Name one in RUNTIME_PYTHON.")
        return 1
    if _git("status", "--porcelain"):
        print("A release is made of a commit. Commit or stash your changes first.")
        return 1
    clients = sorted(wanted.clients.iterdir()) if wanted.clients else []
    print(release(BUILD, BUILD.parent / "release", [*wanted.sbom, *clients]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
