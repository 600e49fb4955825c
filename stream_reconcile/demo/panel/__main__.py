"""`run --role web` with the panel beside its page: started by the demo, which hands it one end of a socket pair.

Without that end there is nothing to press, so it can't be had in any other way.
"""

from __future__ import annotations

import socket
import sys

from stream_reconcile.commands.output import print_error
from stream_reconcile.commands.run import Process, Role, run_until_stopped
from stream_reconcile.commands.start import settings_for_a_job
from stream_reconcile.core.errors import ReconcileError
from stream_reconcile.demo.panel.link import PageLink
from stream_reconcile.demo.panel.routes import Panel


def main() -> None:
    """The descriptor of the socket is the one argument."""
    try:
        connected = socket.socket(fileno=int(sys.argv[1]))
    except (IndexError, ValueError, OSError):
        sys.exit("this is a part of `stream-reconcile demo --serve`, which starts it: it can't be run by itself")
    try:
        run_until_stopped(Process(settings_for_a_job(), {Role.WEB}, Panel(PageLink(connected))))
    except ReconcileError as error:
        print_error(error)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
