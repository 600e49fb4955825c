"""One target under atheris: coverage of the program's own code says which inputs are worth going on from.

python -m fuzz.guided TARGET [options of libFuzzer]
"""

from __future__ import annotations

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["stream_reconcile"]):
    from fuzz import engine
    from fuzz.corpus import seeds
    from fuzz.mutate import mutate


def main() -> None:
    name = sys.argv.pop(1)
    good = seeds(name)

    def other(data: bytes, most: int, seed: int) -> bytes:
        """Half by libFuzzer, half by what knows JSON."""
        random = Random(seed)
        if random.random() < 0.5:
            return bytes(atheris.Mutate(data, len(data) + 16))[:most]
        return mutate([data, *good[:1]] if random.random() < 0.1 else [data], random)[:most]

    atheris.Setup(sys.argv, engine.TARGETS[name], custom_mutator=other)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
