"""Kafka's jars: pinned, hash-checked, never half there. Only the network is replaced here."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import pytest
import requests
from rich.console import Console

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.embedded.jars import Jar, default_cache_directory, ensure_jars, pinned_jars

_CONTENTS = {"one": b"the first jar", "two": b"the second jar"}
_JARS = tuple(
    Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest(), len(content))
    for name, content in _CONTENTS.items()
)


class Repository:
    """Serves `contents`; counts what was fetched; fails the first `failures` times."""

    def __init__(
        self, contents: dict[str, bytes], failures: int = 0, error: type[Exception] = requests.Timeout
    ) -> None:
        self.contents = dict(contents)
        self.fetched: list[str] = []
        self._failures = failures
        self._error = error

    def __call__(self, jar: Jar, directory: Path) -> Path:
        path = directory / f"{jar.artifact}.jar"
        if self._failures:
            self._failures -= 1
            path.write_bytes(b"half")
            raise self._error("cut short")
        self.fetched.append(jar.artifact)
        path.write_bytes(self.contents[jar.artifact])
        return path


def test_the_pinned_list_is_whole() -> None:
    jars = pinned_jars()
    names = [jar.file_name for jar in jars]
    assert len(set(names)) == len(names) > 40
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.size > 0 for jar in jars)
    versions = {jar.version for jar in jars if jar.group == "org.apache.kafka"}
    assert len(versions) == 1, "broker and clients of different versions do not work together"


def test_jars_are_fetched_once(tmp_path: Path) -> None:
    repository = Repository(_CONTENTS)
    paths = ensure_jars(tmp_path, jars=_JARS, fetch=repository)
    assert [path.read_bytes() for path in paths] == list(_CONTENTS.values())
    assert ensure_jars(tmp_path, jars=_JARS, fetch=repository) == paths
    assert sorted(repository.fetched) == ["one", "two"]


def test_a_jar_with_another_hash_is_refused_and_never_kept(tmp_path: Path) -> None:
    repository = Repository({**_CONTENTS, "two": b"something else"})
    with pytest.raises(
        EmbeddedError, match=r"org\.example:two:1\.0 was fetched, but its SHA-256 is not the pinned one"
    ):
        ensure_jars(tmp_path, jars=_JARS, fetch=repository)
    kept = {path.name for path in (tmp_path / "jars").iterdir()}
    assert kept <= {"org.example.one-1.0.jar"}


def test_a_jar_damaged_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    repository = Repository(_CONTENTS)
    damaged = ensure_jars(tmp_path, jars=_JARS, fetch=repository)[1]
    damaged.write_bytes(b"the sec")
    assert ensure_jars(tmp_path, jars=_JARS, fetch=repository)[1].read_bytes() == _CONTENTS["two"]
    assert sorted(repository.fetched) == ["one", "two", "two"]


def test_a_download_cut_short_is_tried_again(tmp_path: Path) -> None:
    repository = Repository(_CONTENTS, failures=2)
    paths = ensure_jars(tmp_path, jars=_JARS, fetch=repository)
    assert [path.read_bytes() for path in paths] == list(_CONTENTS.values())


@pytest.mark.parametrize("error", [requests.ConnectionError, RuntimeError])
def test_no_network_names_the_jar_and_a_way_out(tmp_path: Path, error: type[Exception]) -> None:
    repository = Repository(_CONTENTS, failures=1_000, error=error)
    with pytest.raises(EmbeddedError, match=r"could not fetch org\.example:one:1\.0 .*copy the jars"):
        ensure_jars(tmp_path, jars=_JARS[:1], fetch=repository)


def test_a_full_disk_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    repository = Repository(_CONTENTS)
    with pytest.raises(EmbeddedError, match=r"not enough disk space for Kafka's jars: 1 MB needed, 0 MB free"):
        ensure_jars(tmp_path, jars=_JARS, fetch=repository, read_free=lambda _directory: 0)
    assert repository.fetched == []


def test_progress_is_shown_on_a_terminal_only(tmp_path: Path) -> None:
    shown = {}
    for terminal in (True, False):
        screen = io.StringIO()
        console = Console(file=screen, force_terminal=terminal)
        ensure_jars(tmp_path / str(terminal), jars=_JARS, fetch=Repository(_CONTENTS), console=console)
        shown[terminal] = screen.getvalue()
    assert "Fetching Kafka (once)" in shown[True]
    assert shown[False] == ""


def test_the_cache_is_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_directory() == tmp_path / "stream-reconcile"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_cache_directory() == Path("/home/someone/.cache/stream-reconcile")
