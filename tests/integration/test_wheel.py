"""The wheel holds all that the program reads at run time, and works from anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]

_USE = """
import sys
from importlib import resources
from pathlib import Path

import stream_reconcile
from stream_reconcile.embedded.jars import pinned_jars
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.envelope import Envelope
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.migrations import expected_version

assert Path(stream_reconcile.__file__).is_relative_to(sys.argv[1]), stream_reconcile.__file__
topics = Topics("alpaca")
sent = Envelope("account", "session", 0, 1, "stream", "fill", "order", b"{}")
codec = SingleObjectCodec(topics)
assert codec.decode(topics.trade_updates, codec.encode(topics.trade_updates, sent)) == sent
assert expected_version() >= "0001"
assert len(pinned_jars()) > 40
assert (resources.files("stream_reconcile.embedded") / "log4j2.xml").is_file()
print("all there")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheel of this tree installed, without what it depends on (that is in our environment)."""
    built = tmp_path_factory.mktemp("wheel")
    target = built / "site"
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)], cwd=_ROOT)
    (wheel,) = built.glob("*.whl")
    uv = Path(sys.executable).with_name("uv")
    quietly = ("--quiet", "--offline", "--no-deps", "--python", sys.executable)
    _run([str(uv), "pip", "install", *quietly, "--target", str(target), str(wheel)], cwd=built)
    return target


def _run(command: list[str], cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_it_reads_is_found_beside_it(installed: Path, tmp_path: Path) -> None:
    printed = _run([sys.executable, "-P", "-c", _USE, str(installed)], cwd=tmp_path, PYTHONPATH=str(installed))
    assert printed == "all there\n"


def test_the_command_starts_anywhere(installed: Path, tmp_path: Path) -> None:
    printed = _run([str(installed / "bin" / "stream-reconcile"), "--help"], cwd=tmp_path, PYTHONPATH=str(installed))
    assert "migrate" in printed
