"""HTTP against those who guess, flood, dawdle or ask from other people's pages; over real sockets."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
import structlog

from stream_reconcile.config import Settings
from stream_reconcile.metrics import Metrics
from stream_reconcile.web import auth, patience
from stream_reconcile.web.app import build_app
from stream_reconcile.web.attempts import AT_ONCE
from stream_reconcile.web.control import REWIND, Control
from stream_reconcile.web.readiness import Readiness
from stream_reconcile.web.server import HttpServer
from support.servers import SCHEMA
from support.site import fill, put_discrepancy, serving_site

TOKEN = "0123456789abcdef-token"


@contextmanager
def serving(*, is_loopback: bool = False) -> Iterator[str]:
    control = Control()
    control.offer(REWIND, lambda body: {"body": dict(body)})
    app = build_app(Metrics("1"), Readiness(), token=TOKEN, is_loopback=is_loopback, api=[control.route(REWIND)])
    server = HttpServer(app, "127.0.0.1", 0)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def said(url: str, head: str, more: bytes = b"", timeout: float = 30) -> bytes:
    """What the server answers to bytes as they are, until it closes the connection."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=timeout) as client:
        client.sendall(head.replace("\n", "\r\n").encode() + more)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while data := client.recv(65536):
                answer += data
        return answer


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_wrong_tokens_are_counted_and_told_to_wait() -> None:
    with structlog.testing.capture_logs() as logs, serving() as url:
        statuses = [
            requests.get(f"{url}/metrics", headers=bearer(f"wrong-{n}"), timeout=10).status_code for n in range(12)
        ]
        assert statuses == [401] * int(AT_ONCE) + [429] * 2
        # The right one is no better now, or it could be guessed on: and who has it waits a few seconds.
        refused = requests.get(f"{url}/metrics", headers=bearer(TOKEN), timeout=10)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["Retry-After"]) <= 6
        signing_in = requests.post(f"{url}/session", data={"token": TOKEN}, timeout=10, allow_redirects=False)
        assert signing_in.status_code == 429
        api = requests.post(url + REWIND, headers=bearer(TOKEN), json={}, timeout=10)
        assert (api.status_code, api.headers["Content-Type"]) == (429, "application/problem+json")
        # What needs no token is answered still.
        assert requests.get(f"{url}/livez", timeout=10).status_code == 200
    told = [entry for entry in logs if entry["event"] == "http_token_refused"]
    assert len(told) == int(AT_ONCE)
    assert "wrong-" not in str(told)
    assert told[0]["address"] == "127.0.0.1"


def test_who_has_no_token_or_an_old_cookie_guesses_nothing() -> None:
    with serving() as url:
        for _ in range(int(AT_ONCE) + 5):
            assert requests.get(f"{url}/metrics", timeout=10).status_code == 401
            stale = {"Cookie": f"{auth.COOKIE}=1.0000"}
            assert requests.get(f"{url}/metrics", headers=stale, timeout=10).status_code == 401
        assert requests.get(f"{url}/metrics", headers=bearer(TOKEN), timeout=10).status_code == 200


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []
    digest = secrets.compare_digest

    def compare(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return digest(one, other)

    monkeypatch.setattr(auth.secrets, "compare_digest", compare)
    with serving() as url:
        requests.get(f"{url}/metrics", headers=bearer("wrong"), timeout=10)
        requests.post(f"{url}/session", data={"token": "wrong"}, timeout=10)
        far = int(time.time()) + 1000
        requests.get(f"{url}/metrics", headers={"Cookie": f"{auth.COOKIE}={far}.00"}, timeout=10)
    assert compared[:2] == [(b"wrong", TOKEN.encode())] * 2
    assert compared[2][0] == b"00"


def test_a_body_without_a_length_is_cut_off_at_the_limit() -> None:
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    head = "POST {} HTTP/1.1\nHost: localhost\nConnection: close\nTransfer-Encoding: chunked\n{}\n"
    with serving(is_loopback=True) as url:
        answer = said(url, head.format(REWIND, f"Authorization: Bearer {TOKEN}\n"), chunk * 17 + b"0\r\n\r\n")
        assert b"longer than 65536 bytes" in answer
        assert b" 413 " in said(url, head.format("/session", ""), chunk * 2 + b"0\r\n\r\n")
        assert requests.get(f"{url}/livez", timeout=10).status_code == 200


def test_a_body_that_comes_by_drops_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BODY_WITHIN_S", 0.3)
    head = "POST {} HTTP/1.1\nHost: localhost\nConnection: close\nContent-Length: 100\n{}\n"
    with serving(is_loopback=True) as url:
        assert b"did not come whole" in said(url, head.format(REWIND, f"Authorization: Bearer {TOKEN}\n"), b"{")
        assert b" 408 " in said(url, head.format("/session", ""), b"token=")


def test_a_head_that_never_ends_is_cut_off() -> None:
    with serving(is_loopback=True) as url:
        answer = said(url, "GET /livez HTTP/1.1\nHost: localhost\n", b"X-Filler: " + b"y" * 200_000)
        assert answer == b"" or b" 4" in answer[:16]
        assert requests.get(f"{url}/livez", timeout=10).status_code == 200


@pytest.mark.parametrize("body", [b"[" * 60_000, b"\xff\xfe", b"7", b'{"a":', b"NaN" * 9])
def test_a_body_that_is_no_object_is_a_problem(body: bytes) -> None:
    with serving(is_loopback=True) as url:
        answer = requests.post(url + REWIND, data=body, headers=bearer(TOKEN), timeout=10)
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")


def test_a_page_of_another_site_can_not_write_even_with_the_cookie() -> None:
    with serving() as url, requests.Session() as browser:
        browser.post(f"{url}/session", data={"token": TOKEN}, timeout=10)
        assert browser.get(f"{url}/metrics", timeout=10).status_code == 200
        for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            assert browser.post(url + REWIND, json={}, headers=headers, timeout=10).status_code in (401, 403)
        foreign = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        asked = browser.options(url + REWIND, headers=foreign, timeout=10)
        assert not [name for name in asked.headers if name.lower().startswith("access-control")]


def test_every_answer_has_the_headers_refusals_too() -> None:
    wanted = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    with serving() as url:
        for path in ("/livez", "/metrics", "/elsewhere", REWIND):
            answer = requests.get(url + path, timeout=10)
            assert {name: answer.headers.get(name) for name in wanted} == wanted, path
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
            assert "Server" not in answer.headers


def test_what_is_shown_is_text_whatever_it_holds(database: str) -> None:
    """Ids and symbols come from the broker and from trading programs."""
    evil = "<script>alert(1)</script>\"' onload=x"
    fill(database)
    with psycopg.connect(database, options=f"-c search_path={SCHEMA}") as connection:
        connection.execute("UPDATE executions SET client_order_id = %s, symbol = %s", [evil, evil])
    number = put_discrepancy(database, "missing_fill", evil)
    with serving_site(database) as url:
        for path in (
            "/",
            "/orders",
            "/orders/o-0",
            "/discrepancies",
            f"/discrepancies/{number}",
            "/dead-letters",
            "/actions",
        ):
            page = requests.get(url + path, params={"symbol": evil} if path == "/orders" else {}, timeout=20)
            assert page.status_code == 200, path
            assert "<script>alert" not in page.text, path
            assert "&lt;script&gt;" in page.text or not path.startswith(("/orders", "/discrepancies")), path


def test_it_listens_on_loopback_unless_told_otherwise() -> None:
    assert Settings.model_fields["http_addr"].default == "127.0.0.1:8080"
