"""Targets: what comes from whoever runs the program or asks its API."""

from __future__ import annotations

import contextlib
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict
from starlette.datastructures import QueryParams

from stream_reconcile.config import FILE_VARIABLE, Settings, env_name, load_settings, secret_fields
from stream_reconcile.core.errors import ConfigError
from stream_reconcile.store.connect import redact_dsn
from stream_reconcile.web.api import paging
from stream_reconcile.web.api.params import read_all
from stream_reconcile.web.api.resources import LISTINGS

CANARY = "c4nary-c4nary-c4nary"
"""Stands in for secrets: no message may ever hold it."""
_SETTINGS = sorted(env_name(field) for field in Settings.model_fields)
_FILES = "_FILE"
_SECRETS = frozenset(env_name(field) for field in secret_fields()) | {"RECONCILE_ACCOUNTS", "KAFKA_CLIENT"}
_KEYS = frozenset(name.lower().removeprefix("reconcile_") for name in _SECRETS)


def settings(raw: bytes) -> None:
    """`NAME=value` lines as the environment; after a line of `---`, the TOML file."""
    text, _, toml = raw.decode("utf-8", "replace").replace("\x00", "").partition("\n---\n")
    given = {"PATH": os.environ.get("PATH", "")}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        is_file = name.removesuffix(_FILES) in _SECRETS and name.endswith(_FILES)
        if name in _SETTINGS or (is_file and not value.startswith(("/dev", "/proc"))):  # a device may never end
            given[name] = value
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        if toml:
            file = Path(folder) / "s.toml"
            file.write_text(toml, encoding="utf-8")
            given[FILE_VARIABLE] = str(file)
        with _environment(given):
            try:
                loaded = load_settings()
                said = f"{loaded!r} {loaded.listen} {loaded.data_path}"
                with contextlib.suppress(ConfigError):
                    said += repr(loaded.require_accounts())
                with contextlib.suppress(ConfigError):
                    loaded.uses_embedded(all_roles=True)
                loaded.secret_values()
                if loaded.database_url is not None:
                    dsn = loaded.database_url.get_secret_value()
                    parts = conninfo_to_dict(dsn)
                    # What stands before the password, where a colon went amiss, is a name, and names are told.
                    if not any(
                        CANARY in str(parts.get(name)) for name in ("user", "host", "hostaddr", "port", "dbname")
                    ):
                        said += redact_dsn(dsn)
            except ConfigError as error:
                said = str(error)
        if CANARY in said and not _is_plain_text(given, toml):
            raise AssertionError(f"a secret is told: {said[:300]}")


def query(raw: bytes) -> None:
    """A query string of the API, for every list."""
    text = raw.decode("latin-1")
    for listing in LISTINGS:
        with contextlib.suppress(ConfigError):
            read_all(listing.parameters, QueryParams(text))
        with contextlib.suppress(ConfigError):
            paging.read(text, listing.path, {}, (int, str))


def _is_plain_text(given: Mapping[str, str], toml: str) -> bool:
    """Whether the canary was written where no secret belongs, whose value a message may repeat."""
    if any(CANARY in value for name, value in given.items() if name not in _SECRETS):
        return True
    try:
        return bool(toml) and _names_it(tomllib.loads(toml), _KEYS)
    except (tomllib.TOMLDecodeError, RecursionError):
        return False


def _names_it(value: Any, secret: frozenset[str]) -> bool:
    """Whether the canary is a value anywhere but under the keys of secrets."""
    if isinstance(value, dict):
        return any(name not in secret and _names_it(item, secret) for name, item in value.items())
    if isinstance(value, list):
        return any(_names_it(item, secret) for item in value)
    return CANARY in str(value)


@contextlib.contextmanager
def _environment(given: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
