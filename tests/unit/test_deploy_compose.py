"""docker-compose.yml: a valid one, hardened, and of settings, ports, roles and commands that the program has."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from stream_reconcile.commands.run import Role
from stream_reconcile.config import Settings
from stream_reconcile.config_account import PAPER_URL
from stream_reconcile.simulator.settings import SimulatorSettings
from support.command_line import parse_command
from support.containers import KAFKA_IMAGE, POSTGRES_IMAGE
from support.deploy import DEPLOY, ROOT, compose, env_file, settings_of, unknown_settings

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
ROLES = [role.value for role in Role]
OURS = [*ROLES, "migrate", "simulator"]
ENV_EXAMPLE = ROOT / ".env.example"
PAPER = env_file(ENV_EXAMPLE) | {"APCA_API_KEY_ID": "PKPAPER", "APCA_API_SECRET_KEY": "paper-secret"}


def published(service: str) -> list[str]:
    return SERVICES[service].get("ports", [])


@pytest.mark.parametrize("environ", [{}, PAPER], ids=["as it is", "paper account"])
def test_it_is_valid(environ: dict[str, str]) -> None:
    PyCompose.from_json(json.dumps(compose(environ))).validate()


def test_a_mistake_would_be_found() -> None:
    broken = compose()
    broken["services"]["web"]["helthcheck"] = {}
    with pytest.raises(ValueError, match="helthcheck"):
        PyCompose.from_json(json.dumps(broken))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_runs_with_settings_that_the_program_takes(role: str, tmp_path: Path) -> None:
    service = SERVICES[role]
    assert parse_command(service["command"]) == ("run", {"role": [Role(role)], "migrate_first": None})
    assert unknown_settings(service["environment"]) == []
    settings = settings_of(service["environment"], tmp_path)
    assert settings.listen == ("0.0.0.0", 8080)
    assert settings.http_token is not None
    assert str(settings.kafka_bootstrap_servers) in listeners()
    account = settings.require_accounts()[0]
    assert account.base_url == "http://simulator:8765"
    assert not settings.uses_embedded(all_roles=False)


def listeners() -> list[str]:
    found: str = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    return [one.partition("://")[2] for one in found.split(",")]


def test_with_the_example_it_is_a_paper_account(tmp_path: Path) -> None:
    services = compose(PAPER)["services"]
    assert services["simulator"]["deploy"]["replicas"] == 0
    account = settings_of(services["sweep"]["environment"], tmp_path).require_accounts()[0]
    assert (account.base_url, account.key.get_secret_value()) == (PAPER_URL, "PKPAPER")
    assert PAPER["COMPOSE_PROJECT_NAME"] != compose()["name"]


def test_the_example_names_variables_that_are_used_and_their_defaults() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    named = env_file(ENV_EXAMPLE, commented=True)
    assert named.keys() - {"COMPOSE_PROJECT_NAME"} <= used.keys()
    for name, value in named.items():
        if name.endswith(("_PORT", "_IMAGE")):
            assert value.partition("@")[0] == used[name]


def test_the_simulator_is_the_broker_that_the_roles_ask() -> None:
    simulator = SERVICES["simulator"]
    _, flags = parse_command(simulator["command"])
    settings = SERVICES["ingest"]["environment"]
    assert settings["APCA_API_BASE_URL"] == f"http://simulator:{flags['port']}"
    assert (flags["key"], flags["secret"]) == (settings["APCA_API_KEY_ID"], settings["APCA_API_SECRET_KEY"])
    assert flags["host"] == "0.0.0.0"
    assert flags.keys() - {"faults"} <= SimulatorSettings.__dataclass_fields__.keys()
    assert published("simulator") == [f"127.0.0.1:{flags['port']}:{flags['port']}"]


def test_the_database_is_migrated_once_before_anything_runs() -> None:
    assert parse_command(SERVICES["migrate"]["command"])[0] == "migrate"
    for role in ROLES:
        assert SERVICES[role]["environment"]["RECONCILE_MIGRATE"] == "0"
        assert SERVICES[role]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_start_order_rests_on_health() -> None:
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in SERVICES
            if how["condition"] == "service_healthy":
                assert "test" in SERVICES[other]["healthcheck"], f"{name} waits for {other}, which has no health check"
    for role in ROLES:
        assert "127.0.0.1:8080/readyz" in SERVICES[role]["healthcheck"]["test"][-1]
    assert SERVICES["apply"]["deploy"]["replicas"] == 2


def test_ports_are_on_loopback() -> None:
    ports = [port for name in SERVICES for port in published(name)]
    assert len(ports) == 7
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert len(set(ports)) == len(ports)


def test_every_container_is_confined() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        if name != "postgres":  # its image changes users itself
            assert service["cap_drop"] == ["ALL"], name
        assert "privileged" not in service
        assert service.get("network_mode") == "none" or "inside" in service["networks"], name


def test_ours_have_time_to_end_in_order() -> None:
    for name in OURS:
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > 25


def test_prometheus_asks_every_role_with_the_token() -> None:
    found = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = found["scrape_configs"]
    (discovery,) = job["dns_sd_configs"]
    assert (sorted(discovery["names"]), discovery["port"]) == (sorted(ROLES), 8080)
    token = SERVICES["web"]["environment"]["RECONCILE_HTTP_TOKEN_FILE"]
    assert job["authorization"] == {"credentials_file": token}
    assert f"{token.rpartition('/')[0]}:ro" in SERVICES["prometheus"]["volumes"][-1]
    mounted = next(volume for volume in SERVICES["prometheus"]["volumes"] if volume.startswith("./deploy/prometheus:"))
    assert mounted.split(":")[1] == found["rule_files"][0].rpartition("/")[0]


def test_files_that_are_mounted_are_there() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, target, *mode = volume.split(":")
            if source.startswith("."):
                assert (ROOT / source).exists()
                assert mode == ["ro"], f"{target} is ours, and no container's to write"


def test_secrets_are_made_once_and_take_the_form_that_the_program_wants(tmp_path: Path) -> None:
    script = (DEPLOY / "compose" / "secrets.sh").read_text(encoding="utf-8").replace("/run/reconcile", str(tmp_path))

    def run() -> dict[str, str]:
        subprocess.run(["bash", "-c", script], check=True, timeout=20)
        return {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}

    first = run()
    assert run() == first
    names = [path for name in SERVICES for path in map(str, SERVICES[name].get("environment", {}).values())]
    asked = {name.rpartition("/")[2] for name in names if name.startswith("/run/reconcile/")}
    assert asked == first.keys()
    environ = {"DATABASE_URL": first["database-url"], "RECONCILE_HTTP_TOKEN": first["http-token"]}
    settings = settings_of(environ, tmp_path)
    assert isinstance(settings, Settings)
    server = SERVICES["postgres"]["environment"]
    assert (
        f"postgresql://{server['POSTGRES_USER']}:{first['postgres-password']}@postgres:5432/{server['POSTGRES_DB']}"
        == (first["database-url"])
    )


def test_servers_are_those_that_the_tests_know() -> None:
    assert SERVICES["kafka"]["image"] == KAFKA_IMAGE
    assert SERVICES["postgres"]["image"] == POSTGRES_IMAGE


def test_a_setting_that_is_renamed_is_noticed(tmp_path: Path) -> None:
    environ = dict(SERVICES["web"]["environment"])
    environ["RECONCILE_HTTP_ADDRESS"] = environ.pop("RECONCILE_HTTP_ADDR")
    assert unknown_settings(environ) == ["RECONCILE_HTTP_ADDRESS"]
    assert settings_of(environ, tmp_path).listen != ("0.0.0.0", 8080)
