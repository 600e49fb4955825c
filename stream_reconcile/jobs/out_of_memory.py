"""Out of memory: the process ends at once, and whatever runs it starts it again.

One that goes on may look alive and stand still: a thread that can't begin for want of memory leaves the one that
started it waiting for ever (`Thread.start` waits for a sign of life that does not come), and librdkafka goes on without
a connection for which it got no thread. To end loses nothing: it is what a kill is.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Final, NoReturn

from stream_reconcile.log.connection import LOGGER

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

EXIT_STATUS: Final = 3
_WORDS: Final = (
    b"no memory was left, so this process ends; started again it goes on where the database stands. Raise its limit of "
    b"memory if that comes again\n"
)
_NO_THREAD: Final = "Unable to create broker thread"


def end() -> NoReturn:
    """End this process now, with a word on stderr. Nothing is asked for that would take memory."""
    os.write(2, _WORDS)
    os._exit(EXIT_STATUS)


def end_when_out_of_memory() -> None:
    """From now on, whichever thread of Python's runs out of memory, or fails to begin, and where librdkafka's do."""
    in_thread, elsewhere = threading.excepthook, sys.unraisablehook

    def thread_failed(arguments: threading.ExceptHookArgs) -> None:
        if issubclass(arguments.exc_type, MemoryError):
            end()
        in_thread(arguments)

    def failed(arguments: UnraisableHookArgs) -> None:
        if issubclass(arguments.exc_type, MemoryError):
            end()
        elsewhere(arguments)

    threading.excepthook, sys.unraisablehook = thread_failed, failed
    LOGGER.addFilter(_kafka_said)


def _kafka_said(record: logging.LogRecord) -> bool:
    if _NO_THREAD in record.getMessage():
        end()
    return True
