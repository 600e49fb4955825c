"""From the declaration of a path to its route: parameters checked, the database asked in its threads, JSON or CSV back.

A `Listing` gives part of a list and a cursor to its next part; a `Single` gives one document.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import psycopg
import structlog
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stream_reconcile.core.errors import ConfigError, ReconcileError
from stream_reconcile.web.api import paging, params
from stream_reconcile.web.api.params import Param
from stream_reconcile.web.api.shapes import Page, Shape
from stream_reconcile.web.api.table import CSV_TYPE, as_csv
from stream_reconcile.web.problems import Starting, problem, problem_of
from stream_reconcile.web.reads import Reads

log = structlog.get_logger()

JSON_TYPE: Final = "application/json"
# Whoever keeps an answer asks whether it still holds before using it: 304 if it does.
_HEADERS: Final = {"Cache-Control": "private, no-cache", "Vary": "Accept"}

Source = Callable[[], Any]
"""What is given from above: blocks, and raises ReconcileError."""


class Backend:
    """Where answers come from, once the servers are known. Thread-safe: it is set once, and read."""

    def __init__(self) -> None:
        self._reads: Reads | None = None
        self._sources: Mapping[str, Source] = {}

    def offer(self, reads: Reads, sources: Mapping[str, Source]) -> None:
        """Answer from now on; `sources` by the names that `Single` asks for."""
        self._sources, self._reads = sources, reads

    @property
    def reads(self) -> Reads:
        """The database. Raises Starting before `offer`."""
        if self._reads is None:
            raise Starting("the program is starting: try again in a moment")
        return self._reads

    async def ask(self, name: str) -> Any:
        """What a source says. Raises as `Reads.run` and the source do."""
        return await self.reads.run(self._sources[name])


@dataclass(frozen=True, slots=True)
class Listing:
    """A list. `read` takes connection, filters, key and limit; `key` gives the key of a row, of these `kinds`."""

    path: str
    summary: str
    item: type[Shape]
    filters: tuple[Param, ...]
    read: Callable[..., list[Any]]
    key: Callable[[Any], list[Any]]
    kinds: paging.Kinds
    shown: Callable[[Any], Mapping[str, Any]] | None = None
    """Makes an item of a row; where there is none, the fields of the row are it."""
    given: Mapping[str, Any] | None = None
    """Filters that callers do not set."""

    @property
    def parameters(self) -> tuple[Param, ...]:
        """All that may be said in the query string."""
        cursor = params.text("cursor", "Where to go on: `next` of the part before, with the same filters.")
        form = params.choice("format", "csv: as a table for programs; the header Accept says it too.", ("json", "csv"))
        return (*self.filters, params.rows(), cursor, form)

    async def rows(self, backend: Backend, said: Mapping[str, Any]) -> tuple[list[Any], str | None]:
        """Rows of one page, and the cursor of the next. `said`: as `params.read_all` gives it."""
        filters = {name: value for name, value in said.items() if name not in ("limit", "cursor", "format")}
        limit = said.get("limit", params.USUAL_ROWS)
        cursor = said.get("cursor")
        key = None if cursor is None else paging.read(cursor, self.path, filters, self.kinds)
        wanted = {**(self.given or {}), **filters}

        def read(connection: psycopg.Connection) -> list[Any]:
            return self.read(connection, wanted, key, limit=limit + 1)

        found = await backend.reads(read)
        more = len(found) > limit
        return found[:limit], paging.write(self.path, filters, self.key(found[limit - 1])) if more else None

    def items(self, rows: Sequence[Any]) -> list[Shape]:
        """Rows in their shape."""
        if self.shown is not None:
            return [self.item.model_validate(self.shown(row)) for row in rows]
        names = tuple(self.item.model_fields)
        return [self.item.model_construct(**{name: getattr(row, name) for name in names}) for row in rows]

    def answer_type(self) -> Any:
        """The type of the JSON document."""
        return Page[self.item]  # type: ignore[name-defined]  # made at run time

    def route(self, backend: Backend) -> Route:
        """GET on the path."""

        async def answer(request: Request) -> Response:
            said = params.read_all(self.parameters, request.query_params)
            rows, following = await self.rows(backend, said)
            items = self.items(rows)
            headers = {}
            if following is not None:
                query = urlencode([*_pairs(said), ("cursor", following)])
                headers["Link"] = f'<{self.path}?{query}>; rel="next"'
            if wants_csv(request, said.get("format")):
                return answered(request, as_csv(self.item, items), CSV_TYPE, headers)
            page = self.answer_type().model_construct(items=items, next=following)
            return answered(request, adapter(self.answer_type()).dump_json(page, by_alias=True), JSON_TYPE, headers)

        return Route(self.path, guarded(answer), methods=["GET"])


@dataclass(frozen=True, slots=True)
class Single:
    """One document: `read` takes backend, path values and parameters. What it gives is validated as `shape`."""

    path: str
    summary: str
    shape: type[Shape]
    read: Callable[[Backend, Mapping[str, str], Mapping[str, Any]], Awaitable[Any]]
    parameters: tuple[Param, ...] = ()
    path_values: tuple[Param, ...] = ()

    def answer_type(self) -> Any:
        """The type of the JSON document."""
        return self.shape

    def route(self, backend: Backend) -> Route:
        """GET on the path."""

        async def answer(request: Request) -> Response:
            said = params.read_all(self.parameters, request.query_params)
            where = {one.name: _path_value(one, request.path_params[one.name]) for one in self.path_values}
            found = self.shape.model_validate(await self.read(backend, where, said), from_attributes=True)
            return answered(request, adapter(self.shape).dump_json(found, by_alias=True), JSON_TYPE)

        return Route(self.path, guarded(answer), methods=["GET"])


def guarded(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Errors of ours become problems; what else goes wrong is logged here and told to nobody."""

    async def call(request: Request) -> Response:
        try:
            return await answer(request)
        except ReconcileError as error:
            return problem_of(error)
        except Exception:
            log.exception("request_failed", path=request.url.path)
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "it failed by a mistake of the program: see its log")

    return call


def answered(request: Request, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """The body with its tag; without it where the caller has it already."""
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    every = {**_HEADERS, "ETag": tag, **(headers or {})}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=every)
    return Response(body, media_type=media_type, headers=every)


def wants_csv(request: Request, form: str | None) -> bool:
    """What was asked for: by the parameter, else by Accept."""
    return form == "csv" if form is not None else request.headers.get("accept", "").startswith("text/csv")


@cache
def adapter(shape: Any) -> TypeAdapter[Any]:
    """What writes a shape."""
    return TypeAdapter(shape)


def _path_value(one: Param, given: str) -> Any:
    if not given or len(given) > params.MOST_CHARACTERS:
        raise ConfigError(f"{one.name}: 1 to {params.MOST_CHARACTERS} characters")
    return one.read(given)


def _pairs(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in said.items():
        if name != "cursor":
            pairs += [(name, _text(one)) for one in (value if isinstance(value, list) else [value])]
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
