"""The management API as OpenAPI 3.1, from the table that serves it."""

from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec

from pypi_repo.web.api.operations import NUMBERS, Operation
from pypi_repo.web.api.tables import TABLES
from pypi_repo.web.problems import Problem

_REFERENCE = "#/components/schemas/{name}"
_ALWAYS = (400, 401, 403, 503)
_CONDITIONAL = ("GET", "PUT", "PATCH", "DELETE")
_OF_BODIES = (413, 415, 422)


@cache
def document() -> dict[str, Any]:
    """Returns the OpenAPI document, without `servers`, as it is served wherever it is mounted."""
    operations = [operation for table in TABLES for operation in table.operations]
    types: set[Any] = {Problem}
    for operation in operations:
        types |= {kind for kind in (operation.body, operation.query) if kind}
        types |= {kind for kind in operation.answers.values() if kind}
    named = sorted(types, key=str)
    schemas, components = msgspec.json.schema_components(named, ref_template=_REFERENCE)
    references = dict(zip(named, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for table in TABLES:
        for operation in table.operations:
            described = _operation(operation, table.title, references, components)
            paths.setdefault(operation.path, {})[operation.method.lower()] = described
    for query in {operation.query for operation in operations if operation.query}:
        components.pop(query.__name__, None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Management API of a registry of Python packages",
            "version": version("pypi_repo"),
            "description": "The API is used with tokens of administrators.",
        },
        "security": [{"token": []}],
        "tags": [{"name": table.title} for table in TABLES],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(
    operation: Operation, tag: str, references: dict[Any, Any], components: dict[str, Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.handle.__name__,
        "summary": operation.summary,
        "tags": [tag],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, components)],
        "responses": _responses(operation, references),
    }
    if operation.area:
        described["description"] = f"For administrators who may manage {operation.area}."
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": references[operation.body]}},
        }
    if operation.method in _CONDITIONAL:
        described["parameters"] += [_condition("If-Match"), _condition("If-None-Match")]
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "integer", "minimum": 1}
            if name in NUMBERS
            else {"type": "string", "minLength": 1},
        }
        for name in names
    ]


def _query_parameters(operation: Operation, components: dict[str, Any]) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    properties = components[operation.query.__name__]["properties"]
    return [{"name": name, "in": "query", "schema": schema} for name, schema in properties.items()]


def _condition(header: str) -> dict[str, Any]:
    return {"name": header, "in": "header", "schema": {"type": "string"}}


def _responses(operation: Operation, references: dict[Any, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, kind in operation.answers.items():
        responses[str(status)] = {"description": HTTPStatus(status).phrase}
        if kind is not None:
            content = {"application/json": {"schema": references[kind]}}
            responses[str(status)]["content"] = content
    if operation.method == "GET":
        responses["304"] = {"description": "The resource has not changed, as If-None-Match asks."}
    problem = {"application/problem+json": {"schema": references[Problem]}}
    for status in sorted(statuses_of_problems(operation)):
        responses[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    return responses


def statuses_of_problems(operation: Operation) -> set[int]:
    """Returns the statuses of the errors with which an operation can be refused."""
    return {
        *_ALWAYS,
        *operation.refusals,
        *((404,) if "{" in operation.path else ()),
        *(_OF_BODIES if operation.body else ()),
        *((412,) if operation.method in _CONDITIONAL else ()),
    }
