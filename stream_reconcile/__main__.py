"""`python -m stream_reconcile` is the command `stream-reconcile`."""

from stream_reconcile.cli import main

main()
