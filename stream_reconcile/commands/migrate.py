"""`stream-reconcile migrate`: bring the tables up to date, and the roles with them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from stream_reconcile.commands.output import console, print_json
from stream_reconcile.commands.postgres import failures_in_plain_words, opened
from stream_reconcile.commands.servers import role_names, servers_to_look_at
from stream_reconcile.commands.start import settings_for_a_report
from stream_reconcile.store.migrations import current_version
from stream_reconcile.store.migrations import migrate as migrate_schema
from stream_reconcile.store.roles import missing_roles, roles_sql


def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, of the shape in docs/json.")] = False,
) -> None:
    """Create the tables or bring them up to date; make the roles, or print their SQL where this login may not."""
    settings = settings_for_a_report()
    schema, roles = settings.schema_, role_names(settings)
    with servers_to_look_at(settings) as servers, failures_in_plain_words(servers):
        applied = migrate_schema(servers.dsn, schema, roles=roles)
        with opened(servers, schema, "migrate") as connection:
            missing = missing_roles(connection, roles)
            version = current_version(connection, schema)
        where = servers.postgres
    result: dict[str, Any] = {
        "postgres": where,
        "schema": schema,
        "version": version,
        "applied": applied,
        "roles_missing": missing,
        "roles_sql": roles_sql(schema, roles) if missing else None,
    }
    if as_json:
        print_json(result)
        return
    out = console()
    for name in applied:
        out.print(f"applied {name}")
    out.print(f"schema {schema} of {where} is at version {result['version']}")
    if missing:
        out.print(f"\n-- This login may not create {', '.join(missing)}. For an administrator:\n")
        out.print(result["roles_sql"])
