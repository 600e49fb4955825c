"""Where a member is, by what `pg_stat_activity` shows of its session."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from .schedule import Point
from .sight import Session, bare, is_at

AT = datetime(2026, 11, 2, tzinfo=UTC)
LATER = datetime(2026, 11, 3, tzinfo=UTC)


def session(statement: str, *, active: bool = True, transaction: datetime | None = AT) -> Session:
    return Session(1, active, bare(statement), transaction)


@pytest.mark.parametrize(
    ("now", "point"),
    [
        (session("-- copy_observed\nCOPY observed (a, b) FROM STDIN"), Point.COPYING),
        (session("-- insert_events\nINSERT INTO order_events AS v"), Point.WRITING),
        (session("-- few\nWITH observed AS (SELECT 1) INSERT INTO fills"), Point.WRITING),
        (session("COMMIT"), Point.COMMITTING),
        (session("BEGIN"), None),
        (session("COMMIT", active=False, transaction=None), None),
        (session("-- read\nSELECT topic FROM stream_cursors", active=False, transaction=None), None),
    ],
)
def test_points_of_a_transaction(now: Session, point: Point | None) -> None:
    points = (Point.COPYING, Point.WRITING, Point.COMMITTING)
    assert [each for each in points if is_at(each, now, None)] == ([] if point is None else [point])


@pytest.mark.parametrize(
    ("before", "now", "committed"),
    [
        (session("COMMIT"), session("COMMIT", active=False, transaction=None), True),
        (session("INSERT INTO fills"), session("BEGIN", transaction=LATER), True),
        (session("INSERT INTO fills"), session("COMMIT"), False),
        (session("COMMIT", active=False, transaction=None), session("BEGIN"), False),
        (None, session("BEGIN"), False),
    ],
)
def test_just_after_a_commit_the_transaction_is_another_one(before: Session, now: Session, committed: bool) -> None:
    assert is_at(Point.COMMITTED, now, before) is committed
