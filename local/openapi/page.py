"""The same as a page to read: conventions, every route with an example, every problem type."""

import json
from collections.abc import Iterator
from typing import Any

from local.openapi.codes import EVENTS, REASONS, for_the_app
from local.openapi.document import CONVENTIONS, exchanges, kinds_of
from local.openapi.operations import OPERATIONS, TAGS
from local.openapi.problems import MEANINGS, raised
from local.openapi.routes import served_routes
from local.openapi.world import Exchange

HEAD = """\
# The HTTP API

The whole of it, with every schema, is in [openapi.json](openapi.json). Both are made from the code by `make openapi`;
every example is a call that was made while this page was written.

"""


def page() -> str:
    """The page, as Markdown."""
    lines = [*_routes(), *_problem_types(), *_events(), *_reasons()]
    return HEAD + CONVENTIONS.read_text() + "\n" + "\n".join(lines) + "\n"


def _routes() -> Iterator[str]:
    for tag, words in TAGS.items():
        yield f"## {tag}\n\n{words}\n"
        for key, operation in OPERATIONS.items():
            if operation.tag != tag:
                continue
            served = served_routes()[key]
            yield f"### `{key}`\n\n{served.summary}. {operation.words}\n"
            if operation.query:
                yield "\n".join(_query(key)) + "\n"
            yield from _examples(key)
            yield "Problems: " + ", ".join(f"`{kind}`" for kind in kinds_of(served)) + "\n"


def _query(key: str) -> Iterator[str]:
    yield "| query | |"
    yield "|---|---|"
    for name, schema in OPERATIONS[key].query.items():
        bounds = f"{schema['minimum']} to {schema['maximum']}" if "maximum" in schema else ""
        yield f"| `{name}` | {schema.get('description', bounds)} |"


def _examples(key: str) -> Iterator[str]:
    made = [exchange for exchange in exchanges() if exchange.route == key]
    done = [exchange for exchange in made if exchange.problem is None and isinstance(exchange.answer, dict | None)]
    for exchange in done[:1]:
        yield f"{exchange.summary}:\n\n{_shown(exchange)}\n"
    lines = [f"- {e.summary}: `{_short(e.request)}`" for e in done[1:] if _fits(e)]
    lines += [f"- {e.summary}: {_sent(e)}{e.status}, {e.answer['detail']}" for e in made if e.problem is not None]
    if lines:
        yield "\n".join(lines) + "\n"


def _sent(exchange: Exchange) -> str:
    return f"`{_short(exchange.request)}` -> " if _fits(exchange) else ""


def _fits(exchange: Exchange) -> bool:
    return exchange.request is not None and len(_short(exchange.request)) <= 200


def _shown(exchange: Exchange) -> str:
    lines = [f"{exchange.route.partition(' ')[0]} {exchange.path}"]
    lines += [f"{name}: {value}" for name, value in exchange.request_headers.items()]
    if exchange.request is not None:
        lines.append(_pretty(exchange.request))
    answer = "" if exchange.answer is None else "\n" + _pretty(exchange.answer)
    return "```text\n" + "\n".join(lines) + f"\n\n-> {exchange.status}{answer}\n```"


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _pretty(value: Any, indent: int = 0, room: int = 110) -> str:
    """JSON with whatever fits on a line on one line."""
    flat = _short(value)
    if len(flat) + indent <= room or not isinstance(value, dict | list) or not value:
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{inner}{_short(key)}: {_pretty(item, indent + 2, room)}" for key, item in value.items()]
        return "{\n" + ",\n".join(parts) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(inner + _pretty(item, indent + 2, room) for item in value) + "\n" + " " * indent + "]"


def _problem_types() -> Iterator[str]:
    yield "## Problem types\n\n`type` is `urn:driveway:problem:` and the name.\n"
    yield "| name | status | |\n|---|---|---|"
    for kind, found in raised().items():
        statuses = ", ".join(str(status) for status in sorted(found.statuses))
        yield f"| `{kind}` | {statuses} | {MEANINGS[kind]} |"


def _events() -> Iterator[str]:
    yield "\n## Events\n\n`event` of a timeline entry. Names are added, never renamed."
    yield "Where `AppWebhookUrl` is set, the app's webhook receives [the events that say so](#events-for-the-app).\n"
    yield "| event | what happened | webhook |\n|---|---|---|"
    for event, sentence in EVENTS.items():
        yield f"| `{event}` | {sentence} | {'yes' if for_the_app(event) else ''} |"


def _reasons() -> Iterator[str]:
    yield "\n## Reason codes\n\n`reason` of an answer or of a timeline entry. Codes are added, never renamed."
    yield "What support does about each is in [operations.md](operations.md#why-did-my-car-not-charge).\n"
    yield "| reason | means |\n|---|---|"
    for reason, sentence in REASONS.items():
        yield f"| `{reason}` | {sentence} |"
