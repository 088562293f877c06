"""The API as one HTML file without anything from elsewhere: every operation, event and schema of the document."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from markdown_it import MarkdownIt

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; display: grid; grid-template-columns: 18rem minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; font-size: .85rem; }
nav a { display: block; text-decoration: none; color: inherit; padding: .1rem 0; }
main { padding: 1rem 2rem 6rem; max-width: 60rem; }
section { border-top: 1px solid #8886; padding: 1rem 0; }
code, pre { font: .85rem/1.45 ui-monospace, monospace; }
pre { overflow: auto; padding: .75rem; border: 1px solid #8886; border-radius: .4rem; }
table { border-collapse: collapse; display: block; overflow: auto; }
td, th { border: 1px solid #8886; padding: .25rem .5rem; text-align: left; vertical-align: top; }
.method { font-weight: 700; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; } }
"""

_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


def html_page(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document."""
    info = document["info"]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])} {escape(info['version'])}</title><style>{STYLE}</style></head><body>",
        f"<nav>{''.join(_links(document))}</nav>",
        f"<main><h1>{escape(info['title'])} {escape(info['version'])}</h1>{_text(info['description'])}",
        *(_operation(method, path, one) for path, method, one in _operations(document)),
        '<h2 id="events">Events</h2>',
        *(_event(name, item["post"]) for name, item in document["webhooks"].items()),
        "<h2>Schemas</h2>",
        *(_schema(name, one) for name, one in document["components"]["schemas"].items()),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def _links(document: dict[str, Any]) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h3>{escape(tag['name'])}</h3>"
        for path, method, operation in _operations(document):
            if tag["name"] in operation["tags"]:
                yield f'<a href="#{operation["operationId"]}">{method} {escape(path)}</a>'
        if tag["name"] == "Events":
            yield from (f'<a href="#event-{name}">{name}</a>' for name in document["webhooks"])


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [
        f'<section id="{operation["operationId"]}"><h2><span class="method">{method}</span> {escape(path)}</h2>',
        f"<p><strong>{escape(operation['summary'])}.</strong></p>{_text(operation['description'])}",
        _parameters(operation.get("parameters", [])),
    ]
    if "requestBody" in operation:
        parts.append("<h3>Request</h3>" + _contents(operation["requestBody"]["content"]))
    for status, answer in operation["responses"].items():
        parts.append(f"<h3>{status}</h3>{_text(answer['description'])}{_contents(answer.get('content', {}))}")
    return "".join(parts) + "</section>"


def _event(name: str, operation: dict[str, Any]) -> str:
    body = _contents(operation["requestBody"]["content"])
    return f'<section id="event-{name}"><h3>{name}</h3><p>{escape(operation["summary"])}</p>{body}</section>'


def _parameters(parameters: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{one['in']}</td><td>{_text(one['description'])}</td></tr>"
        for one in parameters
    )
    return f"<table><tr><th>parameter</th><th>in</th><th></th></tr>{rows}</table>" if rows else ""


def _contents(content: dict[str, Any]) -> str:
    return "".join(
        f"<p>{escape(kind)} {_links_of(held['schema'])}</p>{''.join(map(_example, held.get('examples', {}).values()))}"
        for kind, held in content.items()
    )


def _links_of(schema: dict[str, Any]) -> str:
    alternatives = schema.get("anyOf", [schema])
    names = [one["$ref"].rpartition("/")[2] for one in alternatives if "$ref" in one]
    return " or ".join(f'<a href="#schema-{name}">{name}</a>' for name in names)


def _example(example: dict[str, Any]) -> str:
    if "$ref" in example:
        name = example["$ref"].rpartition("/")[2]
        return f"<p><code>{escape(name)}</code></p>"
    return f"<details><summary>{escape(example['summary'])}</summary>{_json(example['value'])}</details>"


def _schema(name: str, schema: dict[str, Any]) -> str:
    return f'<section id="schema-{name}"><h3>{name}</h3>{_text(schema.get("description", ""))}{_json(schema)}</section>'


def _json(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f"<pre>{escape(text.replace(chr(13), ''))}</pre>"


def _text(markdown: str) -> str:
    return str(_markdown.render(markdown))
