"""What the role web serves besides metrics and health: the page and the API, once the servers are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from starlette.routing import BaseRoute

from stream_reconcile.web.api.endpoint import Backend
from stream_reconcile.web.api.endpoint import Source as Answers
from stream_reconcile.web.api.events import events_route
from stream_reconcile.web.api.openapi import openapi_route
from stream_reconcile.web.api.resources import LISTINGS, SINGLES
from stream_reconcile.web.live import Live, Source
from stream_reconcile.web.page.aside import Aside
from stream_reconcile.web.page.routes import page_routes
from stream_reconcile.web.readiness import Readiness
from stream_reconcile.web.reads import Reads


class Site:
    """The routes, which answer 503 until `offer`."""

    def __init__(
        self, readiness: Readiness, version: str, aside: Aside | None = None, *, on_cut_off: Callable[[], None]
    ) -> None:
        """`aside` stands beside the first page, and brings routes of its own; `on_cut_off`: a listener was cut off."""
        self._readiness, self._version, self._aside = readiness, version, aside
        self._on_cut_off = on_cut_off
        self._backend = Backend()
        self._live = Live()
        self._reads: Reads | None = None

    def routes(self) -> Sequence[BaseRoute]:
        """Of the API and the page."""
        return [
            *(one.route(self._backend) for one in (*LISTINGS, *SINGLES)),
            events_route(self._live, self._backend, self._on_cut_off),
            openapi_route(self._version),
            *page_routes(self._backend, self._live, self._readiness, self._aside),
            *(self._aside.routes(self._backend) if self._aside is not None else ()),
        ]

    def offer(self, reads: Reads, answers: Mapping[str, Answers], source: Source) -> None:
        """Answer from now on, and look at what is shown live."""
        self._reads = reads
        self._backend.offer(reads, answers)
        self._live.start(reads, source)

    def close(self) -> None:
        """Stop looking; connections are closed."""
        self._live.close()
        if self._reads is not None:
            self._reads.close()
