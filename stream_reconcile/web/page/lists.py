"""A page for each list of the API: the same filters, the same cursors; CSV and JSON of what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from stream_reconcile.web.api import params, resources
from stream_reconcile.web.api.endpoint import Backend, Listing
from stream_reconcile.web.page.render import page

_ROWS: Final = "50"


@dataclass(frozen=True, slots=True)
class ListPage:
    """`columns`: field and heading; `fields`: filters that the form has; `first`: filters of a form not sent yet."""

    path: str
    title: str
    lead: str
    listing: Listing
    columns: tuple[tuple[str, str], ...]
    fields: tuple[str, ...]
    empty: str
    first: Mapping[str, str] | None = None

    async def answer(self, backend: Backend, request: Request) -> Response:
        """The page, for this query."""
        given = [(name, value) for name, value in request.query_params.multi_items() if value != ""]
        if not request.query_params and self.first:
            given = list(self.first.items())
        said = params.read_all(self.listing.parameters, QueryParams([("limit", _ROWS), *_without(given, "limit")]))
        rows, following = await self.listing.rows(backend, said)
        filters = _without(given, "cursor", "limit")
        return page(
            "list.html",
            here=self.path,
            title=self.title,
            of=self,
            rows=rows,
            given=dict(filters),
            inputs=[param for param in self.listing.filters if param.name in self.fields],
            is_first=not any(name == "cursor" for name, _ in given),
            is_filtered=bool(filters) and dict(filters) != dict(self.first or {}),
            following=following and f"{self.path}?{urlencode([*filters, ('cursor', following)])}",
            as_json=f"{self.listing.path}?{urlencode([*_without(given, 'limit'), ('limit', _ROWS)])}",
            as_csv=f"{self.listing.path}?{urlencode([*_without(given, 'limit'), ('limit', _ROWS), ('format', 'csv')])}",
        )


def _without(given: list[tuple[str, Any]], *names: str) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in given if name not in names]


PAGES: Final = (
    ListPage(
        "/orders",
        "Orders",
        "One row for each order of the broker, those that changed last first.",
        resources.EXECUTIONS,
        (
            ("alpaca_order_id", "Order"),
            ("symbol", "Symbol"),
            ("side", "Side"),
            ("qty", "Quantity"),
            ("filled_qty", "Filled"),
            ("filled_avg_price", "Average price"),
            ("status", "Status"),
            ("origin", "Origin"),
            ("last_source", "Last said by"),
            ("updated_at", "Changed"),
        ),
        ("begins", "symbol", "status", "side", "origin", "open"),
        "No order is like that.",
    ),
    ListPage(
        "/fills",
        "Fills",
        "One row for each real execution; busts and corrections are rows that take back.",
        resources.FILLS,
        (
            ("alpaca_order_id", "Order"),
            ("symbol", "Symbol"),
            ("side", "Side"),
            ("qty", "Quantity"),
            ("price", "Price"),
            ("entry", "Entry"),
            ("source", "Source"),
            ("transacted_at", "Executed"),
        ),
        ("order_id", "symbol", "side", "entry"),
        "No fill is like that.",
    ),
    ListPage(
        "/positions",
        "Positions",
        "What a sweep read of each position last.",
        resources.POSITIONS,
        (
            ("symbol", "Symbol"),
            ("qty", "Quantity"),
            ("avg_entry_price", "Entry price"),
            ("current_price", "Price"),
            ("market_value", "Value"),
            ("unrealized_pl", "Gain"),
            ("account_id", "Account"),
            ("read_at", "Read"),
            ("misfit_since", "Does not fit the fills since"),
        ),
        ("symbol", "account_id"),
        "No position is known: deep sweeps read them.",
    ),
    ListPage(
        "/discrepancies",
        "Discrepancies",
        "Where broker and rows differ, with what each side says.",
        resources.DISCREPANCIES,
        (
            ("discrepancy_id", "Number"),
            ("type", "Type"),
            ("subject", "Subject"),
            ("state", "State"),
            ("account_id", "Account"),
            ("first_seen_at", "First seen"),
            ("last_seen_at", "Last seen"),
            ("resolution", "How it ended"),
        ),
        ("state", "type", "subject", "account_id"),
        "None: the two sides agree, as far as they have been compared.",
        {"state": "open"},
    ),
    ListPage(
        "/sweeps",
        "Sweeps",
        "Each reading of the broker, and whether it proved the rows equal.",
        resources.SWEEPS,
        (
            ("kind", "Kind"),
            ("started_at", "Begun"),
            ("finished_at", "Ended"),
            ("complete", "Complete"),
            ("proven_equal_at", "Proved equal"),
            ("orders", "Orders"),
            ("activities", "Activities"),
            ("published", "Repairs"),
            ("requests", "Requests"),
            ("error", "What it says"),
        ),
        ("kind", "complete", "proven", "account_id"),
        "No sweep has run.",
    ),
    ListPage(
        "/dead-letters",
        "Dead letters",
        "Records that could not be applied. Their bytes are not shown here: stream-reconcile dead-letters show.",
        resources.DEAD_LETTERS,
        (
            ("topic", "Topic"),
            ("partition", "Partition"),
            ("offset", "Offset"),
            ("reason", "Reason"),
            ("error", "What is wrong"),
            ("order_id", "Order"),
            ("recorded_at", "Put aside"),
            ("retries", "Retries"),
            ("resolved_at", "Resolved"),
        ),
        ("open_only", "reason", "topic", "order_id"),
        "None: every record could be applied.",
        {"open_only": "true"},
    ),
    ListPage(
        "/actions",
        "Actions",
        "What people did or asked for, by whom and why.",
        resources.ACTIONS,
        (
            ("action_id", "Number"),
            ("action", "Action"),
            ("subject", "Subject"),
            ("who", "Who"),
            ("why", "Why"),
            ("requested_at", "Asked"),
            ("finished_at", "Done"),
        ),
        ("action", "account_id"),
        "Nobody has done anything by hand.",
    ),
)
