"""The embedded Kafka's configuration file and the first formatting of its data directory."""

from __future__ import annotations

import base64
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from stream_reconcile.core.errors import EmbeddedError
from stream_reconcile.embedded.obstacles import LOOPBACK, find_port

_FORMATTED_WITHIN = 60.0  # seconds; 0.7 s on an idle machine

# One node: every replication factor can only be 1, and one partition of each internal topic is enough.
ONE_NODE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # After a crash the controller first lets the broker's old session (9 s by default) run out.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",  # a lone member of a classic group need not wait 3 s for others
    "group.consumer.session.timeout.ms": "10000",  # how long a crashed member of a KIP-848 group keeps its partitions
    "group.consumer.min.session.timeout.ms": "6000",
    "group.consumer.heartbeat.interval.ms": "2000",
    "group.consumer.min.heartbeat.interval.ms": "1000",
    "log.cleaner.dedupe.buffer.size": "16777216",  # the default of 128 MB does not fit a small heap
    "auto.create.topics.enable": "false",
}


def write_properties(path: Path, log: Path, port: int, controller_port: int, extra: Mapping[str, str]) -> None:
    """Write Kafka's configuration file: clients on `port`, both on loopback, topics in `log`; `extra` wins."""
    broker, controller = f"{LOOPBACK}:{port}", f"{LOOPBACK}:{controller_port}"
    listeners = f"PLAINTEXT://{broker},CONTROLLER://{controller}"
    properties = {
        **ONE_NODE,
        "controller.quorum.bootstrap.servers": controller,
        "listeners": listeners,
        "advertised.listeners": listeners,
        "log.dirs": str(log),
        **extra,
    }
    path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()), encoding="utf-8")


def ensure_formatted(
    log: Path,
    java: Sequence[str],
    environment: Mapping[str, str],
    *,
    inherited: Sequence[int],
    extra: Mapping[str, str],
) -> str:
    """Format `log` if it isn't there; returns the cluster id of what is there.

    `java` is the command up to the main class, `environment` names the class path; `inherited` are file descriptors it
    keeps open (the directory's lock). Kafka's tool works in a directory of another name, which is renamed once it is
    whole: what a first start that was cut short has left is thrown away. Raises EmbeddedError for data that are
    half-written all the same.
    """
    if not log.exists():
        partial = log.with_name(log.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        config = log.with_name("format.properties")
        write_properties(config, partial, find_port(), find_port(), extra)
        tool = [*java, "kafka.tools.StorageTool", "format", "--standalone", "-t", _new_cluster_id(), "-c", str(config)]
        _run(tool, environment, inherited, f"could not format Kafka's data directory {log}")
        config.unlink()
        partial.rename(log)
    return _cluster_id(log)


def _new_cluster_id() -> str:
    """In Kafka's form, 16 random bytes in URL-safe base64, without a leading dash (it would be read as an option)."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        continue
    return text


def _cluster_id(log: Path) -> str:
    meta = log / "meta.properties"
    lines = meta.read_text(encoding="utf-8").splitlines() if meta.exists() else []
    identity = dict(line.split("=", 1) for line in lines if "=" in line)
    if "cluster.id" not in identity or not (log / "__cluster_metadata-0").is_dir():
        raise EmbeddedError(
            f"Kafka's data in {log} are half-written or damaged (no cluster id, or no cluster metadata); "
            "put back the whole directory, or move it away to start with an empty log"
        )
    return identity["cluster.id"]


def _run(command: Sequence[str], environment: Mapping[str, str], inherited: Sequence[int], failure: str) -> None:
    try:
        subprocess.run(  # noqa: S603 - our own command, no shell
            command,
            env=environment,
            pass_fds=tuple(inherited),
            capture_output=True,
            text=True,
            timeout=_FORMATTED_WITHIN,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedError(f"{failure}: no end after {_FORMATTED_WITHIN:.0f} s") from error
    except subprocess.CalledProcessError as error:
        raise EmbeddedError(f"{failure}: {error.stderr or error.stdout}") from error
