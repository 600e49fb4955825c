"""Where settings come from (environment, secret files, TOML), and how what is wrong with them is said."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError, TomlConfigSettingsSource

from stream_reconcile.core.errors import ConfigError


def is_secret(field: FieldInfo) -> bool:
    """Whether a field holds a SecretStr."""

    def mentions(annotation: Any) -> bool:
        return annotation is SecretStr or any(mentions(part) for part in get_args(annotation))

    return mentions(field.annotation)


def is_plain(field: FieldInfo) -> bool:
    """Whether a message may repeat what was written: one value, and no secret in it."""
    written = (name for name in ("dict", "tuple") if name in str(field.annotation))
    return not is_secret(field) and next(written, None) is None


def at_home(path: str, name: str) -> Path:
    """The path with a `~` in front resolved. Raises ConfigError, in the name of the setting `name`."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"{name}: there is no home folder for {path}. Write the path without a ~") from None


def with_secret_files(data: Mapping[str, Any], names: Collection[str], *, suffix: str) -> dict[str, Any]:
    """`data` with each `<name><suffix>` replaced by `<name>`: the text of the file it names, without its last newline.

    ConfigError if both are given, or the file can't be read.
    """
    result = dict(data)
    for name in names:
        path = result.pop(name + suffix, None)
        if not path:
            continue
        if result.get(name):
            raise ConfigError(f"{name} and {name}{suffix} are both set. Keep one of the two")
        try:
            text = at_home(str(path), name + suffix).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:  # UnicodeDecodeError is one, a NUL in the path another
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigError(
                f"{name}{suffix}: can't read {path}: {reason}. Write the path of a file that this user may read"
            ) from None
        result[name] = text.rstrip("\r\n")
    return result


class Environment(EnvSettingsSource):
    """Environment variables, and `<NAME>_FILE` for secrets."""

    def __init__(self, settings_cls: type[BaseSettings], secrets: Collection[str]) -> None:
        super().__init__(settings_cls)
        self._secrets = secrets

    def __call__(self) -> dict[str, Any]:
        files = {f"{name}_FILE": path for name in self._secrets if (path := self.env_vars.get(f"{name}_FILE"))}
        return with_secret_files({**super().__call__(), **files}, self._secrets, suffix="_FILE")


class TomlFile(TomlConfigSettingsSource):
    """The TOML file, and `<name>_file` for secrets. `path` None: there is none."""

    def __init__(self, settings_cls: type[BaseSettings], path: Path | None, secrets: Collection[str]) -> None:
        self._secrets = secrets
        super().__init__(settings_cls, path)

    def _read_file(self, file_path: Any) -> dict[str, Any]:
        try:
            data: dict[str, Any] = tomllib.loads(file_path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{file_path} is not TOML: {error}. Put that line right") from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigError(f"can't read {file_path}: {reason}. Make it readable for this user") from None
        return with_secret_files(data, self._secrets, suffix="_file")


@contextmanager
def errors_in_plain_words(model: type[BaseSettings], path: Path | None) -> Iterator[None]:
    """Turn what pydantic says about settings into one ConfigError, a line for each."""
    try:
        yield
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(model, path, detail) for detail in error.errors())) from None
    except SettingsError as error:
        # Its text is: error parsing value for field "NAME" from source "…". The value itself is not in it.
        name = str(error).partition('"')[2].partition('"')[0]
        field = _field(model, name)
        alias = next(iter(getattr(field.validation_alias, "choices", [field.validation_alias]))) if field else name
        raise ConfigError(f"{alias}: is not JSON. Write {_example(field)}.") from None


def _field(model: type[BaseSettings], name: str) -> FieldInfo | None:
    for field_name, field in model.model_fields.items():
        alias = field.validation_alias
        aliases = [alias] if isinstance(alias, str) else getattr(alias, "choices", [])
        if name in (field_name, *aliases):
            return field
    return None


def _example(field: FieldInfo | None) -> str:
    if field is None:
        return "another value"
    return f"{field.examples[0] if field.examples else field.default}, for example"


_MOST_REPEATED = 80
# Of settings and of librdkafka's properties; none has a digit, and keys and secrets of the broker's nearly always do.
_LOOKS_LIKE_A_NAME = re.compile(r"[A-Za-z_.]{1,60}").fullmatch
_WORDS = {
    "int_parsing": "is not a whole number",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "bool_parsing": "is neither 1 nor 0",
    "bool_type": "is neither 1 nor 0",
    "finite_number": "is not a finite number",
    "string_type": "is not text",
    "tuple_type": "is not a list",
    "dict_type": "is not an object of names and values",
    "model_type": "is not an object of names and values",
    "missing": "is missing",
}


def _sentence(model: type[BaseSettings], path: Path | None, detail: ErrorDetails) -> str:
    location, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = [name for field in model.model_fields for name in (field.rstrip("_"), field)]
        near = difflib.get_close_matches(str(location[-1]), known, n=1) if len(location) == 1 else []
        advice = f"Did you mean {near[0]}?" if near else "Take it out."
        return f"{_name(location, path)}: there is no such setting. {advice}"
    if kind == "value_error":
        own = str(context["error"])
        return f"{_name(location, path)}: {own}." if location else f"{own}."
    field = _field(model, str(location[0]))
    subject = f"{_short(detail['input'])} " if len(location) == 1 and field and is_plain(field) else ""
    if kind in _WORDS:
        problem = _WORDS[kind]
    elif kind == "literal_error":
        problem = f"must be one of {context['expected']}"
    elif "ge" in context or "gt" in context:
        problem = f"must be {context['ge']} or more" if "ge" in context else f"must be more than {context['gt']}"
    elif "le" in context:
        problem = f"must be {context['le']} or less"
    else:
        problem = detail["msg"]
    return f"{_name(location, path)}: {subject}{problem}. Write {_example(field) if len(location) == 1 else 'it'}."


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MOST_REPEATED else f"{text[:_MOST_REPEATED]}…"


def _name(location: tuple[int | str, ...], path: Path | None) -> str:
    """`RECONCILE_PARTITIONS`, for a part of one `RECONCILE_ACCOUNTS[0].base_url`; and the file if it stands there."""
    first, *rest = location
    name = _told(str(first)) + "".join(f"[{part}]" if isinstance(part, int) else f".{_told(part)}" for part in rest)
    return name if path is None or str(first) in os.environ else f"{name} (in {path})"


def _told(name: str) -> str:
    """The name, if it looks like one: where a quote or a colon went amiss, a secret stands in the place of a name."""
    return name if _LOOKS_LIKE_A_NAME(name) else "(what looks like no name)"


def near_misses(environ: Mapping[str, str], known: Collection[str], *, prefixes: tuple[str, ...]) -> dict[str, str]:
    """Names in `environ` that begin like ours and are not in `known`, each with the nearest known name or ""."""
    result = {}
    for name in sorted(environ):
        if name.startswith(prefixes) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
            result[name] = near[0] if near else ""
    return result
