"""What stands in the way of an embedded server is said in plain words before it starts."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.embedded import java
from stream_reconcile.embedded.lock import DirectoryLock
from stream_reconcile.embedded.obstacles import find_port, make_directory, port_is_free, require_port, require_space


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_file_in_place_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    with pytest.raises(EmbeddedError, match=r"cannot write to the data directory .*set RECONCILE_DATA_DIR to another"):
        make_directory(tmp_path / "data" / "kafka", "data directory", "RECONCILE_DATA_DIR")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that nobody, not even root, can write")
def test_a_directory_that_nobody_can_write() -> None:
    with pytest.raises(EmbeddedError, match="cannot write to the data directory /proc/self"):
        make_directory(Path("/proc/self"), "data directory", "RECONCILE_DATA_DIR")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to a read-only directory")
def test_a_read_only_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(EmbeddedError, match="Permission denied"):
        make_directory(tmp_path, "data directory", "RECONCILE_DATA_DIR")


def test_a_new_directory_is_private(tmp_path: Path) -> None:
    make_directory(tmp_path / "data", "data directory", "RECONCILE_DATA_DIR")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert list((tmp_path / "data").iterdir()) == []


def test_too_little_space_says_how_much_is_needed(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"for Postgres: 1,000 MB needed, 400 MB free at .*RECONCILE_DATA_DIR"):
        require_space(tmp_path, 1_000_000_000, "Postgres", "RECONCILE_DATA_DIR", lambda _directory: 400_000_000)
    require_space(tmp_path, 1_000, "Postgres", "RECONCILE_DATA_DIR", lambda _directory: 1_000)


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not port_is_free(port)
        with pytest.raises(EmbeddedError, match=f"port {port} on 127.0.0.1, which the embedded Kafka should listen on"):
            require_port(port, "the embedded Kafka")


def test_ports_found_are_below_those_of_outgoing_connections() -> None:
    port = find_port()
    assert 20_000 <= port < 32_000
    assert port_is_free(port)


def test_one_lock_names_its_holder(tmp_path: Path) -> None:
    first, second = DirectoryLock(tmp_path), DirectoryLock(tmp_path)
    first.acquire()
    with pytest.raises(EmbeddedError, match=r"is in use by this process; stop it, or set RECONCILE_DATA_DIR"):
        second.acquire()
    first.release()
    second.acquire()
    assert not first.held
    second.release()


def test_no_java_says_what_was_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = _program(tmp_path / "old" / "bin" / "java", "#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    broken = _program(tmp_path / "broken" / "bin" / "java", "#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("JAVA_HOME", str(old.parent.parent))
    monkeypatch.setenv("PATH", str(broken.parent))
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EmbeddedError, match=r"needs Java 17 or newer \(.*is Java 11; .*is no working Java\)"):
        java.find_java()
    assert shutil.which("java") == str(broken)


def test_the_java_of_java_home_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chosen = _program(tmp_path / "bin" / "java", "#!/bin/sh\nexit 1\n")
    (tmp_path / "release").write_text('IMPLEMENTOR="x"\nJAVA_VERSION="21.0.1"\n', encoding="utf-8")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java.find_java() == chosen
