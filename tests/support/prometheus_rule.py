"""deploy/prometheus for the Prometheus operator: `make rules` writes what a test compares."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

from support.deploy import DEPLOY

TARGET = DEPLOY / "kubernetes" / "components" / "monitoring" / "prometheusrule.yaml"
SOURCES = ("recording.yml", "alerts.yml")
_HEAD = "# Made of ../../../prometheus/*.yml by `make rules`: change those.\n"


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def groups() -> list[dict[str, Any]]:
    """All groups of rules, as Prometheus reads them."""
    found = []
    for name in SOURCES:
        found += yaml.safe_load((DEPLOY / "prometheus" / name).read_text(encoding="utf-8"))["groups"]
    return found


def rendered() -> str:
    """The manifest."""
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "stream-reconcile"},
        "spec": {"groups": groups()},
    }
    return _HEAD + yaml.dump(rule, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def promtool(*arguments: str | Path) -> None:
    """Run it; raises AssertionError with what it says, if it says no."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    TARGET.write_text(rendered(), encoding="utf-8")
