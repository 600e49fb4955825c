"""Binding of decisions to orders, inside apply's transaction: the families that a batch names are bound anew, whole."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import psycopg
from psycopg.rows import dict_row

from stream_reconcile.core.decisions import Decision, FamilyOrder, Terms, bind, duplicate_client_ids
from stream_reconcile.core.fold import OrderKey
from stream_reconcile.store.discrepancies import Findings, write_findings
from stream_reconcile.store.queries import load
from stream_reconcile.store.rows import order_arrays


class Binder:
    """Works inside the transaction that its caller has opened on the connection."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._sql = load("binding.sql")

    def bind(self, orders: set[OrderKey]) -> set[OrderKey]:
        """Bind the families of `orders`; gives the orders with a link to one that has no row (yet).

        Such a row may be just being written by another member, which can't see ours either: look again after the
        commit.
        """
        family = self._rows("families", order_arrays(orders))
        by_account: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in family:
            by_account[row["account_id"]].append(row)
        noted = Findings()
        incomplete: set[OrderKey] = set()
        for account_id, rows in by_account.items():
            self._bind_account(account_id, rows, noted)
            known = {row["alpaca_order_id"] for row in rows}
            for row in rows:
                links = {row["replaces"], row["replaced_by"], row["parent_order_id"]} - {None, ""}
                if links - known:
                    incomplete.add((row["alpaca_order_id"], account_id))
        write_findings(self._connection, noted)
        return incomplete

    def left_unbound(self) -> set[OrderKey]:
        """Orders that a crash left without the second look."""
        return set(self._connection.execute(self._sql["left_unbound"]).fetchall())

    def _bind_account(self, account_id: str, rows: list[dict[str, Any]], noted: Findings) -> None:
        client_ids = sorted({row["client_order_id"] for row in rows if row["client_order_id"]})
        values = {"client_ids": client_ids, "accounts": [account_id] * len(client_ids)}
        decisions = [
            Decision(str(row["decision_id"]), row["client_order_id"], _terms(row))
            for row in self._rows("decisions", values)
        ]
        if not decisions and all(row["decision_id"] is None for row in rows):
            return
        stated: dict[str, set[Terms]] = defaultdict(set)
        framed: set[str] = set()
        for row in self._rows("terms", order_arrays({(row["alpaca_order_id"], account_id) for row in rows})):
            stated[row["alpaca_order_id"]].add(_terms(row))
            if row["framed"]:
                framed.add(row["alpaca_order_id"])
        family = [
            FamilyOrder(
                row["alpaca_order_id"],
                row["client_order_id"] or "",
                frozenset(stated[row["alpaca_order_id"]]),
                row["alpaca_order_id"] in framed,
                row["replaces"] or "",
                row["replaced_by"] or "",
                row["parent_order_id"] or "",
            )
            for row in rows
        ]
        self._write(account_id, rows, family, decisions, noted)

    def _write(
        self,
        account_id: str,
        rows: list[dict[str, Any]],
        family: list[FamilyOrder],
        decisions: list[Decision],
        noted: Findings,
    ) -> None:
        bindings = bind(family, decisions)
        disputed = duplicate_client_ids(family, decisions)
        changed = []
        for row in rows:
            binding = bindings[row["alpaca_order_id"]]
            standing = None if row["decision_id"] is None else str(row["decision_id"])
            if (standing, row["origin"]) != binding:
                changed.append((*binding, row["alpaca_order_id"], account_id))
        own = {decision.client_order_id: decision for decision in decisions}
        bound = [
            (order.order_id, own[order.client_order_id].decision_id)
            for order in family
            if order.client_order_id in own and order.order_id not in disputed
        ]
        with self._connection.cursor() as cursor:
            if changed:
                cursor.executemany(self._sql["put_binding"], changed)
            if bound:
                cursor.executemany(self._sql["mark_bound"], bound)
        for order in family:
            if order.order_id in disputed:
                decision = own[order.client_order_id]
                evidence = {
                    "broker": {
                        "order_id": order.order_id,
                        "terms": [_shown(terms) for terms in sorted(order.terms, key=str)],
                    },
                    "ours": {"decision_id": decision.decision_id, "terms": _shown(decision.terms)},
                }
                noted.open(account_id, "duplicate_client_id", order.client_order_id, evidence)

    def _rows(self, name: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(self._sql[name], values).fetchall()


def _terms(row: dict[str, Any]) -> Terms:
    return Terms(row["symbol"] or "", row["side"] or "", row["qty"], row["notional"])


def _shown(terms: Terms) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in terms._asdict().items()}
