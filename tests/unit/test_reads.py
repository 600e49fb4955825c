"""Reads of HTTP while the process ends: an answer that says so, and no error of ours."""

from __future__ import annotations

import asyncio

import pytest

from stream_reconcile.web.problems import Busy
from stream_reconcile.web.reads import Reads


def test_who_asks_while_it_closes_is_told_to_ask_again() -> None:
    reads = Reads("host=nowhere.invalid", "reconcile")

    async def ask() -> int:
        return await reads.run(lambda: 7)

    assert asyncio.run(ask()) == 7
    reads.close()
    with pytest.raises(Busy, match="about to end"):
        asyncio.run(ask())


def test_what_the_work_itself_raises_passes() -> None:
    def work() -> None:
        raise RuntimeError("its own")

    reads = Reads("host=nowhere.invalid", "reconcile")
    with pytest.raises(RuntimeError, match="its own"):
        asyncio.run(reads.run(work))
    reads.close()
