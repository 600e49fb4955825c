"""The demo's panel beside the site of a test: a real desk, whose turns a thread takes, over a real simulator."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from stream_reconcile.demo.figures import Figures
from stream_reconcile.demo.panel.desk import Desk
from stream_reconcile.demo.panel.link import DeskLink, PageLink
from stream_reconcile.demo.panel.routes import Panel
from stream_reconcile.demo.trader import Trader
from stream_reconcile.simulator.runner import RunningSimulator
from support.servers import SCHEMA
from support.site import serving_site


class Ground:
    """What the buttons act on: a broker, and nobody who listens to it."""

    members: Any = ()

    def __init__(self, simulator: RunningSimulator, dsn: str) -> None:
        self.control, self.dsn = simulator.control, dsn
        self.figures = Figures()
        self._trader = Trader(simulator.control, simulator.environment, dsn, SCHEMA)

    @property
    def elapsed(self) -> float:
        return time.monotonic()

    def submit_in_vain(self) -> str:
        return self._trader.submit_in_vain()

    def place_by_hand(self) -> str:
        return self._trader.place_by_hand()


class PanelSite(NamedTuple):
    """Where it is, and the desk, which is closed until it is opened on `ground`."""

    url: str
    desk: Desk
    ground: Ground

    def open(self) -> None:
        self.desk.open(self.ground)


@contextmanager
def serving_panel(simulator: RunningSimulator, dsn: str) -> Iterator[PanelSite]:
    """The site with the panel."""
    desk, stop = Desk(), threading.Event()

    def turns() -> None:
        while not stop.wait(0.05):
            desk.attend()
        desk.close()

    thread = threading.Thread(target=turns, name="desk")
    with DeskLink(desk) as link:
        page = PageLink(link.theirs.dup())
        thread.start()
        try:
            with serving_site(dsn, aside=Panel(page)) as url:
                yield PanelSite(url, desk, Ground(simulator, dsn))
        finally:
            stop.set()
            thread.join(20)
            page.close()


def key_of(page: str) -> str:
    """The key that the panel's page holds."""
    return page.partition('data-key="')[2].partition('"')[0]
