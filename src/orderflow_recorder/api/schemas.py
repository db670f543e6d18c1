"""Answers as the OpenAPI document describes them, from the columns that they have."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import pyarrow as pa

from orderflow_recorder.api.formats import Format
from orderflow_recorder.api.problems import PROBLEM

Schema = dict[str, Any]

NUMBER: Final[Schema] = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["61737.63000000"]}
TIME: Final[Schema] = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
    "examples": ["2026-01-31T12:00:00.000000Z"],
}
TEXT: Final[Schema] = {"type": "string"}
INTEGER: Final[Schema] = {"type": "integer"}
REAL: Final[Schema] = {"type": "number"}
TRUTH: Final[Schema] = {"type": "boolean"}
LEVEL: Final[Schema] = {
    "type": "object",
    "required": ["price", "quantity"],
    "properties": {"price": NUMBER, "quantity": NUMBER},
    "additionalProperties": False,
}
PROBLEM_SCHEMA: Final[Schema] = {
    "type": "object",
    "title": "Problem",
    "description": "An error (RFC 9457): `detail` says what was expected, what came, and what to do.",
    "required": ["title", "status", "detail"],
    "properties": {"title": TEXT, "status": INTEGER, "detail": TEXT},
}

_ERRORS: Final[Mapping[HTTPStatus, str]] = {
    HTTPStatus.UNAUTHORIZED: "No key, or a wrong one.",
    HTTPStatus.FORBIDDEN: "A page of another host, or a Host that is not this machine's.",
    HTTPStatus.NOT_FOUND: "Nothing is recorded of it.",
    HTTPStatus.NOT_ACCEPTABLE: "Accept has nothing that this path answers with.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too long.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A parameter is missing, unknown, or out of its bounds.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests: Retry-After says when to ask again.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database is away, or has no time.",
}


def optional(schema: Schema) -> Schema:
    """Return the same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def object_of(properties: Mapping[str, Schema], description: str = "") -> Schema:
    """Return an object that has all of these, and no others."""
    found: Schema = {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
    return found | ({"description": description} if description else {})


def row_of(columns: pa.Schema) -> Schema:
    """Return a row in JSON.

    Args:
        columns: With exact numbers, so that they can be told from texts.
    """
    return object_of(
        {field.name: optional(_value(field.type)) if field.nullable else _value(field.type) for field in columns}
    )


def page_of(row: Schema) -> Schema:
    """Return a page of rows in JSON."""
    following = optional({"type": "string", "description": "Hand it back as `after`; null: this was the last page."})
    return object_of({"rows": {"type": "array", "items": row}, "next": following})


def answers(schema: Schema, description: str, *, rows: bool = False, errors: bool = True) -> dict[int | str, Any]:
    """Return what a path may answer, as FastAPI takes it.

    Args:
        schema: Of the JSON.
        description: Of the answer.
        rows: Whether it comes as CSV and Arrow, too.
        errors: Whether the errors that all paths have in common are among them.
    """
    content: dict[str, Any] = {Format.JSON.value: {"schema": schema}}
    if rows:
        content[Format.CSV.value] = {"schema": {"type": "string"}}
        content[Format.ARROW.value] = {"schema": {"type": "string", "format": "binary"}}
    found: dict[int | str, Any] = {HTTPStatus.OK.value: {"description": description, "content": content}}
    return found | (error_answers() if errors else {})


def error_answers() -> dict[int | str, Any]:
    """Return the errors that all paths have in common, as FastAPI takes them."""
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status.value: {"description": text, "content": content} for status, text in _ERRORS.items()}


def _value(kind: pa.DataType) -> Schema:
    if pa.types.is_decimal(kind):
        return NUMBER
    if pa.types.is_timestamp(kind):
        return TIME
    if pa.types.is_boolean(kind):
        return TRUTH
    if pa.types.is_integer(kind):
        return INTEGER
    return TEXT
