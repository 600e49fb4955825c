"""What `run` lets people do over HTTP: all that changes something."""

from __future__ import annotations

from typing import Final

from stream_reconcile.commands.run_operator import offer_operator
from stream_reconcile.commands.run_rewinds import offer_rewinds
from stream_reconcile.commands.servers import Servers
from stream_reconcile.config import Settings
from stream_reconcile.web.control import ACCEPT, RETRY, REWIND, SWEEP, UNDO, Control

PATHS: Final = (REWIND, UNDO, ACCEPT, RETRY, SWEEP)


def offer_control(control: Control, settings: Settings, servers: Servers) -> None:
    """Let `control` answer, on these servers."""
    offer_rewinds(control, settings, servers)
    offer_operator(control, settings, servers)
