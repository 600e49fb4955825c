"""A few observations in one call: what `store.ways` does by a statement each, as a function of this session.

Under a trickle of events the client's own work for each statement takes longer than the statement. The function is made
of the very texts of apply.sql, so there is one of each; it lives in pg_temp, so it is never older than the program.

Called *alone* it is a transaction by itself: one round trip for all. It undoes itself (SR002) where more is to be done
in the same transaction, which most batches do not need.
"""

from __future__ import annotations

import re
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from stream_reconcile.store.batch import Batch
from stream_reconcile.store.evidence import evidence_json
from stream_reconcile.store.lines import event_lines, fill_lines, observed_lines
from stream_reconcile.store.queries import load
from stream_reconcile.store.rows import parents_json
from stream_reconcile.store.ways import Fence, Looked, reading

FEW_LINES: Final = 32
"""Up to so many observations go this way."""

_NEEDS_MORE: Final = "SR002"
# Parameters by the names that the statements give them, with their types.
_PARAMETERS: Final = {
    "lines": "text", "fills": "text", "evidence": "text", "named_accounts": "text[]", "group": "text", "owner": "text",
    "topics": "text[]", "partitions": "integer[]", "expected": "bigint[]", "epochs": "bigint[]", "topic_ids": "text[]",
    "next_offsets": "bigint[]", "leader_epochs": "integer[]", "record_times": "timestamptz[]", "parents": "text",
    "alone": "boolean",
}  # fmt: skip
_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION pg_temp.write_few({parameters}) RETURNS TABLE (what text, says json)
LANGUAGE plpgsql AS $few$
#variable_conflict use_column
DECLARE
    said record;
    added bigint := 0;
    _seen observed[] := ARRAY(SELECT row::observed FROM unnest(string_to_array(_lines, E'\\n')) AS row);
    _seen_fills observed_fills[] :=
        ARRAY(SELECT row::observed_fills FROM unnest(string_to_array(_fills, E'\\n')) AS row);
BEGIN
    FOR said IN {lock_shared} LOOP END LOOP;
    IF cardinality(_topics) > 0 THEN
        FOR said IN {advance_cursors} LOOP END LOOP;
    END IF;
    IF _lines <> '' THEN
        {upsert_executions};
        IF _parents <> '' THEN
            {state_parents};
        END IF;
        {insert_events};
        GET DIAGNOSTICS added = ROW_COUNT;
    END IF;
    what := 'events'; says := to_json(added); RETURN NEXT;
    IF _evidence <> '' THEN
        FOR said IN {insert_evidence} LOOP what := 'evidence'; says := row_to_json(said); RETURN NEXT; END LOOP;
    END IF;
    IF _fills <> '' THEN
        FOR said IN {insert_fills} LOOP
            IF _alone THEN RAISE EXCEPTION USING ERRCODE = '{needs_more}', MESSAGE = 'disputed'; END IF;
            what := 'disputed'; says := row_to_json(said); RETURN NEXT;
        END LOOP;
    END IF;
    IF _lines <> '' THEN
        FOR said IN {inspect} LOOP
            IF _alone THEN RAISE EXCEPTION USING ERRCODE = '{needs_more}', MESSAGE = 'inspected'; END IF;
            what := 'inspected'; says := row_to_json(said); RETURN NEXT;
        END LOOP;
        FOR said IN {decided_accounts} LOOP
            IF _alone THEN RAISE EXCEPTION USING ERRCODE = '{needs_more}', MESSAGE = 'decided'; END IF;
            what := 'decided'; says := row_to_json(said); RETURN NEXT;
        END LOOP;
    END IF;
END
$few$
"""
_CALL: Final = "SELECT what, says FROM pg_temp.write_few({arguments})"


class FewWay:
    """The way of a few lines on one connection."""

    def __init__(self, connection: psycopg.Connection, fence: Fence) -> None:
        self._connection, self._fence = connection, fence
        self._accounts_decide = False
        """Whether the accounts of the last batch had decisions, which are bound in its transaction."""
        texts = dict(load("apply.sql"))
        for name in ("upsert_executions", "insert_events", "inspect"):
            texts[name] = reading(texts[name], "observed", texts["few_observed"])
        texts["insert_fills"] = reading(texts["insert_fills"], "observed_fills", texts["few_fills"])
        decided = load("binding.sql")["decided_accounts"]
        texts["decided_accounts"] = decided.replace("%(accounts)s", "%(named_accounts)s")
        body = {name: re.sub(r"%\((\w+)\)s", r"_\1", text) for name, text in texts.items()}
        parameters = ", ".join(f"_{name} {kind}" for name, kind in _PARAMETERS.items())
        connection.execute(sql.SQL(_FUNCTION.format(parameters=parameters, needs_more=_NEEDS_MORE, **body)))
        arguments = ", ".join(f"%({name})s::{kind}" for name, kind in _PARAMETERS.items())
        self._text = sql.SQL(_CALL.format(arguments=arguments))

    @staticmethod
    def takes(batch: Batch, few_lines: int) -> bool:
        """Whether a batch is small enough and plain.

        Plain is without escapes and quotes, which the function does not undo, and without evidence for orders that may
        have no row, which needs more than the shared lock.
        """
        fold = batch.fold
        small = len(fold.events) <= few_lines and not fold.without_observation()
        return small and not any(map(_has_escape, (*event_lines(fold), *fill_lines(fold))))

    def write_alone(self, batch: Batch) -> int | None:
        """Write and commit it: number of new events; None if it needs more, nothing is written then."""
        fold = batch.fold
        if (
            batch.dead_letters
            or batch.holdings
            or fold.mixed
            or fold.disputed
            or fold.evidence_orders()
            or self._accounts_decide
        ):
            return None
        if self._connection.info.transaction_status is not TransactionStatus.IDLE:
            return None
        try:
            return self._call(batch, alone=True).events
        except psycopg.Error as error:
            if error.sqlstate != _NEEDS_MORE:
                raise
            self._accounts_decide = error.diag.message_primary == "decided"
            return None

    def write(self, batch: Batch) -> Looked:
        """Write it, in the open transaction, under the shared lock."""
        looked = self._call(batch, alone=False)
        self._accounts_decide = bool(looked.decided)
        return looked

    def _call(self, batch: Batch, *, alone: bool) -> Looked:
        fold = batch.fold
        values = {
            "lines": "\n".join(map(_as_row, observed_lines(fold))),
            "fills": "\n".join(map(_as_row, fill_lines(fold))),
            "evidence": evidence_json(fold) if fold.evidence else "",
            "named_accounts": sorted({account for _order, account in fold.winners}),
            **self._fence.values(batch.moves),
            "parents": parents_json(fold.parents) if fold.parents else "",
            "alone": alone,
        }
        found: dict[str, list[Any]] = {"evidence": [], "disputed": [], "inspected": [], "decided": []}
        added = 0
        for what, said in self._connection.execute(self._text, values, prepare=True):
            if what == "events":
                added = said
            else:
                found[what].append(tuple(said.values()))
        return Looked(added, **found)


def _as_row(line: str) -> str:
    """A line of COPY text as Postgres writes a row: commas between, each value quoted, nothing for null."""
    quoted = line.replace("\t", '","')
    return f'("{quoted}")'.replace('"\\N"', "")


def _has_escape(line: str) -> bool:
    """True when a line of COPY text holds more than nulls that has to be written otherwise in a row."""
    return '"' in line or line.count("\\") != line.count("\t\\N")
