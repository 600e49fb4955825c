"""The HTTP server over real sockets: what answers, to whom, and what is said when the address can't be had."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from stream_reconcile.core.errors import ConfigError
from stream_reconcile.metrics import Metrics
from stream_reconcile.web.app import build_app
from stream_reconcile.web.readiness import Readiness
from stream_reconcile.web.server import HttpServer

SHAPE = Path(__file__).resolve().parents[2] / "docs" / "json" / "readyz.schema.json"
TOKEN = "0123456789abcdef-token"


@contextmanager
def serving(readiness: Readiness, *, token: str | None = None, is_loopback: bool = True) -> Iterator[str]:
    app = build_app(Metrics("1.2.3"), readiness, token=token, is_loopback=is_loopback)
    server = HttpServer(app, "127.0.0.1", 0)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
        assert not server.alive


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=10)


def test_ready_and_not_ready() -> None:
    readiness = Readiness()
    readiness.report("postgres", ready=True)
    with serving(readiness) as url:
        answer = get(f"{url}/readyz")
        assert (answer.status_code, answer.json()["ready"]) == (200, True)
        readiness.report("postgres", ready=False, why="Postgres is away: start it")
        answer = get(f"{url}/readyz")
        assert answer.status_code == 503
        assert answer.headers["Cache-Control"] == "no-store"
        body = answer.json()
        Draft202012Validator(json.loads(SHAPE.read_text(encoding="utf-8"))).validate(body)
        assert body["ready"] is False
        assert body["parts"]["postgres"]["why"] == "Postgres is away: start it"
        assert get(f"{url}/livez").status_code == 200
        readiness.report("postgres", ready=True)
        assert get(f"{url}/readyz").status_code == 200


def test_metrics_are_what_prometheus_reads() -> None:
    with serving(Readiness()) as url:
        answer = get(f"{url}/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain")
        families = {family.name: family for family in text_string_to_metric_families(answer.text)}
        assert families["reconcile_build_info"].samples[0].labels == {"version": "1.2.3"}
        assert "reconcile_apply_events" in families
        modern = get(f"{url}/metrics", Accept="application/openmetrics-text; version=1.0.0")
        assert modern.headers["Content-Type"].startswith("application/openmetrics-text")
        assert modern.text.endswith("# EOF\n")


def test_signpost_and_unknown_paths() -> None:
    with serving(Readiness()) as url:
        assert "/readyz" in get(url).text
        assert get(f"{url}/elsewhere").status_code == 404
        assert requests.post(f"{url}/readyz", timeout=10).status_code == 405


def test_off_loopback_the_token_is_asked_for() -> None:
    with serving(Readiness(), token=TOKEN, is_loopback=False) as url:
        assert get(f"{url}/livez").status_code == get(f"{url}/readyz").status_code == 200
        for refused in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            for path in ("/metrics", "/", "/livez/", "/readyz/../metrics", "/elsewhere"):
                answer = get(url + path, **refused)
                assert answer.status_code == 401, path
                assert answer.headers["WWW-Authenticate"] == "Bearer"
                assert TOKEN not in answer.text
        assert get(f"{url}/metrics", Authorization=f"Bearer {TOKEN}").status_code == 200


def test_off_loopback_without_a_token_only_health_answers() -> None:
    with serving(Readiness(), is_loopback=False) as url:
        assert get(f"{url}/livez").status_code == 200
        answer = get(f"{url}/metrics", Authorization="Bearer ")
        assert answer.status_code == 403
        assert "RECONCILE_HTTP_TOKEN is not set" in answer.text


def test_a_taken_port_is_named() -> None:
    app = build_app(Metrics("0"), Readiness(), token=None, is_loopback=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"RECONCILE_HTTP_ADDR.*127\.0\.0\.1:{port}: another program listens"):
            HttpServer(app, "127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "reason"), [("192.0.2.1", "does not have that address"), ("no-such-host.invalid", "there is no host")]
)
def test_an_address_that_is_not_ours(host: str, reason: str) -> None:
    app = build_app(Metrics("0"), Readiness(), token=None, is_loopback=False)
    with pytest.raises(ConfigError, match=reason):
        HttpServer(app, host, 8080)


def test_the_port_is_free_again_after_a_stop() -> None:
    app = build_app(Metrics("0"), Readiness(), token=None, is_loopback=True)
    first = HttpServer(app, "127.0.0.1", 0)
    first.start()
    assert get(f"{first.url}/livez").status_code == 200
    first.stop()
    second = HttpServer(app, "127.0.0.1", first.port)
    second.stop()
