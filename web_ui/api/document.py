"""The OpenAPI 3.1 document, made from the table of operations.

    python -m web_ui.api > docs/openapi.json

The committed copy is for whoever writes against the API; a test holds it against the code.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import Field, fields
from typing import Any

from edge.contract.types import RanOn, SlideReport
from web_ui.api.kinds import attributes_of, property_schema, schema_of
from web_ui.api.operations import (
    FORM,
    JSON,
    OPERATIONS,
    SCOPE_WORDS,
    Body,
    Operation,
    blueprint,
)
from web_ui.api.problems import MEDIA_TYPE, Problem
from web_ui.words import NOTICE

API_VERSION = "1.1.0"
_PART = re.compile(r"<(?:\w+:)?(\w+)>")
_TAGS = {
    "predict": "Call single pictures.",
    "specimens": "Screen a slide or chest X-rays, and follow that.",
    "results": "What came of it: the machine's, and what persons made of that.",
    "health": "How the device is.",
}
_COMMON = {
    401: "No token, or one that is not known or was revoked.",
    403: "The token lacks the scope.",
    429: "Too many requests; `Retry-After` says when to come again.",
}
_OF_QUERY = {422: "A value is unknown, missing or not allowed; `errors` names each."}
_OF_BODY = {
    413: "Too large.",
    415: "The body is of another media type.",
    422: "A value is unknown, missing or not allowed; `errors` names each.",
}


def build_document() -> dict[str, Any]:
    """The document as plain values."""
    definitions: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for item in OPERATIONS:
        path = f"{blueprint.url_prefix}{_template(item.rule)}"
        paths.setdefault(path, {})[item.method.lower()] = _operation(item, definitions)
    schema_of(Problem, answer=True, definitions=definitions)
    definitions["SlideReport"] = _report()
    scopes = " ".join(f"`{name}`: {words}" for name, words in SCOPE_WORDS.items())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ClinicScope",
            "version": API_VERSION,
            "description": f"A screening station's own API. {NOTICE}",
        },
        "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(definitions.items())),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": f"A token that an admin made on the device. {scopes}",
                }
            },
        },
    }


def _template(rule: str) -> str:
    """A route as the document writes it."""
    return _PART.sub(r"{\1}", rule)


def _operation(item: Operation, definitions: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": item.name,
        "tags": [item.tag],
        "summary": item.summary,
        "security": [{"token": [item.scope]}] if item.scope else [],
        "responses": _responses(item, definitions),
    }
    if parameters := [*_path_parameters(item), *_query_parameters(item)]:
        found["parameters"] = parameters
    if item.body:
        found["requestBody"] = {"required": True, "content": _content(item.body, definitions)}
    return found


def _path_parameters(item: Operation) -> list[dict[str, Any]]:
    text = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[0-9a-f-]+$"}
    return [
        {"name": name, "in": "path", "required": True, "schema": text}
        for name in _PART.findall(item.rule)
    ]


def _query_parameters(item: Operation) -> list[dict[str, Any]]:
    if item.query is None:
        return []
    return [_query_parameter(item.query, one) for one in fields(item.query)]


def _query_parameter(kind: type, item: Field[Any]) -> dict[str, Any]:
    made = property_schema(kind, item, answer=False, definitions={})
    told = made.pop("description", "")
    if isinstance(made["type"], list):
        # A query has no null: what is not given is left out.
        made["type"] = made["type"][0]
        made |= {"enum": made["enum"][:-1]} if "enum" in made else {}
    return {"name": item.name, "in": "query", "description": told, "schema": made}


def _content(body: Body, definitions: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if body.json:
        content[JSON] = {"schema": schema_of(body.json, answer=False, definitions=definitions)}
    if body.form:
        content[FORM] = {"schema": _form(body, body.form)}
    return content


def _form(body: Body, kind: type) -> dict[str, Any]:
    made: dict[str, Any] = {}
    schema_of(kind, answer=False, definitions=made)
    form: dict[str, Any] = made[kind.__name__]
    for schema in form["properties"].values():
        if isinstance(schema.get("type"), list):
            schema["type"] = schema["type"][0]
    form["properties"][body.files] = {
        "type": "array",
        "minItems": 1,
        "maxItems": body.most_files,
        "items": {
            "type": "string",
            "format": "binary",
            "contentMediaType": "application/octet-stream",
        },
        "description": body.kinds,
    }
    form["required"] = [*form.get("required", ()), body.files]
    return form


def _responses(item: Operation, definitions: dict[str, Any]) -> dict[str, Any]:
    refusals = _COMMON if item.scope else {429: _COMMON[429]}
    refusals = refusals | (_OF_QUERY if item.query else {}) | (_OF_BODY if item.body else {})
    of_path = {404: "Nothing has this id."} if "<" in item.rule else {}
    refusals = refusals | of_path | item.refusals
    answer = {"type": "object"}
    if item.answer:
        answer = schema_of(item.answer, answer=True, definitions=definitions)
    done: dict[str, Any] = {"description": "Done.", "content": {JSON: {"schema": answer}}}
    if item.code == 201:
        done["headers"] = {
            "Location": {"description": "Where it is found.", "schema": {"type": "string"}}
        }
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return (
        {str(item.code): done}
        | {
            str(code): {"description": words, "content": problem}
            for code, words in sorted(refusals.items())
        }
        | {"default": {"description": "Refused or failed.", "content": problem}}
    )


def _report() -> dict[str, Any]:
    """Flat, as it is stored; a record from before a value was kept lacks it."""
    properties: dict[str, Any] = {}
    for kind in (SlideReport, RanOn):
        for item in fields(kind):
            if item.name != "ran_on":
                properties[item.name] = property_schema(kind, item, answer=True, definitions={})
    told = attributes_of(RanOn)
    for name in told:
        properties[name]["description"] = told[name]
    return {
        "type": "object",
        "description": "A slide's report; a record from before a value was kept lacks it.",
        "properties": properties,
    }


def main() -> None:
    """Writes the document to standard output."""
    json.dump(build_document(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
