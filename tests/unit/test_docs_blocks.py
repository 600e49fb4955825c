"""Blocks in the pages: of commands that are not run the words are right all the same; the rest is well-formed.

`tests/integration/test_docs_run.py` runs those that can be run.
"""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from stream_reconcile.cli import COMMANDS
from stream_reconcile.config import Settings, env_name
from support.command_line import parse_command
from support.deploy import ROOT, unknown_settings
from support.doc_blocks import PAGES, SHELL, Block, blocks, simple_commands

BLOCKS = blocks()
SHELL_BLOCKS = [block for block in BLOCKS if block.language in SHELL]
READ = [block for block in BLOCKS if block.language in ("python", "toml")]
NOT_RUN = [block for block in SHELL_BLOCKS if block.not_run]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
# Other people's programs, whose flags nobody here can tell.
OTHERS = {".", "curl", "docker", "install", "kcat", "kubectl", "pip", "python", "python3", "set", "systemctl"}


def ids(found: list[Block]) -> list[str]:
    return [block.name for block in found]


@pytest.mark.parametrize("block", NOT_RUN, ids=ids(NOT_RUN))
def test_commands_that_are_not_run_have_the_right_words(block: Block) -> None:
    lines = block.commands()
    assert lines
    for line in lines:
        for words in simple_commands(line):
            _check(words, line)


def _check(words: list[str], line: str) -> None:
    program, *rest = words
    if program == "stream-reconcile":
        if rest:
            parse_command(rest)
    elif program == "make":
        assert {word for word in rest if "=" not in word} <= TARGETS, line
    elif program == "export":
        assert unknown_settings([word.partition("=")[0] for word in rest]) == [], line
    else:
        assert program.rpartition("/")[2] in OTHERS, f"{line}: is {program} a program?"
        if "stream-reconcile" in words[1:]:  # in a container
            inner = words[words.index("stream-reconcile", 1) + 1 :]
            if inner and inner[0] in COMMANDS:
                parse_command(inner)


@pytest.mark.parametrize("block", SHELL_BLOCKS, ids=ids(SHELL_BLOCKS))
def test_a_shell_can_read_it(block: Block) -> None:
    assert block.commands(), "no command in it: a prompt is missing, or it is no block of commands"
    script = "\n".join(block.commands())
    read = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, timeout=20, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def test_every_block_says_what_it_is() -> None:
    known = {*SHELL, "sql", "python", "toml", "yaml", ""}
    assert [block.name for block in BLOCKS if block.language not in known] == []
    hidden = re.compile(r"^(\$ |stream-reconcile |make |SELECT )", re.MULTILINE)
    assert [block.name for block in BLOCKS if not block.language and hidden.search(block.text)] == []
    misplaced = [block.name for block in BLOCKS if block.not_run and block.language not in (*SHELL, "sql")]
    assert misplaced == []


@pytest.mark.parametrize("block", READ, ids=ids(READ))
def test_python_and_toml_can_be_read(block: Block) -> None:
    if block.language == "toml":
        tomllib.loads(block.text)
    elif block.page != "docs/architecture.md":  # signatures, not a program
        compile(block.text.replace("…  #", "...  #"), block.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for written in re.findall(r"`stream-reconcile ([^`\n]+)`", prose):
        if "…" not in written and not re.search(r"\b[A-Z]{2,}\b|\|", written):  # TIME, ID: to be filled in
            parse_command(written)
    for written in re.findall(r"`make ([a-z]+)", prose):
        assert written in TARGETS, written
    names = re.findall(r"\b((?:RECONCILE|APCA|KAFKA|SCHEMA_REGISTRY)_[A-Z_]+[A-Z])\b(?!_?…)", prose)
    ours = {env_name(field) for field in Settings.model_fields}
    only_for_tests = {"RECONCILE_PROPERTY_EXAMPLES", "RECONCILE_TEST_SERVERS", "RECONCILE_UPDATE_DOCS"}
    images = {"KAFKA_PORT", "KAFKA_IMAGE"}
    assert [name for name in unknown_settings(names) if name not in ours | only_for_tests | images] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    folder = page.parent
    for target, _, heading in (
        link.partition("#") for link in re.findall(r"(?<!!)\[[^]]*\]\((?!https?:)([^)\s]+)\)", text)
    ):
        there = folder / target if target else page
        assert there.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", one).strip().lower().replace(" ", "-") for one in headings}
            assert heading in anchors, f"{target}#{heading}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        if page.parent != ROOT and page.name != "README.md":
            assert f"]({page.name})" in index, page.name
