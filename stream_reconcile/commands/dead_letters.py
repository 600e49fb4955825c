"""`stream-reconcile dead-letters`: records that could not be applied — see them, and retry them."""

from __future__ import annotations

import base64
import getpass
import re
import socket
import sys
from typing import Annotated

import typer

from stream_reconcile.commands.output import console, print_json, table
from stream_reconcile.commands.postgres import opened
from stream_reconcile.commands.servers import codec_factory, servers_to_look_at, topics
from stream_reconcile.commands.start import settings_for_a_report
from stream_reconcile.commands.times import moment
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.jobs.retry import Retried, Selection, retry_dead_letters
from stream_reconcile.store import readers
from stream_reconcile.store.shapes import letter_json, letter_name

dead_letters = typer.Typer(no_args_is_help=True, help="Records that could not be applied: list, show, retry.")

Letter = Annotated[str, typer.Argument(metavar="LETTER", help="topic:partition:offset, as `list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, of the shape in docs/json.")]

_SHOWN_BYTES = 4_000


@dead_letters.command("list")
def list_letters(
    resolved_too: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """What was put aside and why, without the records' bytes."""
    settings = settings_for_a_report()
    with servers_to_look_at(settings) as servers, opened(servers, settings.schema_, "dead-letters") as connection:
        found = readers.dead_letters(connection, resolved_too=resolved_too, limit=limit)
        total = readers.open_dead_letter_count(connection)
    if as_json:
        print_json({"open": total, "dead_letters": [letter_json(letter) for letter in found]})
        return
    out = console()
    if found:
        rows = table("LETTER", "REASON", "ORDER", "RECORDED", "RETRIES", "STATE", right=("RETRIES",))
        for letter in found:
            state = "resolved" if letter.resolved_at else "open"
            when = letter.recorded_at.isoformat(timespec="seconds")
            rows.add_row(letter_name(letter), letter.reason, letter.order_id or "-", when, str(letter.retries), state)
        out.print(rows)
    out.print(f"{total} open")


@dead_letters.command("show")
def show(
    letter: Letter,
    raw: Annotated[bool, typer.Option("--raw", help="Only the record's bytes, to stdout.")] = False,
    as_json: AsJson = False,
) -> None:
    """One record, with its bytes. They are raw data of the broker: the login needs the writer role."""
    settings = settings_for_a_report()
    topic, partition, offset = parse_letter(letter)
    with servers_to_look_at(settings) as servers, opened(servers, settings.schema_, "dead-letters") as connection:
        found = readers.dead_letter(connection, topic, partition, offset)
    if found is None:
        raise ConfigError(f"there is no dead letter {letter}: `stream-reconcile dead-letters list --all` shows all")
    if raw:
        sys.stdout.buffer.write(found.payload or b"")
        return
    if as_json:
        body = {"key_base64": _base64(found.key), "payload_base64": _base64(found.payload)}
        print_json(letter_json(found) | body)
        return
    out = console()
    for name, value in letter_json(found).items():
        out.print(f"{name}: {'-' if value is None else value}")
    payload = found.payload or b""
    out.print(f"key: {_readable(found.key or b'')}")
    out.print(f"payload, {len(payload)} bytes: {_readable(payload[:_SHOWN_BYTES])}")
    if len(payload) > _SHOWN_BYTES:
        out.print(f"… {len(payload) - _SHOWN_BYTES} bytes more: --raw gives all")


@dead_letters.command("retry")
def retry(
    letter: Annotated[
        list[str] | None,
        typer.Argument(metavar="LETTER", help="topic:partition:offset, as `list` shows it (repeatable)."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
    reason: Annotated[str | None, typer.Option(metavar="REASON", help="Those that are open for this reason.")] = None,
    topic: Annotated[
        str | None, typer.Option(metavar="TOPIC", help="Those of a topic, or of one partition: topic[:partition].")
    ] = None,
    from_offset: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Those from this offset on; with a topic.")
    ] = None,
    to_offset: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Those up to this offset; with a topic.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Those whose record is from this time or later.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Those whose record is older than this time.")
    ] = None,
    order: Annotated[str | None, typer.Option(metavar="ID", help="Those of an order, by the broker's id.")] = None,
    why: Annotated[str, typer.Option(metavar="WHY", help="For the record of what people did.")] = "retried by hand",
    as_json: AsJson = False,
) -> None:
    """Apply the records again, with apply's own transaction and their original coordinates, in the order of the log.

    By name, or all that meet every condition given.
    """
    selected = Selection(
        *parse_topic(topic, from_offset, to_offset),
        reason,
        order,
        None if since is None else moment(since),
        None if until is None else moment(until),
    )
    if [bool(letter), every, any(one is not None for one in selected)].count(True) != 1:
        raise ConfigError(
            "say which dead letters: their names (topic:partition:offset), or conditions (--reason, --topic, --since, "
            "--until, --order), or --all"
        )
    places = [parse_letter(name) for name in letter or ()]
    selections = [Selection(*place, place[-1]) for place in places] or [selected]
    settings = settings_for_a_report()
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    retried: list[Retried] = []
    with servers_to_look_at(settings) as servers, opened(servers, settings.schema_, "dead-letters") as connection:
        codec = codec_factory(settings)()
        for selection in selections:
            found = list(retry_dead_letters(connection, codec, topics(settings), selection, who=who, why=why))
            if places and not found:
                name = f"{selection.topic}:{selection.partition}:{selection.from_offset}"
                raise ConfigError(
                    f"there is no open dead letter {name}: `stream-reconcile dead-letters list` shows them"
                )
            retried += found
    _report(retried, as_json=as_json)
    raise typer.Exit(0 if all(one.resolved for one in retried) else 1)


def _report(retried: list[Retried], *, as_json: bool) -> None:
    rows = [(f"{one.place.topic}:{one.place.partition}:{one.place.offset}", one) for one in retried]
    if as_json:
        named = [{"letter": name, "resolved": one.resolved, "result": one.result} for name, one in rows]
        print_json({"retried": named})
        return
    out = console()
    for name, one in rows:
        out.print(f"{name}: {'resolved' if one.resolved else 'still open'}: {one.result}")
    out.print(f"{sum(one.resolved for one in retried)} of {len(retried)} resolved")


def parse_letter(letter: str) -> tuple[str, int, int]:
    match = re.fullmatch(r"(?P<topic>[^:]+):(?P<partition>\d+):(?P<offset>\d+)", letter)
    if match is None:
        raise ConfigError(f"{letter!r} is not the name of a dead letter: write topic:partition:offset")
    return match["topic"], int(match["partition"]), int(match["offset"])


def parse_topic(
    topic: str | None, from_offset: int | None, to_offset: int | None
) -> tuple[str | None, int | None, int | None, int | None]:
    if topic is None and (from_offset is not None or to_offset is not None):
        raise ConfigError("offsets are those of a topic: name it with --topic topic:partition")
    name, colon, partition = (topic or "").partition(":")
    if colon and not partition.isdecimal():
        raise ConfigError(f"{topic!r} is no topic or partition: write topic, or topic:partition")
    return name or None, int(partition) if partition else None, from_offset, to_offset


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


def _readable(data: bytes) -> str:
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in data.decode("latin-1"))
