"""A replay of the whole log into an empty schema, and, where wanted, the comparison with the live one and a plain read.

Settings: bootstrap_servers, prefix, dsn, schema, into, group, share, compare.
"""

from __future__ import annotations

import time

import psycopg
from children import Commits, log_to_stderr, result_of_process, say, settings

from stream_reconcile.jobs.apply.member import tune_interpreter
from stream_reconcile.jobs.replay.compare import comparison
from stream_reconcile.jobs.replay.config import ReplayConfig
from stream_reconcile.jobs.replay.run import Replay
from stream_reconcile.log.codec import SingleObjectCodec
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Topics
from stream_reconcile.store.connect import connect
from stream_reconcile.store.derived import derived_tables


def main() -> None:
    log_to_stderr()
    given = settings()
    topics = Topics(given["prefix"])
    config = ReplayConfig(
        kafka=KafkaConfig(given["bootstrap_servers"]),
        dsn=given["dsn"],
        live_schema=given["schema"],
        schema=given["into"],
        group=given["group"],
        topics=topics,
        share=given["share"],
    )
    tune_interpreter()
    codec = SingleObjectCodec(topics)
    commits, before = Commits(), 0

    def note(done: int, _total: int) -> None:
        nonlocal before
        commits.note(done - before)
        before = done

    with Replay(config, codec, owner="benchmark", progress=note) as job:
        say("begun")
        job.to(job.log_now().ends)
        rested = job.rested_s
    more: dict[str, float] = {}
    if given["compare"]:
        begun = time.monotonic()
        with comparison(config, codec) as compared:
            found = sum(1 for _ in compared.differences())
        more = {"compare_s": time.monotonic() - begun, "differences": found, "read_s": plain_read(config)}
    result_of_process(commits=commits.notes, rested_s=rested, **more)


def plain_read(config: ReplayConfig) -> float:
    """Seconds that it takes to read every row of the tables of both schemas, in whatever order, and drop it."""
    with connect(config.dsn, config.schema, name="benchmark read", statement_timeout_ms=0) as connection:
        tables = derived_tables(connection, config.schema)
        begun = time.monotonic()
        for schema in (config.live_schema, config.schema):
            for table in tables:
                text = psycopg.sql.SQL("COPY {} TO STDOUT").format(psycopg.sql.Identifier(schema, table.name))
                with connection.cursor().copy(text) as copy:
                    for _ in copy:
                        pass
        return time.monotonic() - begun


if __name__ == "__main__":
    main()
