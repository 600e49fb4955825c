"""What `run` lets people do over HTTP: rewind, and take that back; with the plan and the transaction of the command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stream_reconcile.commands.postgres import failures_in_plain_words
from stream_reconcile.commands.servers import Servers, topics
from stream_reconcile.config import Settings
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.core.rewind_target import How, chosen_topics, target
from stream_reconcile.jobs.rewind import Rewinder, require_possible
from stream_reconcile.jobs.rewind_report import rewind_json
from stream_reconcile.web.control import REWIND, UNDO, Control

PATHS: Final = (REWIND, UNDO)

_WAYS: Final = tuple(how.value for how in How)


def offer_control(control: Control, settings: Settings, servers: Servers) -> None:
    """Let `control` answer, on these servers."""
    named = topics(settings)

    def rewinder() -> Rewinder:
        return Rewinder(servers.dsn, settings.schema_, servers.kafka, group=settings.consumer_group, topics=named)

    def rewind(body: Mapping[str, Any]) -> dict[str, Any]:
        _only(body, "topics", *_WAYS, "execute", "reason", "who")
        execute, reason = _flag(body, "execute", False), _text(body, "reason")
        if execute and not reason:
            raise ConfigError('"execute" needs "reason": it is kept with who did it')
        written = body.get("topics") or []
        if not isinstance(written, list) or not all(isinstance(one, str) for one in written):
            raise ConfigError('"topics": write a list such as ["trade-updates.v1:0,3"]')
        with failures_in_plain_words(servers):
            made = rewinder()
            asked = target({way: body.get(way) for way in _WAYS}, now_ms=made.now_ms)
            plan = made.plan(asked, chosen_topics(written, prefix=named.prefix, applied=named.applied))
            if not execute or not (plan.moves or plan.refused):
                return rewind_json(plan)
            require_possible(plan)
            return rewind_json(plan, made.execute(plan, who=_who(body), why=reason))

    def undo(body: Mapping[str, Any]) -> dict[str, Any]:
        _only(body, "action_id", "execute", "reason", "who")
        action_id = body.get("action_id")
        if action_id is not None and (
            not isinstance(action_id, int) or isinstance(action_id, bool) or not 0 < action_id < 2**63
        ):
            raise ConfigError('"action_id": write the number of a rewind, or leave it out for the newest')
        execute = _flag(body, "execute", True)
        with failures_in_plain_words(servers):
            made = rewinder()
            plan = made.plan_undo(action_id)
            if not execute or not (plan.moves or plan.refused):
                return rewind_json(plan)
            require_possible(plan)
            return rewind_json(plan, made.undo(plan, who=_who(body), why=_text(body, "reason")))

    control.offer(REWIND, rewind)
    control.offer(UNDO, undo)


def _only(body: Mapping[str, Any], *known: str) -> None:
    """A name that is written wrong must not be taken for one that is left out."""
    if unknown := sorted(body.keys() - set(known)):
        raise ConfigError(f"there is no {', '.join(map(repr, unknown))} here; there are {', '.join(known)}")


def _flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise ConfigError(f'"{name}" is true or false')
    return value


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise ConfigError(f'"{name}" is a text')
    return value.strip()


def _who(body: Mapping[str, Any]) -> str:
    return f"{_text(body, 'who') or 'holder of the token'} over HTTP"
