"""A real Prometheus that scrapes one address, with the rules of deploy/prometheus."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from support.command import free_port
from support.deploy import DEPLOY
from support.prometheus_rule import SOURCES
from support.waiting import wait_until


class PrometheusServer:
    """One that is up; `url` is where it answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series that an instant query gives. Raises AssertionError for one that Prometheus does not take."""
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=20).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[PrometheusServer]:
    """Scrapes `target` (host:port) every second, and counts as often; ended at the end."""
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "prometheus" / name) for name in SOURCES],
        "scrape_configs": [{"job_name": "stream-reconcile", "static_configs": [{"targets": [target]}]}],
    }
    written = folder / "prometheus.yml"
    written.write_text(yaml.safe_dump(configuration), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={written}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    server = PrometheusServer(f"http://{address}")

    def ready() -> bool:
        assert process.poll() is None, (folder / "prometheus.log").read_text(encoding="utf-8")[-2000:]
        try:
            return requests.get(f"{server.url}/-/ready", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    try:
        wait_until(ready, timeout=60, what="Prometheus to be ready")
        yield server
    finally:
        process.terminate()
        process.wait(30)
