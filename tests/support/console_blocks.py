"""Console blocks of a page: commands with what they print, and whether they do.

```console
$ command, which may go on after a backslash
what it prints; `…` stands for anything
```
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from support.telling import tell

_LIMIT_S = 90


class Block(NamedTuple):
    """One command and the lines that its page shows below it."""

    command: str
    expected: tuple[str, ...]

    @property
    def tools(self) -> list[str]:
        """The first word of each part of a pipeline."""
        return [part.split()[0] for part in re.split(r" \|\s", self.command.replace("\\\n", " "))]


def console_blocks(page: str, heading: str) -> list[Block]:
    """All commands of the section under the heading, in order."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", section(page, heading), re.DOTALL):
        for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            whole = re.match(r"(?:.*\\\n)*.*\n", one)
            assert whole is not None
            found.append(Block(whole[0].rstrip("\n"), tuple(one[whole.end() :].splitlines())))
    return found


def section(page: str, heading: str) -> str:
    """What stands under `## heading`, to the next of its kind."""
    (text,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return str(text)


def run_block(block: Block, folder: Path, environment: Mapping[str, str], names: Mapping[str, str]) -> str:
    """Run it as a shell would, with what `names` says put for what the page says; gives what it printed.

    Raises AssertionError unless it ends with 0 and prints the lines of the page, in their order. Lines of an empty
    answer and how far columns are apart don't count.
    """
    command, expected = (_renamed(text, names) for text in (block.command, "\n".join(block.expected)))
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=os.environ | dict(environment),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_LIMIT_S,
        check=False,
    )
    tell(f"$ {command}\n{done.stdout}{done.stderr}")
    assert done.returncode == 0, f"{command}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    place = 0
    for line in expected.splitlines():
        wanted = re.compile(re.escape(" ".join(line.split())).replace("…", ".*"))
        at = next((number for number in range(place, len(lines)) if wanted.fullmatch(lines[number])), None)
        assert at is not None, f"{command}\nshould print {line!r} after its line {place}, and prints:\n{done.stdout}"
        place = at + 1 if line.strip() != "…" else place
    return done.stdout


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for name, put in names.items():
        text = text.replace(name, put)
    return text
