"""The whole of Driveway on this machine: the template on a local AWS with IAM enforced, and the simulators."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import boto3
import requests
from botocore.config import Config

from driveway.runtime.clock import Clock, parse_clock
from local import package, processes, translate
from local.credentials import credentials_of_a_stack
from local.outputs import ALIAS, outputs_of
from local.processes import Process

ROOT = processes.ROOT
REGION: Final = "eu-west-2"
STAGE = "local"
STACK = f"driveway-{STAGE}"
CODE_BUCKET = "driveway-code"
PROVIDERS = ("enode", "smartcar", "tesla", "ocpp")
TOKEN_PATHS = {"enode": "/oauth2/token", "smartcar": "/oauth2/token", "tesla": "/oauth2/v3/token"}
REVOKE_PATH = "/oauth2/v3/revoke"
RUN_SIDE_BY_SIDE = ("axle-sync", "charge-control", "vehicle-commands", "vehicle-reports")
RUN_ALONE = ("announcer", "clock", "meter-readings")
TRIES = 40
BETWEEN_TRIES_S = 0.25


class AlreadyRunningError(RuntimeError):
    """A local stack runs already from this folder."""


class LateError(RuntimeError):
    """The scaled clock started before the stack was up."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to bring the stack up.

    Attributes:
        folder: where ``stack.json``, logs and process ids go.
        clock_text: a ``DRIVEWAY_CLOCK``, or None for the wall clock. Without ``since`` it begins when the stack is up.
        base_urls: servers to use in place of the simulators, by ``axle`` or provider name.
        logins: the credentials of those servers, by the names of ``local.credentials``.
        parameters: further parameters of the template.
        aws_port: the port of the local AWS; 0 takes a free one.
        at_once: how many of each function are started beforehand, as many as will be busy at once.
        head_start_s: real seconds the stack may take to come up before a scaled clock begins; doubled when too short.
    """

    folder: Path = ROOT / ".local"
    clock_text: str | None = None
    base_urls: Mapping[str, str] = field(default_factory=dict)
    logins: Mapping[str, str] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)
    aws_port: int = 0
    at_once: int = 2
    head_start_s: float = 40.0


def running(folder: Path) -> dict[str, Any] | None:
    """The ``stack.json`` of a stack that runs from this folder, or None."""
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
        stack: dict[str, Any] = json.loads((folder / "stack.json").read_text())
        if all(processes.alive(pid) for pid in _pids(folder).values()):
            return stack
    return None


def _pids(folder: Path) -> dict[str, int]:
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
        pids: dict[str, int] = json.loads((folder / "pids.json").read_text())
        return pids
    return {}


def down(folder: Path) -> list[str]:
    """Stop everything that was started from this folder; the names of what was stopped."""
    pids = _pids(folder)
    for pid in reversed(pids.values()):
        processes.stop(pid)
    for name in ("stack.json", "pids.json"):
        (folder / name).unlink(missing_ok=True)
    return list(pids)


def up(options: Options, *, say: Any = print) -> dict[str, Any]:
    """Start everything and wait until it answers; gives what was written to ``stack.json``.

    Raises:
        AlreadyRunningError: a stack runs from this folder.
        NotReadyError: a part did not come up.
    """
    folder = options.folder
    if running(folder):
        raise AlreadyRunningError(f"A local stack runs already (see {folder / 'stack.json'}). Stop it with: make down")
    down(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _bring_up(options, say)
    except LateError:
        down(folder)
        say("That took longer than the clock waits on this machine; once more, with more time.")
        return up(replace(options, head_start_s=options.head_start_s * 2), say=say)
    except BaseException:
        down(folder)
        raise


def _bring_up(options: Options, say: Any) -> dict[str, Any]:
    folder = options.folder
    started: list[Process] = []

    def remember(process: Process) -> Process:
        started.append(process)
        (folder / "pids.json").write_text(json.dumps({p.name: p.pid for p in started}))
        return process

    made = credentials_of_a_stack(options.base_urls, options.logins)
    say("Starting the local AWS ...")
    port = options.aws_port or processes.free_port()
    endpoint = f"http://127.0.0.1:{port}"
    remember(start_aws(folder, port))
    clients = Clients(endpoint)
    code = upload(clients)
    clock = _clock(options)
    clock_environment = {"DRIVEWAY_CLOCK": clock.text() or ""}
    say("Starting the simulators ...")
    axle_login = {f"AXLE_{name.upper()}": value for name, value in made["axle"].items()}
    axle_url = options.base_urls.get("axle") or _simulator("axle", folder, clock_environment | axle_login, remember)
    cars_url = ""
    if any(name not in options.base_urls for name in PROVIDERS):
        cars_url = _simulator("cars", folder, clock_environment, remember)
    bases = {name: options.base_urls.get(name) or f"{cars_url}/{name}" for name in PROVIDERS}
    say("Deploying the template ...")
    api_url = deploy(clients, code, parameters_of(axle_url, bases, clock, options.parameters), endpoint)
    outputs = outputs_of(clients.cloudformation, STACK)
    put_secrets(clients, outputs, made)
    stack = {
        "api_url": api_url,
        "app_token": made["app_token"],
        "axle_token": made["axle_token"],
        "support_token": made["support_token"],
        "operator_token": made["operator_token"],
        "console_url": f"{api_url}/console",
        "axle_webhook_secret": made["axle_webhook_secret"],
        "app_webhook_url": options.parameters.get("AppWebhookUrl") or None,
        "app_webhook_secret": made["app_webhook_secret"],
        "aws_endpoint_url": endpoint,
        "axle_base_url": axle_url,
        "clock": clock.text(),
        "providers": {
            name: {"base_url": bases[name], "webhook_secret": made["webhooks"].get(name)} for name in PROVIDERS
        },
        "simulators": {
            "axle": None if "axle" in options.base_urls else axle_url,
            "cars": cars_url or None,
        },
        "region": REGION,
        "stage": STAGE,
        "table_name": outputs["TableName"],
    }
    _introduce(stack, made)
    say("Waiting until every function answers ...")
    _warm(stack, clients, options.at_once)
    if clock.start is not None and "since=" not in (options.clock_text or "") and clock.now() > clock.start:
        raise LateError
    if clock.text():
        remember(_start_metronome(folder, endpoint, clock_environment))
    (folder / "stack.json").write_text(json.dumps(stack, indent=2) + "\n")
    return stack


def _clock(options: Options) -> Clock:
    text = options.clock_text
    clock = parse_clock(text, on_aws=False)
    if clock.start is None or (text and "since=" in text):
        return clock
    since = datetime.now(UTC) + timedelta(seconds=options.head_start_s)
    return Clock(start=clock.start, since=since, scale=clock.scale)


class Clients:
    """Clients of the local AWS with its root credentials."""

    def __init__(self, endpoint: str) -> None:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        retries = Config(retries={"max_attempts": 2}, read_timeout=120)
        self.s3 = session.client("s3", endpoint_url=endpoint, config=retries)
        self.cloudformation = session.client("cloudformation", endpoint_url=endpoint, config=retries)
        self.secrets = session.client("secretsmanager", endpoint_url=endpoint, config=retries)
        self.functions = session.client("lambda", endpoint_url=endpoint, config=retries)
        self.api = session.client("apigatewayv2", endpoint_url=endpoint, config=retries)


def start_aws(folder: Path, port: int) -> Process:
    """Start the local AWS, empty, and wait until it answers; its log goes to the folder."""
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_WARM_TTL_SECONDS": "3600",
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": "",
        "TZ": "UTC",
    }
    process = processes.start("aws", ["-m", "local.aws"], folder=folder, environment=environment)
    processes.wait_until(
        lambda: _answers(f"http://127.0.0.1:{port}/_ministack/health"), process=process, what="The local AWS"
    )
    return process


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def upload(clients: Clients) -> dict[str, dict[str, str]]:
    """Upload the code of every function and layer; the place of each by its folder."""
    clients.s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    functions, layers = translate.folders(ROOT / "template.yaml")
    places = {}
    for folder, pack in [(f, package.function_zip) for f in functions] + [(f, package.layer_zip) for f in layers]:
        content = pack(ROOT / folder)
        key = f"{folder}/{hashlib.sha256(content).hexdigest()}.zip"
        clients.s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=content)
        places[folder] = {"Bucket": CODE_BUCKET, "Key": key}
    return places


def _simulator(name: str, folder: Path, environment: Mapping[str, str], remember: Any) -> str:
    port = processes.free_port()
    process = remember(
        processes.start(
            f"{name}-simulator",
            ["-m", f"simulators.{name}", "--port", str(port)],
            folder=folder,
            environment=environment,
        )
    )
    url = f"http://127.0.0.1:{port}"
    processes.wait_until(lambda: _answers(f"{url}/_sim/faults"), process=process, what=f"The {name} simulator")
    return url


def parameters_of(axle_url: str, bases: Mapping[str, str], clock: Clock, more: Mapping[str, str]) -> dict[str, str]:
    """The template's parameters for a stack on this machine."""
    values = {
        "Stage": STAGE,
        "AxleBaseUrl": axle_url,
        "LocalClock": clock.text() or "",
        "MpanCheckDigit": "lenient",
        "AxleConcurrency": "2",
        "DueShards": "2",
    }
    for name in PROVIDERS:
        values[f"{name.title()}BaseUrl"] = bases[name]
        values[f"{name.title()}Concurrency"] = "2"
        if name in TOKEN_PATHS:
            values[f"{name.title()}TokenUrl"] = bases[name] + TOKEN_PATHS[name]
    values["SmartcarManagementUrl"] = bases["smartcar"]
    values["SmartcarConnectUrl"] = bases["smartcar"] + "/oauth/authorize"
    values["TeslaAuthorizeUrl"] = bases["tesla"] + "/oauth2/v3/authorize"
    values["TeslaRevokeUrl"] = bases["tesla"] + REVOKE_PATH
    return values | dict(more)


def deploy(
    clients: Clients, code: dict[str, dict[str, str]], parameters: dict[str, str], endpoint: str, *, name: str = STACK
) -> str:
    """Create a stack and wait until it is complete; gives the address of its API. Raises NotReadyError."""
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    template = translate.translate(ROOT / "template.yaml", code, parameters)
    clients.s3.put_object(Bucket=CODE_BUCKET, Key="template.json", Body=json.dumps(template).encode())
    clients.cloudformation.create_stack(
        StackName=name,
        TemplateURL=f"{endpoint}/{CODE_BUCKET}/template.json",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    for _ in range(600):
        stack = clients.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            api_id = clients.api.get_apis()["Items"][0]["ApiId"]
            return f"{endpoint}/_aws/execute-api/{api_id}/$default"
        if "IN_PROGRESS" not in stack["StackStatus"]:
            events = clients.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
            failures = [
                f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
                for event in events
                if "FAILED" in event["ResourceStatus"]
            ]
            raise processes.NotReadyError("The template could not be deployed. " + " | ".join(failures))
        time.sleep(0.1)
    raise processes.NotReadyError("The template was not deployed within a minute.")


def put_secrets(clients: Clients, outputs: Mapping[str, str], credentials: Mapping[str, Any]) -> None:
    """Fill the secrets of a stack with these outputs."""

    def digest(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    values = {
        "ApiTokensSecret": {scope: [digest(credentials[f"{scope}_token"])] for scope in ("app", "axle")}
        | {scope: {scope: digest(credentials[f"{scope}_token"])} for scope in ("support", "operator")},
        "AxleSecret": credentials["axle"],
        "AxleWebhookSecret": {"secrets": [credentials["axle_webhook_secret"]]},
        "WebhookSecretsSecret": {name: [secret] for name, secret in credentials["webhooks"].items()},
        "ProvidersSecret": credentials["providers"],
        "AppWebhookSecret": {"secrets": [credentials["app_webhook_secret"]]},
    }
    for name, value in values.items():
        clients.secrets.put_secret_value(SecretId=outputs[name], SecretString=json.dumps(value))


def _introduce(stack: Mapping[str, Any], credentials: Mapping[str, Any]) -> None:
    """Configure the simulators: the address of the stack and the credentials to expect."""
    if stack["simulators"]["axle"]:
        _tell(
            f"{stack['simulators']['axle']}/_sim/config",
            {
                "driveway_url": stack["api_url"],
                "bearer_token": stack["axle_token"],
                "webhook_secret": stack["axle_webhook_secret"],
            },
        )
    if stack["simulators"]["cars"]:
        config: dict[str, Any] = {
            name: {
                "webhook_url": f"{stack['api_url']}/webhooks/{name}",
                "webhook_secret": credentials["webhooks"][name],
                **credentials["providers"][name],
            }
            for name in PROVIDERS
            if name != "ocpp"
        }
        config["ocpp"] = {
            "webhook_url": stack["api_url"],
            "observations_token": stack["app_token"],
            **credentials["providers"]["ocpp"],
        }
        _tell(f"{stack['simulators']['cars']}/_sim/config", config)


def _tell(url: str, body: Mapping[str, Any]) -> None:
    answer = requests.post(url, json=body, timeout=10)
    if not answer.ok:
        raise processes.NotReadyError(f"{url} answered {answer.status_code}: {answer.text[:500]}")


def _start_metronome(folder: Path, endpoint: str, environment: Mapping[str, str]) -> Process:
    return processes.start(
        "metronome", ["-m", "local.metronome", "--endpoint", endpoint], folder=folder, environment=environment
    )


def _until_it_answers(attempt: Callable[[], str | None]) -> None:
    """Try until there is no problem: instances of the local AWS that start beside others may fail once.

    Raises:
        NotReadyError: the problem remained for ten seconds.
    """
    problem: str | None = None
    for _ in range(TRIES):
        problem = attempt()
        if problem is None:
            return
        time.sleep(BETWEEN_TRIES_S)
    raise processes.NotReadyError(problem)


def _warm(stack: Mapping[str, Any], clients: Clients, at_once: int) -> None:
    """Send harmless requests to every function, as many as will run at once, so that no real one starts cold."""
    auth = {"Authorization": f"Bearer {stack['app_token']}"}
    axle = {"Authorization": f"Bearer {stack['axle_token']}"}
    url = stack["api_url"]
    calls = [
        ("GET", "/assets/nobody", auth, {404}),
        ("PUT", "/assets/nobody/tariff", auth, {404, 422}),
        ("PUT", "/sites/nobody", auth, {422}),
        ("DELETE", "/axle/assets/nobody/charging-profile", axle, {404}),
        ("POST", "/webhooks/enode", {}, {401}),
        ("GET", "/caller", auth, {403}),
    ]

    def call(method: str, path: str, headers: dict[str, str], expected: set[int]) -> str | None:
        status: int | str = "nothing"
        with contextlib.suppress(requests.RequestException):
            status = requests.request(method, url + path, headers=headers, json={}, timeout=60).status_code
        return None if status in expected else f"{method} {path} answered {status}, not one of {sorted(expected)}."

    def invoke(name: str) -> str | None:
        answer = clients.functions.invoke(
            FunctionName=f"driveway-{STAGE}-{name}", Qualifier=ALIAS, Payload=b'{"Records": []}'
        )
        return f"{name} failed: {answer['Payload'].read().decode()}" if "FunctionError" in answer else None

    names = [*RUN_ALONE, *RUN_SIDE_BY_SIDE * at_once]
    with ThreadPoolExecutor(len(calls) * at_once + len(names)) as pool:
        begun = [pool.submit(_until_it_answers, partial(call, *arguments)) for arguments in calls * at_once]
        begun += [pool.submit(_until_it_answers, partial(invoke, name)) for name in names]
        for done in begun:
            done.result()


@contextlib.contextmanager
def stack(options: Options, *, say: Any = print) -> Iterator[dict[str, Any]]:
    """A local stack for the length of a ``with`` block."""
    try:
        yield up(options, say=say)
    finally:
        down(options.folder)
