"""docs/configuration.md says what the settings are: every one, its default and its meaning, and no other."""

from __future__ import annotations

from pathlib import Path

from stream_reconcile.config import Settings, env_name, secret_fields

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"


def rows_of_the_page() -> list[str]:
    return [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]


def row_of_the_model(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.default
    if default is None:
        shown = "unset"
    elif default in ((), {}):
        shown = "none"
    elif isinstance(default, bool):
        shown = f"`{int(default)}`"
    else:
        shown = f"`{default}`"
    secret = ", secret" if name in secret_fields() else ""
    return f"| `{env_name(name)}` | {shown}{secret} | {field.description} |"


def test_the_table_is_the_model() -> None:
    assert rows_of_the_page() == [row_of_the_model(name) for name in Settings.model_fields]
