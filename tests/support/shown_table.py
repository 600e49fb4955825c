"""`make shown`: the list of discrepancies, each with its two tests and what the first one saw when it ran last.

Reads build/junit.xml, which `make test` writes. Exit status 1 if a row was not made by that run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

from stream_reconcile.core.discrepancy_types import TYPES
from support.shown import MISSING, PROPERTY, SHOWN


def recorded(junit: Path) -> dict[str, dict[str, Any]]:
    """What tests told, by type. Of a test that failed, nothing."""
    found: dict[str, dict[str, Any]] = {}
    for case in ElementTree.parse(junit).iter("testcase"):
        if case.find("failure") is None and case.find("error") is None:
            for one in case.iter("property"):
                if one.get("name") == PROPERTY:
                    told = json.loads(one.get("value") or "{}")
                    found.setdefault(told["type"], told)
    return found


def table(found: dict[str, dict[str, Any]]) -> Table:
    """All rows of the list, in its order."""
    made = Table(title="discrepancies, by the tests that make them", title_justify="left")
    for head in ("#", "type", "made by", "found after", "resolved", "quiet in"):
        made.add_column(head, overflow="fold")
    for name, kind in TYPES.items():
        if name in SHOWN:
            told = found.get(name)
            made.add_row(kind.code, name, SHOWN[name].makes, _found(told), _resolved(told), SHOWN[name].quiet)
        else:
            made.add_row(kind.code, name, f"none: {MISSING[name]}", "-", "-", "-")
    return made


def _found(told: dict[str, Any] | None) -> str:
    if told is None:
        return "not run"
    # Where nothing was done to the broker: in one transaction with the record or the look that shows it.
    return "at once" if told["found_s"] is None else f"{told['found_s']:.2f} s"


def _resolved(told: dict[str, Any] | None) -> str:
    if told is None:
        return "not run"
    if told["state"] == "open":
        return "open: for a person" if TYPES[told["type"]].closes != "self" else "open at the end of the test"
    seconds = f", after {told['open_s']:.2f} s"
    if told["state"] == "accepted":
        return f"accepted by a person{seconds}"
    return f"resolved by {told['by']}: {told['resolution']}{seconds}"


def main(junit: Path) -> int:
    """Print it."""
    found = recorded(junit)
    Console(width=None if sys.stdout.isatty() else 200).print(table(found))
    return 0 if SHOWN.keys() <= found.keys() else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
