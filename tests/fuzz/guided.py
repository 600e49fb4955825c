"""One target under atheris: coverage of the program's own code says which inputs are worth going on from.

python -m fuzz.guided TARGET -artifact_prefix=FOLDER/ [options of libFuzzer]
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["stream_reconcile"]):
    from fuzz import engine
    from fuzz.corpus import seeds
    from fuzz.mutate import mutate


def main() -> None:
    name = sys.argv.pop(1)
    good = seeds(name)
    (prefix,) = [option.partition("=")[2] for option in sys.argv if option.startswith("-artifact_prefix=")]

    def target(data: bytes) -> None:
        error = engine.tried(name, data)
        if error is not None:
            # Under libFuzzer's own name for it, which keeps it on its way out: but on a slow machine the alarm that
            # looks for hangs has ended the process before.
            Path(f"{prefix}crash-{hashlib.sha1(data, usedforsecurity=False).hexdigest()}").write_bytes(data)
            raise error

    def other(data: bytes, most: int, seed: int) -> bytes:
        """Half by libFuzzer, half by what knows JSON."""
        random = Random(seed)
        if random.random() < 0.5:
            return bytes(atheris.Mutate(data, len(data) + 16))[:most]
        return mutate([data, *good[:1]] if random.random() < 0.1 else [data], random)[:most]

    atheris.Setup(sys.argv, target, custom_mutator=other)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
