"""docs/simulator.md names every fault, parameter, flag, endpoint and operation that there is, and no other fault."""

from __future__ import annotations

import re
from pathlib import Path

import typer
from typer.main import get_command

from stream_reconcile.simulator.by_hand import OPERATIONS
from stream_reconcile.simulator.command import simulate
from stream_reconcile.simulator.control import ControlApi
from stream_reconcile.simulator.fault_catalogue import CATALOGUE, COMMON
from stream_reconcile.simulator.live import Simulator
from stream_reconcile.simulator.rest import RestApi
from stream_reconcile.simulator.settings import SimulatorSettings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text()
WORDS = set(re.findall(r"`([^`\n]+)`", PAGE))
FILTERS = {"events", "order_id", "symbol", "method", "path", "perform"}


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_table_of_faults_is_the_catalogue() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|(.+)$", section("Faults"), re.MULTILINE))
    assert list(rows) == [kind.name for kind in CATALOGUE]
    for kind in CATALOGUE:
        for name, default in kind.parameters.items():
            if name in FILTERS:
                continue
            assert f"`{name}`" in rows[kind.name], (kind.name, name)
            if isinstance(default, int | float):
                assert f"`{name}` {default:g}" in rows[kind.name], (kind.name, name, default)
    assert set(COMMON) | FILTERS <= WORDS


def test_every_flag_is_there_with_its_default() -> None:
    app = typer.Typer(add_completion=False)
    app.command()(simulate)
    command = get_command(app)
    flags = section("Flags and settings")
    named = {flag for flag in re.findall(r"--[a-z][a-z-]+", flags) if not flag.startswith("--no-")}
    params = [parameter for parameter in command.params if parameter.name != "help"]
    assert named == {parameter.opts[0] for parameter in params}
    settings = set(SimulatorSettings.__dataclass_fields__)
    assert {parameter.name for parameter in params} == settings
    for name in ("acknowledge_seconds", "fill_seconds", "seed", "connect_limit", "rate_limit", "preload_hours"):
        default = getattr(SimulatorSettings(), name)
        assert next(parameter.default for parameter in params if parameter.name == name) == default
        line = next(line for line in flags.splitlines() if f"--{name.replace('_', '-')}`" in line)
        assert f"{default:g}" in line


def test_every_endpoint_is_there() -> None:
    simulator = Simulator(SimulatorSettings())
    for route in [*RestApi(simulator).routes(), *ControlApi(simulator).app().routes]:
        path = re.sub(r":(int|path)\}", "}", route.path)  # type: ignore[attr-defined] # all are plain routes
        assert re.search(rf"(GET|POST|PATCH|DELETE) {re.escape(path)}`", PAGE), path


def test_every_operation_is_there() -> None:
    told = section("Control").partition("Operations on an order:")[2]
    assert set(re.findall(r"`(\w+)`", told)) - {"execution_id"} == set(OPERATIONS)
