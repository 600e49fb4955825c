"""The OpenAPI 3.1 document of the API, made from the declarations of its paths and the shapes of its answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Literal

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stream_reconcile.web.api.endpoint import JSON_TYPE, Listing, Single, answered, guarded
from stream_reconcile.web.api.events import PATH as EVENTS_PATH
from stream_reconcile.web.api.operations import OPERATIONS, Operation
from stream_reconcile.web.api.params import Param, read_all
from stream_reconcile.web.api.resources import API, LISTINGS, SINGLES
from stream_reconcile.web.api.shapes import Problem

PATH: Final = f"{API}/openapi.json"

_REFERENCE: Final = "#/components/schemas/{model}"
_PROBLEMS: Final = {
    "400": "A parameter or a body that is wrong; `detail` says which.",
    "401": "Without the token, where it is asked for.",
    "403": "No token is set, or another site asks.",
    "421": "Named by another name than localhost, on loopback.",
    "422": "It would take too long: ask for less.",
    "429": "Too many wrong tokens came from this address.",
    "503": "Starting, busy, or Postgres or Kafka can't be reached: try again later.",
}


def openapi_route(version: str) -> Route:
    """The route of the document."""

    async def answer(request: Request) -> Response:
        read_all((), request.query_params)
        return answered(request, json.dumps(document(version), ensure_ascii=False).encode(), JSON_TYPE)

    return Route(PATH, guarded(answer), methods=["GET"])


@cache
def document(version: str) -> dict[str, Any]:
    """The document, for this version of the program."""
    every: list[Listing | Single] = [*LISTINGS, *SINGLES]
    wanted = [*((one.path, one.answer_type()) for one in every), ("problem", Problem)]
    wanted += [(f"{path} answer", one.answer) for path, one in OPERATIONS.items()]
    inputs: list[tuple[str, Literal["serialization", "validation"], TypeAdapter[Any]]] = [
        *((key, "serialization", TypeAdapter(shape)) for key, shape in wanted),
        *((path, "validation", TypeAdapter(one.body)) for path, one in OPERATIONS.items()),
    ]
    found, shared = TypeAdapter.json_schemas(inputs, ref_template=_REFERENCE)
    schemas = {key: schema for (key, _), schema in found.items()}
    problem = schemas["problem"]
    paths: dict[str, Any] = {one.path: {"get": _operation(one, schemas[one.path], problem)} for one in every}
    paths[EVENTS_PATH] = {"get": _events(problem)}
    for path, operation in OPERATIONS.items():
        paths[path] = {"post": _action(path, operation, schemas[path], schemas[f"{path} answer"], problem)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "stream-reconcile",
            "version": version,
            "summary": "Rows kept equal to a broker: how they stand, what they say, and how far behind they are.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": shared.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "RECONCILE_HTTP_TOKEN"}},
        },
    }


def _operation(one: Listing | Single, schema: Mapping[str, Any], problem: Mapping[str, Any]) -> dict[str, Any]:
    content = {JSON_TYPE: {"schema": schema}}
    headers = {"ETag": {"description": "For If-None-Match.", "schema": {"type": "string"}}}
    if isinstance(one, Listing):
        content["text/csv"] = {"schema": {"type": "string"}}
        headers["Link"] = {"description": "The next part, where there is one.", "schema": {"type": "string"}}
    inside = one.path_values if isinstance(one, Single) else ()
    statuses = {**_PROBLEMS, **({"404": "There is no such thing."} if inside else {})}
    return {
        "operationId": _name(one.path),
        "summary": one.summary,
        "parameters": [*(_in_path(param) for param in inside), *(_in_query(param) for param in one.parameters)],
        "responses": {
            "200": {"description": "The answer.", "content": content, "headers": headers},
            "304": {"description": "As it was: the tag in If-None-Match still holds."},
            **_problems(statuses, problem),
        },
    }


def _events(problem: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "operationId": "events",
        "summary": "Changes as they happen, as server-sent events: docs/api.md says which.",
        "parameters": [
            {
                "name": "Last-Event-ID",
                "in": "header",
                "description": "Number of the last event that was read: what was missed since comes first.",
                "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
            }
        ],
        "responses": {
            "200": {"description": "Events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            **_problems(_PROBLEMS, problem),
        },
    }


def _action(
    path: str, operation: Operation, body: Mapping[str, Any], report: Mapping[str, Any], problem: Mapping[str, Any]
) -> dict[str, Any]:
    statuses = {**_PROBLEMS, "409": "It is refused, or things have changed meanwhile."}
    return {
        "operationId": _name(path),
        "summary": operation.summary,
        "security": [{"token": []}],
        "requestBody": {"required": True, "content": {JSON_TYPE: {"schema": body}}},
        "responses": {
            "200": {
                "description": "What was done, or planned.",
                "content": {JSON_TYPE: {"schema": report}},
            },
            **_problems(statuses, problem),
        },
    }


def _problems(statuses: Mapping[str, str], problem: Mapping[str, Any]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": problem}}
    return {code: {"description": words, "content": content} for code, words in sorted(statuses.items())}


def _in_query(param: Param) -> dict[str, Any]:
    schema = {"type": "array", "items": param.schema, "maxItems": 50} if param.many else param.schema
    return {"name": param.name, "in": "query", "description": param.meaning, "schema": schema}


def _in_path(param: Param) -> dict[str, Any]:
    return {"name": param.name, "in": "path", "required": True, "description": param.meaning, "schema": param.schema}


def _name(path: str) -> str:
    words = [part.strip("{}").replace("-", "_") for part in path.removeprefix(f"{API}/").split("/")]
    return "_".join(words) + ("_one" if "{" in path else "")
