"""Rows at a checkpoint as files, so that the log before it may expire: written out, and taken up again in its place."""

from __future__ import annotations

import gzip
import json
import uuid
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from stream_reconcile.core.errors import ConfigError, RefusedError
from stream_reconcile.core.seal import Checkpoint, from_content
from stream_reconcile.jobs.replay.config import ReplayConfig
from stream_reconcile.jobs.verify.rows import place_of, snapshot
from stream_reconcile.store.connect import connect
from stream_reconcile.store.derived import derived_tables
from stream_reconcile.store.replay_schema import REPLAY_GROUP, prepare, put_state

_MANIFEST: Final = "checkpoint.json"
_FORMAT: Final = 1
_CHUNK: Final = 1 << 16


def write_rows(config: ReplayConfig, checkpoint: Checkpoint, folder: Path) -> None:
    """All rows of the replay's schema, which stands at the checkpoint: a file for each table, and what vouches for it.

    The manifest is written last: without it the folder is no export. Raises RefusedError where a file can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(f"{folder} is not empty: name a new folder")
        tables: dict[str, list[str]] = {}
        with snapshot(config) as connection:
            for table in derived_tables(connection, config.schema):
                tables[table.name] = list(table.columns)
                query = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT").format(
                    _names(table.columns), sql.Identifier(config.schema, table.name), _names(table.key)
                )
                path = folder / f"{table.name}.copy.gz"
                with gzip.open(path, "wb", compresslevel=3) as file, connection.cursor().copy(query) as copy:
                    for data in copy:
                        file.write(data)
        manifest = {"format": _FORMAT, "hash": checkpoint.hash, "checkpoint": checkpoint.content(), "tables": tables}
        (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"the rows can't be written to {folder}: {error.strerror}") from None


def read_rows(config: ReplayConfig, folder: Path, cluster_id: str) -> Checkpoint:
    """Make the replay's schema out of exported rows; it stands at their checkpoint, and goes on from there.

    The rows are held against the checkpoint by the caller. Raises ConfigError for a folder that is no export.
    """
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        checkpoint, tables = from_content(manifest["checkpoint"]), dict(manifest["tables"])
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(f"{folder} holds no rows that `verify --export` wrote") from None
    prepare(config.dsn, config.live_schema, config.schema, roles=config.roles)
    with connect(config.dsn, config.schema, name="stream-reconcile verify", statement_timeout_ms=0) as connection:
        known = {table.name: table for table in derived_tables(connection, config.schema)}
        with connection.transaction():
            for name, columns in tables.items():
                if name not in known or not set(columns) <= set(known[name].columns):
                    raise ConfigError(f"{folder}: this version has no such table or columns as {name}")
                _copy_in(connection, config.schema, name, columns, folder / f"{name}.copy.gz")
            for place, stretch in checkpoint.log.items():
                topic, _, number = place.rpartition(":")
                connection.execute(
                    "INSERT INTO stream_cursors (consumer_group, topic, partition, next_offset, max_offset, owner,"
                    " epoch, cluster_id, topic_id) VALUES (%s, %s, %s, %s, %s, %s, 0, %s, %s)",
                    [
                        *(REPLAY_GROUP, topic, int(number), stretch.next, stretch.next),
                        *(f"verify-{uuid.uuid4()}", cluster_id, stretch.topic_id),
                    ],
                )
            put_state(connection, place_of(checkpoint), [])
    return checkpoint


def _copy_in(connection: psycopg.Connection[Any], schema: str, name: str, columns: list[str], path: Path) -> None:
    query = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(schema, name), _names(columns))
    try:
        with gzip.open(path, "rb") as file, connection.cursor().copy(query) as copy:
            while data := file.read(_CHUNK):
                copy.write(data)
    except (OSError, EOFError):
        raise ConfigError(f"{path} can't be read: it is missing, or was cut short") from None


def _names(columns: Any) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
