"""The log of this process, put back as it was: a command that a test runs in-process sets it up for good."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import structlog


def _levels() -> dict[str, int]:
    known = logging.getLogger().manager.loggerDict
    return {name: logger.level for name, logger in known.items() if isinstance(logger, logging.Logger)}


@contextmanager
def logging_restored() -> Iterator[None]:
    """Undo what the body does to handlers, to levels (those of libraries too) and to structlog."""
    root, configure = logging.getLogger(), structlog.configure
    handlers, level, levels = root.handlers[:], root.level, _levels()

    def configure_uncached(*args: Any, **settings: Any) -> None:
        # A logger of a module that keeps the settings of its first use would keep them for all tests to come.
        configure(*args, **settings | {"cache_logger_on_first_use": False})

    with patch.object(structlog, "configure", configure_uncached):
        yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, changed in _levels().items():
        if changed != levels.get(name, logging.NOTSET):
            logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))
    if structlog.is_configured():
        structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
