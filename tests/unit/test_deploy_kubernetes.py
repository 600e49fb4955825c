"""deploy/kubernetes: objects that a cluster takes, confined, and of settings, roles and ports that the program has."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pydantic import BaseModel

from stream_reconcile.commands.run import Role
from stream_reconcile.config import Settings
from support.command_line import parse_command
from support.deploy import DEPLOY, manifests, settings_of, unknown_settings

FOLDER = DEPLOY / "kubernetes"
MODELS = {
    "ScaledObject": "cloudcoil.models.keda.v1alpha1",
    "ServiceMonitor": "cloudcoil.models.prometheus_operator.v1",
    "PrometheusRule": "cloudcoil.models.prometheus_operator.v1",
}
OBJECTS = [found for path, found in manifests(FOLDER) if path.name != "kustomization.yaml"]
ROLES = [role.value for role in Role]


def kind(name: str) -> list[dict[str, Any]]:
    return [found for found in OBJECTS if found["kind"] == name]


def named(name: str, of: str) -> dict[str, Any]:
    (found,) = (one for one in kind(of) if one["metadata"]["name"] == name)
    return found


SETTINGS: dict[str, str] = named("stream-reconcile", "ConfigMap")["data"]
PODS = {found["metadata"]["name"]: found["spec"]["template"] for found in (*kind("Deployment"), *kind("Job"))}
CONTAINERS: dict[str, dict[str, Any]] = {name: pod["spec"]["containers"][0] for name, pod in PODS.items()}


def lost(given: Any, taken: Any, path: str = "") -> list[str]:
    """What a model did not take over: names that the resource does not have."""
    if isinstance(given, dict):
        taken = taken if isinstance(taken, dict) else {}
        here = [f"{path}.{name}" for name in given if name not in taken]
        return here + [
            one for name in given if name in taken for one in lost(given[name], taken[name], f"{path}.{name}")
        ]
    if isinstance(given, list):
        return [one for a, b in zip(given, taken, strict=True) for one in lost(a, b, f"{path}[]")]
    return []


@cache
def model(kind: str) -> type[BaseModel]:
    """The model of a resource. Loaded when asked for: it takes seconds, and every worker collects this file."""
    found: type[BaseModel] = getattr(import_module(MODELS[kind]), kind)
    return found


def check(found: dict[str, Any]) -> None:
    """Raise unless the object fits the schema of its kind."""
    if found["kind"] not in MODELS:
        kubernetes_validate.validate(found, "1.34", strict=True)
        return
    taken = model(found["kind"]).model_validate(found).model_dump(by_alias=True, exclude_unset=True, mode="json")
    assert lost(found, taken) == []


@pytest.mark.parametrize("found", OBJECTS, ids=lambda found: f"{found['kind']} {found['metadata']['name']}")
def test_objects_fit_their_schemas(found: dict[str, Any]) -> None:
    check(found)


def test_a_mistake_would_be_found() -> None:
    deployment = named("stream-reconcile-web", "Deployment")
    with pytest.raises(kubernetes_validate.ValidationError):
        check(deployment | {"spec": deployment["spec"] | {"replica": 2}})
    scaled = named("stream-reconcile-apply", "ScaledObject")
    with pytest.raises(AssertionError, match="maxReplicas"):
        check(scaled | {"spec": scaled["spec"] | {"maxReplicas": 2}})


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
@pytest.mark.parametrize("folder", ["base", "overlays/example"])
def test_kustomize_builds_what_fits_too(folder: str) -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", FOLDER / folder], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    built = list(yaml.load_all(done.stdout, yaml.CSafeLoader))  # a dashboard is long
    for found in built:
        check(found)
    names = {(found["kind"], found["metadata"]["name"]) for found in built}
    assert {(one["kind"], one["metadata"]["name"]) for one in OBJECTS} - names == (
        set() if folder != "base" else {(name, one["metadata"]["name"]) for name in MODELS for one in kind(name)}
    )
    settings = next(
        found for found in built if found["kind"] == "ConfigMap" and "KAFKA_BOOTSTRAP_SERVERS" in found["data"]
    )
    for found in built:
        if found["kind"] == "Deployment":
            (source,) = found["spec"]["template"]["spec"]["containers"][0]["envFrom"]
            assert source["configMapRef"]["name"] == settings["metadata"]["name"]


def test_the_example_overlay_is_of_settings_that_the_program_takes(tmp_path: Path) -> None:
    overlay = yaml.safe_load((FOLDER / "overlays/example/kustomization.yaml").read_text(encoding="utf-8"))
    literals = dict(one.split("=", 1) for one in overlay["configMapGenerator"][0]["literals"])
    assert unknown_settings(literals) == []
    assert settings_of(SETTINGS | literals, tmp_path).kafka_security_protocol == "SASL_SSL"


def test_settings_are_those_of_the_program(tmp_path: Path) -> None:
    assert unknown_settings(SETTINGS) == []
    settings = settings_of(SETTINGS, tmp_path)
    assert not settings.migrate
    assert not settings.uses_embedded(all_roles=True)
    assert settings.http_token is not None
    mounted = CONTAINERS["stream-reconcile-web"]["volumeMounts"][0]["mountPath"]
    assert all(path.startswith(f"{mounted}/") for name, path in SETTINGS.items() if name.endswith("_FILE"))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_a_deployment(role: str) -> None:
    container = CONTAINERS[f"stream-reconcile-{role}"]
    assert parse_command(container["args"]) == ("run", {"role": [Role(role)], "migrate_first": None})
    port = int(SETTINGS["RECONCILE_HTTP_ADDR"].rpartition(":")[2])
    assert container["ports"] == [{"name": "http", "containerPort": port}]
    for probe, path in (("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}
    deployment = named(f"stream-reconcile-{role}", "Deployment")["spec"]
    assert deployment["replicas"] >= 2
    budget = named(f"stream-reconcile-{role}", "PodDisruptionBudget")["spec"]
    assert budget["selector"] == deployment["selector"]
    assert PODS[f"stream-reconcile-{role}"]["spec"]["terminationGracePeriodSeconds"] > 25


def test_only_the_job_migrates() -> None:
    container = CONTAINERS["stream-reconcile-migrate"]
    assert parse_command(container["args"])[0] == "migrate"
    assert unknown_settings([one["name"] for one in container["env"]]) == []
    assert SETTINGS["RECONCILE_MIGRATE"] == "0"


def test_every_pod_is_confined() -> None:
    assert len(PODS) == len(ROLES) + 1
    for name, pod in PODS.items():
        spec, container = pod["spec"], CONTAINERS[name]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


def test_no_secret_is_in_a_manifest() -> None:
    assert kind("Secret") == []
    for pod in PODS.values():
        (secret,) = (volume["secret"] for volume in pod["spec"]["volumes"] if "secret" in volume)
        assert secret["secretName"].startswith("stream-reconcile")


def test_members_are_added_up_to_the_number_of_partitions() -> None:
    scaled = named("stream-reconcile-apply", "ScaledObject")["spec"]
    (trigger,) = scaled["triggers"]
    assert scaled["scaleTargetRef"]["name"] == "stream-reconcile-apply"
    assert str(scaled["maxReplicaCount"]) == SETTINGS["RECONCILE_PARTITIONS"]
    assert Settings.model_fields["partitions"].default == scaled["maxReplicaCount"]
    assert trigger["metadata"]["bootstrapServersFromEnv"] in SETTINGS
    assert trigger["metadata"]["consumerGroup"] == SETTINGS["RECONCILE_CONSUMER_GROUP"]
    assert Settings.model_fields["consumer_group"].default == trigger["metadata"]["consumerGroup"]


def test_prometheus_reaches_every_process_with_the_token() -> None:
    monitor = named("stream-reconcile", "ServiceMonitor")["spec"]
    service = named("stream-reconcile-metrics", "Service")
    assert service["metadata"]["labels"].items() >= monitor["selector"]["matchLabels"].items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] == service["spec"]["ports"][0]["name"]
    assert service["spec"]["publishNotReadyAddresses"] is True
    token = endpoint["authorization"]["credentials"]["key"]
    assert SETTINGS["RECONCILE_HTTP_TOKEN_FILE"].rpartition("/")[2] == token


def test_the_network_lets_in_what_asks_and_out_what_is_needed() -> None:
    (policy,) = (found["spec"] for found in kind("NetworkPolicy"))
    (way_in,) = policy["ingress"]
    assert [port["port"] for port in way_in["ports"]] == [int(SETTINGS["RECONCILE_HTTP_ADDR"].rpartition(":")[2])]
    out = {port["port"] for way in policy["egress"] for port in way["ports"]}
    assert out == {53, 443, 9092, 9093, 5432}
    assert int(SETTINGS["KAFKA_BOOTSTRAP_SERVERS"].rpartition(":")[2]) in out
