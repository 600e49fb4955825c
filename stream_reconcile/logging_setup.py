"""The log: structlog, to stderr, as console lines or JSON; what libraries log goes the same way, and no secret out.

Redaction is two nets: values under a name that says secret are masked whole, and in all text passwords of addresses
and the known secret values are masked wherever they stand, tracebacks included.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Collection, Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"

SECRET_NAME = re.compile(r"secret|key|password|passwd|token|authorization", re.IGNORECASE)
# Names that contain one of those words and hold no secret. Whoever logs a new one adds it here on purpose.
HARMLESS_NAMES = frozenset({"key_fingerprint", "fill_key", "api_key_fingerprint"})

# user:password@ in an address (an @ in the password may stand unescaped, so up to the last one).
_ADDRESS_PASSWORD = re.compile(r"(?P<before>://[^:/?#\s@]*:)[^\s/]+(?=@)")
# password=… in libpq's words, `'secret': '…'` in a printed dict, `Authorization: …` in printed headers.
_WORD_SECRET = re.compile(
    r"(?P<before>(?:secret(?:_key)?|password|passwd|token|api[_-]key|authorization)['\"]?\s*[=:]\s*)"
    r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|(?:(?:basic|bearer)\s+)?[^\s'\"&,)}\]]+)",
    re.IGNORECASE,
)

# A shorter one would mask parts of ordinary words.
SHORTEST_KNOWN_SECRET = 8


class Redactor:
    """structlog processor that masks secrets in an event's values and texts, however deeply they are nested."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        known = sorted({text for text in secrets if len(text) >= SHORTEST_KNOWN_SECRET}, key=len, reverse=True)
        self._known = re.compile("|".join(re.escape(text) for text in known)) if known else None

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {name: self._value(name, value) for name, value in event.items()}

    def text(self, text: str) -> str:
        """`text` without passwords of addresses and without the known secrets."""
        text = _ADDRESS_PASSWORD.sub(rf"\g<before>{MASK}", text)
        text = _WORD_SECRET.sub(rf"\g<before>{MASK}", text)
        return self._known.sub(MASK, text) if self._known else text

    def _value(self, name: str, value: Any) -> Any:
        masked: Any
        if value is None or isinstance(value, bool | int | float):
            masked = value
        elif SECRET_NAME.search(name) and name not in HARMLESS_NAMES:
            masked = MASK
        elif isinstance(value, bytes | bytearray | memoryview):
            masked = f"<{len(value)} bytes>"  # bytes are the broker's: never logged
        elif isinstance(value, Mapping):
            masked = {key: self._value(str(key), item) for key, item in value.items()}
        elif isinstance(value, list | tuple | set | frozenset):
            masked = [self._value("", item) for item in value]
        else:
            masked = self.text(str(value))
        return masked


def configure_logging(
    *,
    log_format: Literal["auto", "console", "json"] = "auto",
    level: str = "info",
    secrets: Collection[str] = (),
    stream: TextIO | None = None,
) -> Redactor:
    """Set up structlog and the standard library's logging, for the whole process; returns the redactor in use."""
    out = stream if stream is not None else sys.stderr
    console = log_format == "console" or (log_format == "auto" and out.isatty())
    redactor = Redactor(secrets)
    prepare: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,  # before the redactor: tracebacks are text that it looks through
    ]
    colors = out.isatty() and not os.environ.get("NO_COLOR")
    render: Processor = (
        structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(default=str)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *prepare,
            redactor,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*prepare, redactor],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for noisy in ("websockets", "urllib3", "httpx", "httpcore", "asyncio", "alembic", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    return redactor
