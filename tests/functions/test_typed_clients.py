"""The typed clients of the release, used as an app's engineer would, against the real functions."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.clients.__main__ import README, TYPESCRIPT_GENERATOR, python_client, typescript_client
from tests.support.functions.front import TOKENS, serving
from tests.support.functions.rig import Rig
from tests.support.functions.sites import car, site_body

APP = next(iter(TOKENS["app"].values()))
UNFETCHED = "A generator could not be fetched: "

PYTHON = """
import json
import sys

from driveway_client import AuthenticatedClient
from driveway_client.api.preferences import put_intent
from driveway_client.api.sites import put_site
from driveway_client.api.status import get_asset
from driveway_client.models import Asset, Intent, IntentStored, OnboardedSite, Problem, SiteBody

url, token, body = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token)
made = put_site.sync("home-1", client=client, body=SiteBody.from_dict(json.loads(body)))
assert isinstance(made, OnboardedSite), made
stored = put_intent.sync("car-1", client=client, body=Intent(kwh=20, ready_by="06:45"))
assert isinstance(stored, IntentStored), stored
asset = get_asset.sync("car-1", client=client)
assert isinstance(asset, Asset), asset
unknown = get_asset.sync("car-2", client=client)
assert isinstance(unknown, Problem), unknown
print(made.state.value, asset.site, asset.intent.kwh, asset.desired.charge, unknown.status, unknown.detail)
"""

TYPESCRIPT = """
import { driveway, type Schemas } from "driveway-client";

declare const process: { argv: string[] };
const [, , url, token, text] = process.argv as [string, string, string, string, string];
const api = driveway(url, token);
const body = JSON.parse(text) as Schemas["SiteBody"];
const made = await api.PUT("/sites/{site}", { params: { path: { site: "home-1" } }, body });
if (made.error) throw new Error(made.error.detail);
const asset = { params: { path: { asset: "car-1" } } };
const stored = await api.PUT("/assets/{asset}/intent", { ...asset, body: { kwh: 20, ready_by: "06:45" } });
if (stored.error) throw new Error(stored.error.detail);
const { data } = await api.GET("/assets/{asset}", asset);
const unknown = await api.GET("/assets/{asset}", { params: { path: { asset: "car-2" } } });
const kwh: number | null | undefined = data?.intent?.kwh;
console.log(made.data.state, data?.site, kwh, data?.desired.charge, unknown.error?.status, unknown.error?.detail);

// @ts-expect-error there is no such route
await api.GET("/cars/{car}", { params: { path: { car: "car-1" } } }).catch(() => null);
// @ts-expect-error an energy is a number
const wrong: Schemas["Intent"] = { kwh: "20" };
"""
EXPECTED = "home-1 20{zero} {charge} 404 There is no asset 'car-2' here."

NOT_PLUGGED_IN = "The car is not plugged in."
"""What the examples of the README end with, as the car of the test is not plugged in."""


@pytest.fixture
def url(rig: Rig) -> Iterator[str]:
    with serving(rig) as address:
        yield address


def ran(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def body() -> str:
    return json.dumps(site_body(car("car-1")))


def example(language: str, url: str) -> str:
    """The example of the clients' README, for a stack at this address."""
    found = re.search(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found.group(1).replace("https://<api>", url).replace("<app token>", APP)


def test_the_python_client_onboards_a_site_and_reads_answers_and_problems_as_typed_values(
    rig: Rig, url: str, tmp_path: Path
) -> None:
    try:
        wheel = python_client(tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(UNFETCHED + error.stderr.decode())
    uv = Path(sys.executable).with_name("uv")
    alone = (uv, "run", "--quiet", "--no-project", "--python", sys.executable, "--with", wheel)
    shown = ran(*alone, "python", "-c", PYTHON, url, APP, body(), folder=tmp_path)
    assert shown == "active " + EXPECTED.format(zero=".0", charge=False)
    assert ran(*alone, "python", "-c", example("python", url), folder=tmp_path) == NOT_PLUGGED_IN
    metadata = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith("METADATA")]
    assert "## Python" in zipfile.ZipFile(wheel).read(metadata[0]).decode()


@pytest.mark.skipif(shutil.which("npm") is None, reason="There is no npm here, so no TypeScript client is made.")
def test_the_typescript_client_compiles_strictly_refuses_wrong_calls_and_runs(
    rig: Rig, url: str, tmp_path: Path
) -> None:
    try:
        package = typescript_client(tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(UNFETCHED + error.stderr.decode())
    assert package is not None
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "use.ts").write_text(TYPESCRIPT)
    (tmp_path / "example.ts").write_text("declare const console: { log(text: string): void };\n" + example("ts", url))
    ran("npm", "install", "--silent", "--no-audit", "--no-fund", package, TYPESCRIPT_GENERATOR[1], folder=tmp_path)
    ran("npx", "tsc", "--strict", "--target", "es2022", "--module", "nodenext", "use.ts", "example.ts", folder=tmp_path)
    shown = ran("node", "use.js", url, APP, body(), folder=tmp_path)
    assert shown == "active " + EXPECTED.format(zero="", charge="false")
    assert ran("node", "example.js", folder=tmp_path) == NOT_PLUGGED_IN
    assert (tmp_path / "node_modules" / "driveway-client" / "README.md").is_file()
