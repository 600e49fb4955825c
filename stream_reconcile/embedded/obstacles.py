"""What can stand in the way of an embedded server, found before it is started and said in plain words."""

from __future__ import annotations

import os
import random
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from stream_reconcile.core.errors import EmbeddedError

LOOPBACK = "127.0.0.1"

# Below the range from which Linux takes ports for outgoing connections (32768–60999): while a server is down, a client
# that keeps trying to reconnect could otherwise be given that very port as its own, and the server could not come back.
_OWN_PORTS = range(20_000, 32_000)
_PORT_TRIES = 200

FreeBytes = Callable[[Path], int]


def free_bytes(directory: Path) -> int:
    """Free bytes for this user on the file system of `directory`."""
    return shutil.disk_usage(directory).free


def make_directory(directory: Path, what: str, variable: str) -> None:
    """Make `directory` (mode 0700) if it isn't there, and prove that files can be made in it.

    `variable` is the environment variable with which a user chooses another. Raises EmbeddedError.
    """
    probe = directory / f".probe-{os.getpid()}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise EmbeddedError(
            f"cannot write to the {what} {directory}: {error.strerror or error}; "
            f"make it writable for this user, or set {variable} to another directory"
        ) from error


def require_space(directory: Path, needed: int, what: str, variable: str, read_free: FreeBytes = free_bytes) -> None:
    """Refuse to begin what would fill the disk. `needed` is in bytes. Raises EmbeddedError."""
    free = read_free(directory)
    if free < needed:
        raise EmbeddedError(
            f"not enough disk space for {what}: {_megabytes(needed)} needed, {_megabytes(free)} free at {directory}; "
            f"free some, or set {variable} to a directory on another disk"
        )


def _megabytes(size: int) -> str:
    return f"{-(-size // 1_000_000):,} MB"


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now (a port in TIME_WAIT counts as free, as for servers)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def require_port(port: int, what: str) -> None:
    """Raises EmbeddedError if somebody listens on this loopback port."""
    if not port_is_free(port):
        raise EmbeddedError(
            f"port {port} on {LOOPBACK}, which {what} should listen on, is taken; "
            "stop what uses it, or choose another port (none given: a free one is found)"
        )


def find_port() -> int:
    """A free loopback port outside the range of outgoing connections. Raises EmbeddedError if none is found."""
    for port in random.SystemRandom().sample(_OWN_PORTS, _PORT_TRIES):
        if port_is_free(port):
            return port
    raise EmbeddedError(
        f"no free port on {LOOPBACK} between {_OWN_PORTS.start} and {_OWN_PORTS.stop - 1} after {_PORT_TRIES} tries"
    )
