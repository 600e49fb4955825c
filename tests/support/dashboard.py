"""The Grafana dashboard, as one who asks Prometheus in Grafana's place reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from support.deploy import DEPLOY

PATH = DEPLOY / "grafana" / "dashboards" / "stream-reconcile.json"
# What Grafana fills in; the rate interval is four scrapes of docker-compose.yml's Prometheus at least.
_FILLED_IN = {"$__rate_interval": "30s", "$account": ".*", "$group": ".*"}


class Query(NamedTuple):
    """One query of a panel."""

    panel: str
    expression: str


def dashboard() -> dict[str, Any]:
    """The document."""
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def panels() -> list[dict[str, Any]]:
    """Panels that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> Iterator[Query]:
    """Every query, with its variables filled in."""
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in _FILLED_IN.items():
                expression = expression.replace(variable, value)
            yield Query(panel["title"], expression)
