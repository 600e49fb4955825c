"""Times as Postgres has them and Python can't hold.

The broker's times have years from 1 to 9999, and yet a row may hold others: Postgres rounds the last of them into the
year 10000, a time with an offset may lie before the year 1, and a program may write `infinity` for a decision. Without
more, psycopg gives an error for all rows of an answer that holds one such.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import psycopg
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzLoader

FIRST: Final = datetime.min.replace(tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)


class HeldTimeLoader(TimestamptzLoader):
    """Reads a `timestamptz` in text; one outside Python's years as the first or the last moment of these."""

    def load(self, data: Buffer) -> datetime:
        """For a connection in UTC."""
        try:
            return super().load(data)
        except psycopg.DataError:
            text = bytes(data)
            return FIRST if text.endswith(b" BC") or text == b"-infinity" else LAST
