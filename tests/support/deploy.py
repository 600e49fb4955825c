"""What stands in deploy/ and docker-compose.yml, read as those read it who run it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml

from stream_reconcile.config import FILE_VARIABLE, Settings, env_name, load_settings, secret_fields

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"

_OURS = re.compile(r"(RECONCILE|APCA|KAFKA|SCHEMA_REGISTRY)_\w+|DATABASE_URL(_FILE)?")
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
# What a secret may be, for the check of the whole: the files stand where no test can write.
_EXAMPLES = {
    "DATABASE_URL": "postgresql://reconcile:password@db:5432/trading",
    "RECONCILE_HTTP_TOKEN": "0123456789abcdef0123456789abcdef",
}


def _filled_in(found: Any, environ: Mapping[str, str]) -> Any:
    """`${NAME:-default}` as compose fills it in, in every text; an empty variable counts as unset."""
    if isinstance(found, dict):
        return {
            # the one number that is a variable
            name: int(value) if name == "replicas" else value
            for name, value in ((name, _filled_in(one, environ)) for name, one in found.items())
        }
    if isinstance(found, list):
        return [_filled_in(one, environ) for one in found]
    if isinstance(found, str):
        return _VARIABLE.sub(lambda variable: environ.get(variable[1], "") or variable[2] or "", found)
    return found


def compose(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """docker-compose.yml with its variables filled in and its anchors followed; extensions left out."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    found = {name: value for name, value in yaml.safe_load(text).items() if not name.startswith("x-")}
    filled: dict[str, Any] = _filled_in(found, environ or {})
    return filled


def env_file(path: Path, *, commented: bool = False) -> dict[str, str]:
    """`NAME=value` lines; `commented`: those behind a `#` too."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = (re.fullmatch(r"(# )?([A-Z][A-Z0-9_]*)=(.*)", line) for line in lines)
    return {one[2]: one[3] for one in found if one and (commented or not one[1])}


def manifests(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every object in the YAML files of a folder and below, with its file."""
    for path in sorted(folder.rglob("*.yaml")):
        for found in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            yield path, found


def unknown_settings(names: Sequence[str] | Mapping[str, str]) -> list[str]:
    """Names that look like settings of ours, and are none."""
    known = {env_name(field) for field in Settings.model_fields} | {FILE_VARIABLE}
    known |= {f"{env_name(field)}_FILE" for field in secret_fields()}
    return sorted(name for name in names if _OURS.fullmatch(name) and name not in known)


def settings_of(environ: Mapping[str, str], folder: Path) -> Settings:
    """The settings of a process with just these variables; secrets in files are made in `folder`."""
    given = dict(environ)
    for name in environ:
        if name.endswith("_FILE"):
            path = folder / name
            path.write_text(_EXAMPLES.get(name.removesuffix("_FILE"), "example"), encoding="utf-8")
            given[name] = str(path)
    with patch.dict(os.environ, given, clear=True):
        return load_settings()
