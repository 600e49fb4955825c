"""Faults that are armed, and the record of those that struck."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stream_reconcile.simulator.fault_catalogue import KINDS, FaultKind, Place, Value, settle_parameters


@dataclass(slots=True)
class ArmedFault:
    """One order for a fault. `left` is how often it will still strike (None: until cleared)."""

    id: int
    kind: FaultKind
    parameters: dict[str, Value]
    left: int | None
    skip: int

    def view(self) -> dict[str, Any]:
        return {"id": self.id, "fault": self.kind.name, **self.parameters, "left": self.left}


@dataclass(frozen=True, slots=True)
class Chance:
    """What a fault could strike: whatever of it is known at that place."""

    event: str = ""
    order_id: str = ""
    symbol: str = ""
    method: str = ""
    path: str = ""
    updated_at: str = ""
    """Of the order, as the frame tells it: its version."""


_ANYTHING = Chance()


class Faults:
    """Arms faults, decides whether they strike, and keeps the log."""

    def __init__(self, rng: random.Random, now: Callable[[], int]) -> None:
        """`now` gives nanoseconds since the epoch, for the log."""
        self._rng = rng
        self._now = now
        self._armed: list[ArmedFault] = []
        self._next_id = 0
        self.log: list[dict[str, Any]] = []
        self.struck: Counter[str] = Counter()

    def arm(self, name: str, given: dict[str, object]) -> ArmedFault:
        """Order a fault. Raises ConfigError for a name or parameter that does not exist."""
        parameters = settle_parameters(name, given)
        self._next_id += 1
        count = int(parameters["count"])
        fault = ArmedFault(self._next_id, KINDS[name], parameters, count or None, int(parameters["after"]))
        self._armed.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> list[ArmedFault]:
        """Disarm one fault, or all; those that were."""
        gone = [fault for fault in self._armed if fault_id in {None, fault.id}]
        self._armed = [fault for fault in self._armed if fault not in gone]
        return gone

    def armed(self) -> list[ArmedFault]:
        return list(self._armed)

    def state(self, name: str) -> ArmedFault | None:
        """The fault of this name if it is armed: for those that last as long as they are."""
        return next((fault for fault in self._armed if fault.kind.name == name), None)

    def strikes(self, place: Place, chance: Chance = _ANYTHING) -> list[ArmedFault]:
        """The faults that strike at this chance, in the order in which they were armed; logged and counted down."""
        if not self._armed:
            return []
        return [fault for fault in list(self._armed) if fault.kind.place is place and self.tries(fault, chance)]

    def tries(self, fault: ArmedFault, chance: Chance = _ANYTHING) -> bool:
        """Whether this fault strikes now."""
        parameters = fault.parameters
        if not _concerns(parameters, chance):
            return False
        if fault.skip:
            fault.skip -= 1
            return False
        probability = float(parameters["probability"])
        if probability < 1.0 and self._rng.random() >= probability:
            return False
        if fault.left is not None:
            fault.left -= 1
            if not fault.left:
                self._armed.remove(fault)
        self.record(fault.kind.name, chance)
        return True

    def record(self, name: str, chance: Chance = _ANYTHING, **detail: object) -> None:
        """Write into the log that a fault struck."""
        self.struck[name] += 1
        known = {key: value for key in Chance.__slots__ if (value := getattr(chance, key))}
        self.log.append({"number": len(self.log) + 1, "at_ns": self._now(), "fault": name, **known, **detail})


def _concerns(parameters: dict[str, Value], chance: Chance) -> bool:
    events = str(parameters.get("events", ""))
    if events and chance.event not in events.split("+"):
        return False
    for name in ("order_id", "symbol"):
        if parameters.get(name) and parameters[name] != getattr(chance, name):
            return False
    method, path = str(parameters.get("method", "")), str(parameters.get("path", ""))
    return (not method or method.upper() == chance.method) and chance.path.startswith(path)
