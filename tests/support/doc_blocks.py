"""Blocks of code in the README and the documents, and what the comment above one says of running it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
SHELL = ("console", "sh", "bash")

_FENCE = re.compile(r"^```(\w*)$")
_NOT_RUN = re.compile(r"<!-- not run: (.*\S) -->")
_EXIT = re.compile(r"<!-- exit (\d)((?: or \d)*) -->")


class Block(NamedTuple):
    """One block. `exits`: the exit statuses that each of its commands may have."""

    page: str
    line: int
    language: str
    text: str
    not_run: str
    exits: frozenset[int]

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[str]:
        """Command lines, each whole; of a console block those behind a prompt, the rest is what they print."""
        lines: list[str] = []
        goes_on = False
        for written in self.text.splitlines():
            prompt = self.language == "console" and written[:2] in ("$ ", "# ")
            line = written[2:] if prompt else written
            if goes_on:
                lines[-1] += f"\n{line}"
            elif prompt or (self.language != "console" and line.strip() and not line.startswith("#")):
                lines.append(line)
            else:
                continue
            goes_on = line.endswith("\\")
        return lines


def blocks() -> list[Block]:
    """All blocks of all pages."""
    return [block for page in PAGES for block in _blocks_of(page)]


def _blocks_of(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    begun: int | None = None
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if begun is None:
            begun = number
            continue
        above = lines[begun - 1] if begun else ""
        not_run, exits = _NOT_RUN.fullmatch(above), _EXIT.fullmatch(above)
        yield Block(
            str(page.relative_to(ROOT)),
            begun + 1,
            lines[begun][3:],
            "\n".join(lines[begun + 1 : number]),
            not_run[1] if not_run else "",
            frozenset(map(int, re.findall(r"\d", exits[0]))) if exits else frozenset({0}),
        )
        begun = None
    assert begun is None, f"{page}:{begun}: a block has no end"


def simple_commands(line: str) -> list[list[str]]:
    """The words of each command in a line, without what joins them, redirects them or is set for them."""
    lexer = shlex.shlex(line.replace("\\\n", " "), posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("<>"):
            next(lexer, None)  # a file
        elif set(word) <= set("|&;()<>"):
            found.append([])
        elif found[-1] or not re.match(r"[A-Za-z_]\w*=", word):  # NAME=value in front of a command
            found[-1].append(word)
    return [words for words in found if words]
