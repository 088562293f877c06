"""``python -m local.clients [folder]``: makes the typed clients of the HTTP API, the same bytes for every run.

The generators are fetched by their versions, the one for TypeScript by npm: without npm there is no such client.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local.bundle import ROOT, version

DOCUMENT = ROOT / "docs" / "openapi.json"
README = Path(__file__).with_name("README.md")
CLIENTS = ROOT / ".aws-sam" / "clients"
PYTHON_GENERATOR = "openapi-python-client==0.29.1"
TYPESCRIPT_GENERATOR = ("openapi-typescript@7.13.0", "typescript@5.9.3")
FETCH = "0.17.0"
"""The version of openapi-fetch, which the TypeScript client calls."""

BUILT_AT_S = "315532800"
"""The time of the wheel's files, 1980: the earliest that a wheel can have."""


def python_client(folder: Path) -> Path:
    """The wheel ``driveway_client`` in a folder. Raises CalledProcessError if a tool fails or cannot be fetched."""
    uv = str(Path(sys.executable).with_name("uv"))
    with tempfile.TemporaryDirectory() as made:
        named = {"project_name_override": "driveway-client", "package_name_override": "driveway_client"}
        config, project = Path(made) / "config.json", Path(made) / "client"
        config.write_text(json.dumps(named | {"package_version_override": version()}), encoding="utf-8")
        generator = [uv, "tool", "run", "--quiet", "--from", PYTHON_GENERATOR, "openapi-python-client", "generate"]
        _run([*generator, "--meta", "uv", "--path", DOCUMENT, "--output-path", project, "--config", config], ROOT)
        shutil.copy(README, project)
        _run([uv, "build", "--quiet", "--wheel", "--out-dir", folder, project], ROOT)
    return folder / f"driveway_client-{version()}-py3-none-any.whl"


def typescript_client(folder: Path) -> Path | None:
    """The npm package ``driveway-client`` in a folder; None without npm. Raises CalledProcessError if a tool fails."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    package = {
        "name": "driveway-client",
        "version": version(),
        "description": "Typed client of Driveway's HTTP API",
        "license": "Apache-2.0",
        "type": "module",
        "exports": {".": {"types": "./index.d.ts", "default": "./index.js"}},
        "files": ["index.js", "index.d.ts", "schema.d.ts"],
        "dependencies": {"openapi-fetch": FETCH},
    }
    with tempfile.TemporaryDirectory() as made:
        project = Path(made)
        shutil.copytree(Path(__file__).parent / "typescript", project, dirs_exist_ok=True)
        shutil.copy(README, project)
        (project / "package.json").write_text(json.dumps(package, indent=2), encoding="utf-8")
        fetched = [f"--package={one}" for one in TYPESCRIPT_GENERATOR]
        # By its default a member of a request with a default value would have to be given.
        types: list[str | Path] = [
            "openapi-typescript",
            DOCUMENT,
            "--default-non-nullable",
            "false",
            "--output",
            "schema.d.ts",
        ]
        _run([npm, "exec", "--yes", *fetched, "--", *types], project)
        _run([npm, "pack", "--silent", "--pack-destination", folder.resolve()], project)
    return folder / f"driveway-client-{version()}.tgz"


def _run(command: list[str | Path], folder: Path) -> None:
    subprocess.run(
        command, cwd=folder, check=True, capture_output=True, env={**os.environ, "SOURCE_DATE_EPOCH": BUILT_AT_S}
    )


def main(arguments: list[str]) -> int:
    """Make both clients; 1 with the tool's own words if one cannot be made."""
    folder = Path(arguments[0]) if arguments else CLIENTS
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        print(f"Made {python_client(folder)}.")
        typescript = typescript_client(folder)
    except subprocess.CalledProcessError as error:
        print(f"A client could not be made: {error}\n{error.stderr.decode()}")
        return 1
    print(f"Made {typescript}." if typescript else "There is no npm here, so no TypeScript client was made.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
