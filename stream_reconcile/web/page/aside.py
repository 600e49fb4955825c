"""What may stand beside the first page besides the program's own: given from above, by the demo alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from markupsafe import Markup
from starlette.routing import BaseRoute

from stream_reconcile.web.api.endpoint import Backend


class Aside(Protocol):
    """A section of the first page, and what it needs."""

    def routes(self, backend: Backend) -> Sequence[BaseRoute]:
        """Its own addresses; who may ask there is guarded as everywhere."""

    def head(self) -> Markup:
        """For the head of the page."""

    def note(self) -> Markup:
        """A line above all."""

    def section(self) -> Markup:
        """The section."""
