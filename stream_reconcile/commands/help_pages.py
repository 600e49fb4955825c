"""What `--help` says besides each command's own docstring: a line for the list, examples, exit statuses, settings.

A table and its layout; nothing else is loaded for it, so that `--help` and the completion of a shell are quick.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

PROGRAM: Final = "stream-reconcile"

_SERVERS: Final = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS")
_TOPICS: Final = (*_SERVERS, "RECONCILE_SCHEMA", "RECONCILE_TOPIC_PREFIX", "RECONCILE_CONSUMER_GROUP")
_TABLES: Final = (*_SERVERS, "RECONCILE_SCHEMA")
_BROKER: Final = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "APCA_API_BASE_URL")
_WRONG: Final = "2  wrong use or configuration: the message says what to write"
_AWAY: Final = "3  something needed can't be reached"


class HelpPage(NamedTuple):
    """Of one command."""

    summary: str
    """In the list of commands; one line of a narrow terminal."""
    examples: tuple[tuple[str, str], ...]
    """Arguments, and what they are for."""
    statuses: tuple[str, ...]
    """Exit statuses, each with what it means."""
    settings: tuple[str, ...]
    """Environment variables that matter most to it."""
    page: str
    """Where the documents say more."""


HELP: Final[Mapping[str, HelpPage]] = {
    "": HelpPage(
        "",
        (
            ("demo", "see the whole system at work, with faults and a verdict"),
            ("check", "what is wrong with settings, broker, Kafka, Postgres and clocks"),
            ("run", "all jobs, until Ctrl-C; with neither servers set it starts its own"),
            ("status", "how things stand, from any shell with the same settings"),
            ("--install-completion", "have the shell you are in (bash, zsh, fish) complete commands"),
        ),
        ("0  fine", "1  bad news: the command says which", _WRONG, _AWAY),
        (*_BROKER, *_SERVERS, "RECONCILE_CONFIG", "NO_COLOR"),
        "README.md",
    ),
    "demo": HelpPage(
        "The whole system on this machine for a minute; a verdict",
        (
            ("demo", "one minute"),
            ("demo --serve", "goes on after the story; the status page stays up until Ctrl-C"),
            ("demo --for 20 --json", "short, and the result as JSON"),
        ),
        (
            "0  the tables equal the broker's own books",
            "1  they do not: what differs is listed",
            _WRONG,
            "3  something could not be started",
        ),
        ("RECONCILE_DATA_DIR", "RECONCILE_HTTP_ADDR"),
        "docs/demo.md",
    ),
    "run": HelpPage(
        "The jobs, until SIGTERM or Ctrl-C",
        (
            ("run", "all of it in one process"),
            ("run --role apply", "one more member of the group, on any machine"),
            ("run --role ingest --no-migrate", "a login that may not change tables"),
        ),
        ("0  stopped by SIGTERM or Ctrl-C", "1  a job did not end within 25 s of that", _WRONG),
        (*_BROKER, *_SERVERS, "RECONCILE_HTTP_ADDR", "RECONCILE_HTTP_TOKEN", "RECONCILE_LOG_LEVEL"),
        "docs/commands.md",
    ),
    "migrate": HelpPage(
        "Brings the tables up to date; makes the roles",
        (("migrate", "with a login that may create tables"),),
        ("0  the tables are those that this version needs", _WRONG, _AWAY),
        _TABLES,
        "docs/database.md",
    ),
    "check": HelpPage(
        "What is wrong with settings, servers and clocks",
        (("check", "before the first `run`, and when something is odd"), ("check --json", "for scripts")),
        ("0  fine", "1  bad news", "2  something is set up wrong", _AWAY),
        (*_BROKER, *_SERVERS, "SCHEMA_REGISTRY_URL"),
        "docs/commands.md",
    ),
    "status": HelpPage(
        "Servers, accounts, sessions, lag and what is open",
        (("status", "now"), ("status --at 2026-01-05T14:30:00Z", "how things stood then")),
        (
            "0  fine",
            "1  the proof is blocked, a dead letter is open, or lag is over its limit",
            _WRONG,
            _AWAY,
        ),
        (*_TOPICS, "RECONCILE_LAG_LIMIT_SECONDS"),
        "docs/commands.md",
    ),
    "executions": HelpPage(
        "Orders as they were known at a time",
        (("executions at 2026-01-05T14:30:00Z --symbol AAPL", "what was known of them when you acted"),),
        ("0  fine", _WRONG, _AWAY),
        _TABLES,
        "docs/commands.md",
    ),
    "executions at": HelpPage(
        "What was believed at a time, and what the broker had said",
        (
            ("executions at 2026-01-05T14:30:00Z --symbol AAPL", "orders in one symbol"),
            ("executions at 2026-01-05T14:30:00Z --differing", "where belief was behind the broker's word"),
        ),
        ("0  fine", _WRONG, _AWAY),
        _TABLES,
        "docs/commands.md",
    ),
    "lag": HelpPage(
        "What is not applied yet, by partition",
        (
            ("lag", "once"),
            ("lag --watch --every 5", "every 5 s, until Ctrl-C"),
            ("lag --fail-over 1000", "for scripts: bad news if more than 1,000 records are behind"),
        ),
        (
            "0  nothing is too far behind",
            "1  a partition is over its limit, or has lost its position",
            _WRONG,
            _AWAY,
        ),
        (*_TOPICS, "RECONCILE_LAG_LIMIT_SECONDS"),
        "docs/commands.md",
    ),
    "sweep": HelpPage(
        "Reads the broker now, compares, and says what is proven",
        (
            ("sweep", "the last seven days of orders"),
            ("sweep --kind hot", "what is open and recent only: quick"),
            ("sweep --kind full --wait 3600 --why 'after a restore'", "everything that the broker still tells"),
        ),
        (
            "0  the rows are proven equal to the broker",
            "1  they are not, or it did not end in time: the reason is printed",
            _WRONG,
            _AWAY,
        ),
        (*_BROKER, *_TOPICS, "RECONCILE_BROKER_BUDGET", "RECONCILE_DEEP_DAYS"),
        "docs/sweep.md",
    ),
    "rewind": HelpPage(
        "Has a stretch of the log applied again; a plan first",
        (
            ("rewind --by-duration 15m", "the plan for the last quarter of an hour: nothing is moved"),
            ("rewind --by-duration 15m --execute --reason 'a doubt'", "do it, and wait"),
            ("rewind undo", "take the newest one back"),
        ),
        (
            "0  planned, or done and read again",
            "1  the plan can't be carried out, or the wait was too short",
            "2  wrong use, or it was to be done and can't be",
            _AWAY,
        ),
        _TOPICS,
        "docs/rewind.md",
    ),
    "rewind undo": HelpPage(
        "Takes a rewind back",
        (("rewind undo --plan", "what it would do"), ("rewind undo --reason 'enough'", "the newest one")),
        (
            "0  planned, or done",
            "1  the plan can't be carried out",
            "2  wrong use, or it was to be done and can't be",
            _AWAY,
        ),
        _TOPICS,
        "docs/rewind.md",
    ),
    "replay": HelpPage(
        "Runs the log again into a second schema; compares, promotes",
        (
            ("replay --into again", "all of the log, into the schema `again`"),
            ("replay --diff again", "row for row against the live tables"),
            ("replay --promote again --reason 'parser put right'", "swap, while members run"),
            ("replay --drop again", "drop the schema"),
        ),
        (
            "0  done; --diff: no difference",
            "1  --diff found some, or --into met records that the log has lost",
            _WRONG,
            _AWAY,
        ),
        _TOPICS,
        "docs/replay.md",
    ),
    "verify": HelpPage(
        "Whether sealed checkpoints, log and rows say the same",
        (
            ("verify", "from the first checkpoint on"),
            ("verify --from 120 --json", "from checkpoint 120 on, for scripts"),
        ),
        ("0  all holds", "1  something was altered or is gone: it is named", _WRONG, _AWAY),
        _TOPICS,
        "docs/verify.md",
    ),
    "dead-letters": HelpPage(
        "Records that could not be applied: list, show, retry",
        (("dead-letters list", "what was put aside, and why"),),
        ("0  fine", "1  `retry`: one still can't be applied", _WRONG, _AWAY),
        _TABLES,
        "docs/how-to.md",
    ),
    "dead-letters list": HelpPage(
        "What was put aside and why, without the bytes",
        (("dead-letters list", "open ones"), ("dead-letters list --all --json", "resolved ones too")),
        ("0  fine, whatever is open: `status` is the one that complains", _WRONG, _AWAY),
        _TABLES,
        "docs/how-to.md",
    ),
    "dead-letters show": HelpPage(
        "One record, with its bytes",
        (
            ("dead-letters show alpaca.trade-updates.v1:3:1042", "its name as `list` shows it"),
            ("dead-letters show alpaca.trade-updates.v1:3:1042 --raw", "only the bytes"),
        ),
        ("0  fine", _WRONG, _AWAY),
        _TABLES,
        "docs/how-to.md",
    ),
    "dead-letters retry": HelpPage(
        "Applies them once more",
        (
            ("dead-letters retry alpaca.trade-updates.v1:3:1042", "one by its name"),
            ("dead-letters retry --reason fingerprint --why 'upgraded'", "all that are open for one reason"),
            ("dead-letters retry --all", "all that are open"),
        ),
        ("0  all are resolved", "1  one of them still can't be applied", _WRONG, _AWAY),
        _TOPICS,
        "docs/how-to.md",
    ),
    "discrepancies": HelpPage(
        "What differs between broker and tables: list, show, accept",
        (("discrepancies list", "what is open"),),
        ("0  fine, whatever is open: `status` is the one that complains", _WRONG, _AWAY),
        _TABLES,
        "docs/commands.md",
    ),
    "discrepancies list": HelpPage(
        "What differs, newest last",
        (
            ("discrepancies list", "open ones"),
            ("discrepancies list --type missing_fill --state all", "one type, those that are closed too"),
        ),
        ("0  fine, whatever is open: `status` is the one that complains", _WRONG, _AWAY),
        _TABLES,
        "docs/commands.md",
    ),
    "discrepancies show": HelpPage(
        "One, with both sides' evidence and what to do",
        (("discrepancies show 17", "its number as `list` shows it"),),
        ("0  fine", _WRONG, _AWAY),
        _TABLES,
        "docs/commands.md",
    ),
    "discrepancies accept": HelpPage(
        "Closes one by a person's judgement",
        (("discrepancies accept 17 --reason 'moved in by transfer'", "who did it is kept too"),),
        ("0  accepted", "2  wrong use, or it is not open any more", _AWAY),
        _TABLES,
        "docs/commands.md",
    ),
    "simulate": HelpPage(
        "An Alpaca to test against",
        (
            ("simulate --rate 20", "trades by itself; prints three settings for the program under test"),
            ("simulate --fault drop:probability=0.01", "loses one frame in a hundred"),
        ),
        ("0  stopped by SIGTERM or Ctrl-C", "2  wrong use", "3  the port is taken"),
        (),
        "docs/simulator.md",
    ),
}
"""By the words that name the command; "" is the program itself."""


def epilog(path: str) -> str:
    """What stands below the options."""
    page = HELP[path]
    lines = ["Examples:"]
    for words, what in page.examples:
        lines += [f"  # {what}", f"  {PROGRAM} {words}"]
    lines += ["", "Exit status:", *(f"  {status}" for status in page.statuses)]
    if page.settings:
        lines += ["", "Settings, from the environment or a TOML file (docs/configuration.md has all):"]
        lines += [f"  {', '.join(page.settings[start : start + 3])}" for start in range(0, len(page.settings), 3)]
    return "\n".join([*lines, "", f"More: {page.page}"])


def dress(command: Any, path: str) -> None:
    """Give a command, and those below it, their pages; paragraphs of docstrings flow as wide as the terminal is."""
    page = HELP[path]
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    command.help = "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in paragraphs)
    command.short_help = page.summary
    command.epilog = epilog(path)
    for name, below in getattr(command, "commands", {}).items():
        dress(below, f"{path} {name}")
