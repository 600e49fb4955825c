"""How long a deep sweep takes to see that orders have not changed, beside their transfer, and its memory."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from broker_orders import statements
from children import Child
from figures import Report, Row
from own_servers import ACCOUNT, SCHEMA, OwnServers

_WITHIN_S = 900.0


class SweepSpeed:
    """Measures ours and the floor, in turn, on one database."""

    def __init__(self, servers: OwnServers, report: Report, say: Callable[[str], None]) -> None:
        self._servers, self._report, self._say = servers, report, say

    def compare(self, names: tuple[str, str], orders: int, repeats: int) -> list[Row]:
        """Seconds for so many orders, and the most memory that ours had."""
        with self._servers.database() as dsn:
            self._say(f"{orders:,} orders into the tables")
            for statement in statements(ACCOUNT, orders):
                self._servers.execute(dsn, statement)
            taken: dict[bool, list[float]] = {False: [], True: []}
            peak = 0.0
            for _ in range(repeats):
                for floor in (False, True):
                    before = self._servers.cpu().postgres
                    given = {"dsn": dsn, "schema": SCHEMA, "account": ACCOUNT, "orders": orders, "floor": floor}
                    with Child("sweep_compare", self._servers.directory, **given) as child:
                        result = child.finish(_WITHIN_S)
                    taken[floor].append(result["seconds"])
                    postgres = (self._servers.cpu().postgres - before) / orders * 1e6
                    python = result["cpu_s"] / orders * 1e6
                    self._report.detail(
                        name=names[0], side="floor" if floor else "ours", orders=orders, seconds=result["seconds"],
                        python_us=python, postgres_us=postgres, peak_rss_mb=result["peak_rss_mb"],
                    )  # fmt: skip
                    self._say(
                        f"{'floor' if floor else 'ours'}: {result['seconds']:.2f} s; for each order {python:.1f} µs of "
                        f"Python, {postgres:.1f} µs of Postgres; {result['peak_rss_mb']:.0f} MB"
                    )
                    peak = peak if floor else max(peak, result["peak_rss_mb"])
        seconds = Row(names[0], statistics.median(taken[False]), statistics.median(taken[True]), "s")
        return [seconds, Row(names[1], peak, None, "MB")]
