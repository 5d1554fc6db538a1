"""The management API as a page to read, from the table that serves it."""

from functools import cache
from html import escape
from typing import Any

import msgspec

from pypi_repo.web.api import openapi
from pypi_repo.web.api.operations import Operation
from pypi_repo.web.api.tables import TABLES


@cache
def document() -> str:
    sections = "\n".join(
        f"<h2>{escape(table.title)}</h2>\n" + "\n".join(map(_entry, table.operations))
        for table in TABLES
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Management API</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto }}
pre {{ padding: .75rem 1rem; overflow-x: auto; border: 1px solid #8886; border-radius: .4rem }}
details {{ border-top: 1px solid #8884; padding: .4rem 0 }}
summary {{ cursor: pointer; overflow-wrap: anywhere }}
code {{ overflow-wrap: anywhere }}
</style>
</head>
<body>
<h1>Management API</h1>
<p>Opened by the token of an administrator, sent as <code>Authorization: Bearer ppa_…</code>.
Create one in the portal, or with <code>pypi-repo admin token create NAME</code>.
For programs, the same as <a href="openapi.json">OpenAPI 3.1</a>.</p>
{sections}
</body>
</html>
"""


def _entry(operation: Operation) -> str:
    lines = [f"<p>For administrators who may manage {operation.area}.</p>" * bool(operation.area)]
    if operation.query is not None:
        asked = ", ".join(f"<code>{name}</code>" for name in operation.query.__struct_fields__)
        lines.append(f"<p>Parameters: {asked}.</p>")
    if operation.body is not None:
        lines.append(f"<p>Send:</p>\n{_fields(operation.body)}")
    for status, kind in operation.answers.items():
        lines.append(
            f"<p>Answers {status}{':' if kind else '.'}</p>{_fields(kind) if kind else ''}"
        )
    refusals = ", ".join(map(str, sorted(openapi.statuses_of_problems(operation))))
    lines.append(f"<p>Refuses with {refusals}.</p>")
    return (
        f"<details><summary><code>{operation.method} {escape(operation.path)}</code> "
        f"{escape(operation.summary)}</summary>\n{''.join(lines)}</details>"
    )


def _fields(kind: Any) -> str:
    schema = msgspec.json.schema(kind)
    return (
        f"<pre>{escape(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode())}</pre>"
    )
