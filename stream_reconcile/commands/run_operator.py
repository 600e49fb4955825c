"""What `run` lets people do over HTTP, as the commands of the same names do it: accept a discrepancy, retry dead
letters, ask for a sweep."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

from stream_reconcile.commands.dead_letters import parse_letter, parse_topic
from stream_reconcile.commands.discrepancies import not_open, unknown_discrepancy
from stream_reconcile.commands.postgres import opened
from stream_reconcile.commands.run_bodies import Body, flag, number, only, text, texts, who
from stream_reconcile.commands.servers import Servers, codec_factory, topics
from stream_reconcile.commands.sweep import account_to_sweep
from stream_reconcile.commands.times import moment
from stream_reconcile.config import Settings
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.core.sweep.schedule import Kind
from stream_reconcile.jobs.retry import Retried, Selection, retry_dead_letters
from stream_reconcile.store import discrepancies_by_hand as by_hand
from stream_reconcile.store import readers, sweeps
from stream_reconcile.web.control import ACCEPT, RETRY, SWEEP, Control

_CONDITIONS: Final = ("reason", "topic", "from_offset", "to_offset", "since", "until", "order_id")
MOST_LETTERS: Final = 500
"""Retried by one request: the answer comes when all are done. `more` says that there may be others."""


def offer_operator(control: Control, settings: Settings, servers: Servers) -> None:
    """Let `control` answer, on these servers."""

    def accept(body: Body) -> dict[str, Any]:
        only(body, "discrepancy_id", "reason", "who")
        wanted, reason = number(body, "discrepancy_id", "write the number of a discrepancy"), text(body, "reason")
        if wanted is None:
            raise ConfigError('"discrepancy_id" is missing: the number of a discrepancy')
        if not reason:
            raise ConfigError('"reason" is missing: it is kept as the resolution')
        with opened(servers, settings.schema_, "discrepancies") as connection:
            accepted = by_hand.accept(connection, wanted, reason=reason, who=who(body))
            if accepted is None:
                stands = by_hand.one(connection, wanted)
                raise unknown_discrepancy(wanted) if stands is None else not_open(stands)
            return {
                "discrepancy_id": accepted.discrepancy_id,
                "type": accepted.type,
                "subject": accepted.subject,
                "account_id": accepted.account_id,
                "state": accepted.state,
                "open": by_hand.count_open(connection),
            }

    def retry(body: Body) -> dict[str, Any]:
        only(body, "letters", "all", *_CONDITIONS, "why", "who")
        letters, every = texts(body, "letters", "write a list of topic:partition:offset"), flag(body, "all", False)
        selected = _selection(body)
        if [bool(letters), every, any(one is not None for one in selected)].count(True) != 1:
            raise ConfigError('say which dead letters: "letters", or conditions, or "all": true')
        places = [parse_letter(name) for name in letters[: MOST_LETTERS + 1]]
        selections = [Selection(*place, place[-1]) for place in places] or [selected]
        asked = {"who": who(body), "why": text(body, "why") or "retried by hand"}
        done: list[Retried] = []
        with opened(servers, settings.schema_, "dead-letters") as connection:
            codec = codec_factory(settings)()
            for selection in selections:
                found = retry_dead_letters(connection, codec, topics(settings), selection, **asked)
                done += islice(found, MOST_LETTERS - len(done))
            return {
                "retried": [
                    {"letter": ":".join(map(str, one.place)), "resolved": one.resolved, "result": one.result}
                    for one in done
                ],
                "resolved": sum(one.resolved for one in done),
                "more": len(done) == MOST_LETTERS,
                "open": readers.open_dead_letter_count(connection),
            }

    def ask_for_sweep(body: Body) -> dict[str, Any]:
        only(body, "kind", "account_id", "why", "who")
        name = text(body, "kind") or Kind.DEEP.value
        if name not in {kind.value for kind in Kind}:
            raise ConfigError(f'"kind" is one of {", ".join(kind.value for kind in Kind)}')
        with opened(servers, settings.schema_, "sweep") as connection:
            account_id = account_to_sweep(connection, text(body, "account_id") or None)
            action_id = sweeps.ask_for(connection, account_id, Kind(name), who=who(body), why=text(body, "why"))
        return {"action_id": action_id, "account_id": account_id, "kind": name}

    control.offer(ACCEPT, accept)
    control.offer(RETRY, retry)
    control.offer(SWEEP, ask_for_sweep)


def _selection(body: Body) -> Selection:
    since, until = text(body, "since"), text(body, "until")
    return Selection(
        *parse_topic(text(body, "topic") or None, _offset(body, "from_offset"), _offset(body, "to_offset")),
        text(body, "reason") or None,
        text(body, "order_id") or None,
        moment(since) if since else None,
        moment(until) if until else None,
    )


def _offset(body: Body, name: str) -> int | None:
    value = body.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63):
        raise ConfigError(f'"{name}" is an offset')
    return value
