"""The management API as a page to read, from the document that describes it to programs."""

import json
from collections.abc import Mapping
from functools import cache
from html import escape
from typing import Any

from pypi_repo.web.api import openapi
from pypi_repo.web.help_pages import STYLE

_Schema = Mapping[str, Any]


@cache
def document() -> str:
    described = openapi.document()
    sections = "\n".join(
        f"<h2>{escape(tag['name'])}</h2>\n" + _operations(described["paths"], tag["name"])
        for tag in described["tags"]
    )
    documents = "\n".join(
        _document(name, schema) for name, schema in described["components"]["schemas"].items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Management API</title>
<style>{STYLE}
details {{ margin: .4rem 0; padding: .45rem .9rem }}
summary {{ cursor: pointer }}
details p {{ margin: .5rem 0 }}
td, th {{ padding: .15rem 1.5rem .15rem 0; text-align: left; vertical-align: top }}
</style>
</head>
<body>
<h1>Management API</h1>
<p>Opened by the token of an administrator, sent as <code>Authorization: Bearer ppa_…</code>.
Create one in the portal, or with <code>pypi-repo admin token create NAME</code>.
For programs, the same as <a href="openapi.json">OpenAPI 3.1</a>.</p>
{sections}
<h2>Documents</h2>
{documents}
</body>
</html>
"""


def _operations(paths: Mapping[str, Any], tag: str) -> str:
    return "\n".join(
        _operation(method.upper(), path, operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if tag in operation["tags"]
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    lines = [operation.get("description", "For every administrator.")]
    asked = [found for found in operation["parameters"] if found["in"] == "query"]
    if asked:
        named = [f"<code>{found['name']}</code>: {_type(found['schema'])}" for found in asked]
        lines.append(f"Parameters: {', '.join(named)}.")
    if "requestBody" in operation:
        lines.append(f"Send {_content(operation['requestBody'])}.")
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            shown = f": {_content(response)}" if "content" in response else ""
            lines.append(f"Answers {status}{shown}.")
    refusals = [status for status in operation["responses"] if status >= "4"]
    lines.append(f"Refuses with {', '.join(refusals)}.")
    paragraphs = "".join(f"<p>{line}</p>" for line in lines)
    return (
        f"<details><summary><code>{method} {escape(path)}</code> "
        f"{escape(operation['summary'])}</summary>\n{paragraphs}</details>"
    )


def _content(described: Mapping[str, Any]) -> str:
    (media_type,) = described["content"].values()
    return _type(media_type["schema"])


def _document(name: str, schema: _Schema) -> str:
    rows = "\n".join(
        f"<tr><th><code>{escape(field)}</code></th><td>{_type(its)}{_default(its)}</td></tr>"
        for field, its in schema.get("properties", {}).items()
    )
    told = f"<p>{escape(schema['description'])}</p>" if "description" in schema else ""
    return f'<h3 id="{escape(name)}">{escape(name)}</h3>\n{told}<table>\n{rows}\n</table>'


def _type(schema: _Schema) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema and "properties" not in schema:
        return f"object whose values are {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("format", schema.get("type", "anything")))) + _bounds(schema)


def _bounds(schema: _Schema) -> str:
    words = {
        "minimum": "from",
        "maximum": "to",
        "exclusiveMaximum": "below",
        "minLength": "of at least",
        "maxLength": "of at most",
    }
    told = [f"{word} {schema[key]:,}" for key, word in words.items() if key in schema]
    unit = " characters" if "maxLength" in schema or "minLength" in schema else ""
    return f" {' '.join(told)}{unit}" if told else ""


def _default(schema: _Schema) -> str:
    if "default" not in schema:
        return ""
    return f", by default <code>{escape(json.dumps(schema['default']))}</code>"
