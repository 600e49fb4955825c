"""Intents: values that can't be right are refused before a database is asked; and what importing the module brings."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from stream_reconcile import intents
from stream_reconcile.core.errors import ConfigError

NOBODY: Any = None  # in place of a connection: it must not come to that
NAIVE = datetime(2026, 1, 5)  # noqa: DTZ001 - that is what is refused
GOOD = {"account_id": "a", "client_order_id": "c"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"qty": 0.1}, "qty is a float"),
        ({"notional": 1.0}, "notional is a float"),
        ({"limit_price": 187.5}, "limit_price is a float"),
        ({"qty": True}, "qty is a bool"),
        ({"qty": b"1"}, "qty is a bytes"),
        ({"qty": "ten"}, "qty is no number"),
        ({"qty": ""}, "qty is no number"),
        ({"qty": Decimal("NaN")}, "qty is not finite"),
        ({"limit_price": "-Infinity"}, "limit_price is not finite"),
        ({"qty": 0}, "qty has to be more than 0"),
        ({"notional": "-5"}, "notional has to be more than 0"),
        ({"decided_at": NAIVE}, "decided_at has no time zone"),
        ({"not_before": NAIVE}, "not_before has no time zone"),
        ({"account_id": ""}, "its account_id: it is empty"),
        ({"client_order_id": ""}, "its client_order_id: it is empty"),
        ({"client_order_id": "c" * 129}, "longer than 128"),
        ({"client_order_id": "abc\n"}, r"'abc\\n' has a character that can't be printed"),
        ({"client_order_id": "a\u00a0b"}, r"'a\\xa0b' has a character"),
    ],
)
def test_what_can_not_be_right_is_refused_at_once(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        intents.record(NOBODY, **(GOOD | values))


def test_a_submission_that_can_not_be_right_is_refused_at_once() -> None:
    unknown: Any = "filled"
    with pytest.raises(ConfigError, match="'filled' is no result"):
        intents.mark_submitted(NOBODY, "00000000-0000-0000-0000-000000000000", unknown)
    with pytest.raises(ConfigError, match="no UUID"):
        intents.mark_submitted(NOBODY, "my-order")
    with pytest.raises(ConfigError, match="submitted_at has no time zone"):
        intents.mark_submitted(NOBODY, "00000000-0000-0000-0000-000000000000", submitted_at=NAIVE)


def test_importing_it_brings_psycopg_and_the_errors_and_nothing_else() -> None:
    program = """
import sys, psycopg
before = set(sys.modules)
import stream_reconcile.intents
news = {name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names}
print(*sorted(name for name in news if name.split(".")[0] != "psycopg"))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [
        "stream_reconcile",
        "stream_reconcile.core",
        "stream_reconcile.core.errors",
        "stream_reconcile.intents",
    ]
