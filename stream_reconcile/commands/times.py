"""Times as people write them on a command line."""

from __future__ import annotations

from datetime import UTC, datetime

from stream_reconcile.core.errors import ConfigError


def moment(text: str) -> datetime:
    """ISO 8601, `2026-01-05T14:30:00Z`; without an offset it is UTC, and `now` is now. Raises ConfigError."""
    if text == "now":
        return datetime.now(UTC)
    try:
        given = datetime.fromisoformat(text)
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{text!r} is no time: write it as 2026-01-05T14:30:00Z, or 2026-01-05 for midnight UTC"
        ) from None
