"""What a fault is: a function that breaks something, waits as long as the dice say, and mends what `heal` does not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from .place import Scene

Strike = Callable[[Scene, random.Random], None]

MOST_S: Final = 12.0


def a_while(rng: random.Random) -> None:
    """Up to 12 s."""
    time.sleep(rng.uniform(1.0, MOST_S))
