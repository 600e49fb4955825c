"""Kafka's own `kafka-consumer-groups`, as its script runs it: the tools' jar on the class path of the embedded Kafka.

The broker needs no tools, so their jar is not among those that the program fetches.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from stream_reconcile.embedded.jars import Jar, default_cache_directory, ensure_jars, pinned_jars
from stream_reconcile.embedded.java import find_java
from stream_reconcile.log.topics import Partition

TOOLS: Final = Jar(
    "org.apache.kafka",
    "kafka-tools",
    "4.4.0",
    "4eb9a7fbfd63badfd8d1a677aa2d54b47b2b2d442ff7d68fd223972afea1954c",
    751_995,
)
_MAIN: Final = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


class GroupLine(NamedTuple):
    """What it says of a partition."""

    committed: int
    end: int
    lag: int


def install_scripts(folder: Path) -> None:
    """`kafka-consumer-groups.sh` in `folder`, as in Kafka's download."""
    script = folder / "kafka-consumer-groups.sh"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(_command())} "$@"\n', encoding="utf-8")
    script.chmod(0o755)


def consumer_group(bootstrap_servers: str, group: str, *, timeout: float = 60) -> dict[Partition, GroupLine]:
    """`kafka-consumer-groups --describe --offsets`; partitions without a committed offset are left out."""
    done = subprocess.run(
        [*_command(), "--bootstrap-server", bootstrap_servers, "--group", group, "--describe", "--offsets"],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=True,
    )
    assert done.stdout.strip(), done.stderr
    return group_lines(done.stdout)


def group_lines(printed: str) -> dict[Partition, GroupLine]:
    """What it printed; partitions without a committed offset are left out."""
    rows = [line.split() for line in printed.splitlines() if line.strip() and not line.startswith("Consumer group")]
    header = rows[0]
    places = [header.index(name) for name in ("TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG")]
    found: dict[Partition, GroupLine] = {}
    for row in rows[1:]:
        topic, number, *offsets = (row[place] for place in places)
        if offsets[0] != "-":
            found[Partition(topic, int(number))] = GroupLine(*map(int, offsets))
    return found


def _command() -> list[str]:
    jars = ensure_jars(default_cache_directory(), jars=(*pinned_jars(), TOOLS))
    java = (str(find_java()), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
    return [*java, "-cp", ":".join(map(str, jars)), _MAIN]
