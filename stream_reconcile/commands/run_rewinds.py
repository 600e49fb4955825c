"""What `run` lets people do over HTTP, as the commands of the same names do it: rewind, and take that back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stream_reconcile.commands.postgres import failures_in_plain_words
from stream_reconcile.commands.run_bodies import flag, number, only, text, texts, who
from stream_reconcile.commands.servers import Servers, topics
from stream_reconcile.config import Settings
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.core.rewind_target import How, chosen_topics, target
from stream_reconcile.jobs.rewind import Rewinder, require_possible
from stream_reconcile.jobs.rewind_report import rewind_json
from stream_reconcile.web.control import REWIND, UNDO, Control

_WAYS: Final = tuple(how.value for how in How)


def offer_rewinds(control: Control, settings: Settings, servers: Servers) -> None:
    """Let `control` answer, on these servers."""
    named = topics(settings)

    def rewinder() -> Rewinder:
        return Rewinder(servers.dsn, settings.schema_, servers.kafka, group=settings.consumer_group, topics=named)

    def rewind(body: Mapping[str, Any]) -> dict[str, Any]:
        only(body, "topics", *_WAYS, "execute", "reason", "who")
        execute, reason = flag(body, "execute", False), text(body, "reason")
        if execute and not reason:
            raise ConfigError('"execute" needs "reason": it is kept with who did it')
        written = texts(body, "topics", 'write a list such as ["trade-updates.v1:0,3"]')
        with failures_in_plain_words(servers):
            made = rewinder()
            asked = target({way: body.get(way) for way in _WAYS}, now_ms=made.now_ms)
            plan = made.plan(asked, chosen_topics(written, prefix=named.prefix, applied=named.applied))
            if not execute or not (plan.moves or plan.refused):
                return rewind_json(plan)
            require_possible(plan)
            return rewind_json(plan, made.execute(plan, who=who(body), why=reason))

    def undo(body: Mapping[str, Any]) -> dict[str, Any]:
        only(body, "action_id", "execute", "reason", "who")
        action_id = number(body, "action_id", "write the number of a rewind, or leave it out for the newest")
        execute = flag(body, "execute", True)
        with failures_in_plain_words(servers):
            made = rewinder()
            plan = made.plan_undo(action_id)
            if not execute or not (plan.moves or plan.refused):
                return rewind_json(plan)
            require_possible(plan)
            return rewind_json(plan, made.undo(plan, who=who(body), why=text(body, "reason")))

    control.offer(REWIND, rewind)
    control.offer(UNDO, undo)
