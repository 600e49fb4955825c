"""docs/peers.md: what stands in it is run by integration/test_peers.py; here, that nothing of it is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stream_reconcile.log.topics import Topics
from support.apicurio import ARCHIVE
from support.console_blocks import Block, console_blocks, run_block
from support.deploy import ROOT, compose

PAGE = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)


def test_every_section_has_a_test() -> None:
    tests = (ROOT / "tests" / "integration" / "test_peers.py").read_text(encoding="utf-8")
    assert HEADINGS
    for heading in HEADINGS:
        call = r"section\(PAGE," if heading == "pandas" else r"answers\("
        assert re.search(rf'{call}\s*"{re.escape(heading)}"', tests), heading


def test_every_command_is_found() -> None:
    found = [block for heading in HEADINGS for block in console_blocks(PAGE, heading)]
    assert len(found) == len(re.findall(r"^\$ ", PAGE, re.MULTILINE))
    assert all(block.expected for block in found), found


def test_topics_are_ours() -> None:
    assert set(re.findall(r"alpaca\.[a-z-]+\.v1", PAGE)) <= set(Topics().all)


def test_links_lead_somewhere() -> None:
    for target, anchor in re.findall(r"\]\(([^)#]+)(?:#([^)]*))?\)", PAGE):
        text = (ROOT / "docs" / target).read_text(encoding="utf-8")
        assert not anchor or re.search(rf"^#+ {anchor}$", text, re.MULTILINE | re.IGNORECASE), (target, anchor)


def test_the_registry_is_the_one_of_compose() -> None:
    assert f"apicurio-registry:{ARCHIVE.version}" in compose()["services"]["registry"]["image"]


ECHO = Block("echo 'one two   three'; echo; echo four", ("one two three", "four"))


@pytest.mark.parametrize(
    ("block", "fits"),
    [
        (ECHO, True),
        (ECHO._replace(expected=("one … three", "f…")), True),
        (ECHO._replace(expected=("four",)), True),
        (ECHO._replace(expected=("four", "one two three")), False),
        (ECHO._replace(expected=("one two",)), False),
        (ECHO._replace(expected=("one two three", "five")), False),
        (Block("echo one; exit 3", ("one",)), False),
        (Block("false | echo one", ("one",)), False),
        (Block("echo $A NAME", ("a PUT",)), True),
    ],
)
def test_a_page_that_says_something_else_is_found(block: Block, fits: bool, tmp_path: Path) -> None:
    def run() -> str:
        return run_block(block, tmp_path, {"A": "a"}, {"NAME": "PUT"})

    if fits:
        run()
    else:
        with pytest.raises(AssertionError):
            run()
