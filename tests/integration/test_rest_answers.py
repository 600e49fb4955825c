"""Answers that no well-behaved broker gives: not believed, not waited for without end, and no error tells the key."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stream_reconcile.broker.http import MAX_BODY_BYTES, Answer, Http
from stream_reconcile.broker.rest import RestClient, RestTiming
from stream_reconcile.core.errors import (
    BrokerUnreachable,
    ConfigError,
    CredentialsRefused,
    IncompleteRead,
    NotAskable,
    ReconcileError,
)
from support.rest import SECRET, Recorded
from support.stub_rest import Talk, stub_rest

ORDER_ID = "61e69015-8549-4bfd-b9c3-01e75843f47e"
ONCE = RestTiming(2.0, 2.0, 4.0, 1, 0.02, 0.1)


def saying(status: int, body: bytes, **headers: str) -> Callable[[Talk, int], None]:
    return lambda talk, number: talk.answer(status, body, **headers)


def test_bytes_as_they_came() -> None:
    first, second = b'{"id":"a", "qty":1.10, "x":[1e-9]}', b'{"symbol":"\xc3\xa9\\u00e9","id":7}'
    with stub_rest(saying(200, b" [ " + first + b" ,\n" + second + b"]\n")) as broker, Recorded(broker.url) as rest:
        page = rest.client.positions()
        assert page.items == (first, second)
        assert page.ids == ("a", "")
        assert broker.paths == ["/v2/positions"]
        assert broker.headers_seen[0]["APCA-API-SECRET-KEY"] == SECRET
    body = b' {"id": "' + ORDER_ID.encode() + b'", "limit_price": 0.10000000000000001}\n'
    with stub_rest(saying(200, body, X_Request_ID="r-1")) as broker, Recorded(broker.url) as rest:
        found = rest.client.order(ORDER_ID, nested=False)
        assert found is not None
        assert (found.raw, found.request_id) == (body, "r-1")
        assert broker.paths == [f"/v2/orders/{ORDER_ID}?nested=false"]


@pytest.mark.parametrize(
    ("status", "body", "absent"),
    [
        (404, b'{"code": 40410000, "message": "order not found"}', True),
        (404, b'{"code": 40410000, "message": "no such thing"}', True),
        (404, b'{"message": "order not found"}', True),
        (404, b'{"message": "Not Found"}', False),
        (404, b'{"message": "no Route matched with those values"}', False),
        (404, b'{"code": 40010000, "message": "order not found"}', False),
        (404, b"<html>404</html>", False),
        (404, b"", False),
        (404, b'{"code": 40410000}', False),
        (200, b'{"code": 40410000, "message": "order not found"}', False),
        (410, b'{"code": 40410000, "message": "order not found"}', False),
        (200, b"null", False),
        (200, b"[]", False),
        (200, b'{"id": "another"}', False),
        (204, b"", False),
        (302, b"", False),
    ],
)
def test_absence_is_only_the_brokers_own_word(status: int, body: bytes, absent: bool) -> None:
    with stub_rest(saying(status, body)) as broker, Recorded(broker.url, timing=ONCE) as rest:
        if absent:
            assert rest.client.order(ORDER_ID) is None
        else:
            with pytest.raises(BrokerUnreachable):
                rest.client.order(ORDER_ID)


@pytest.mark.parametrize(
    ("body", "usable"),
    [
        (b'{"id": "a", "client_order_id": "mine"}', True),
        (b'{"id": "a", "client_order_id": "Mine"}', False),
        (b'{"id": "a"}', False),
        (b'{"id": "", "client_order_id": "mine"}', False),
        (b'{"id": 7, "client_order_id": "mine"}', False),
        (b'{"client_order_id": "mine"}', False),
        (b'{"message": "order not found"}', False),
        (b"{}", False),
    ],
)
def test_an_order_by_its_client_id_is_one_with_an_id_and_that_client_id(body: bytes, usable: bool) -> None:
    with stub_rest(saying(200, body)) as broker, Recorded(broker.url, timing=ONCE) as rest:
        if usable:
            found = rest.client.order_by_client_id("mine")
            assert found is not None
            assert found.raw == body
        else:
            with pytest.raises(BrokerUnreachable):
                rest.client.order_by_client_id("mine")


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"message": "x"}', b"null", b"[1]", b'[{"id": "a"}, null]', b'[{"id": "a"}', b"[" * 100_000, b"\xff[]"],
)
def test_a_list_is_a_list_of_objects(body: bytes) -> None:
    with stub_rest(saying(200, body)) as broker, Recorded(broker.url, timing=ONCE) as rest:
        for ask in (rest.client.positions, lambda: list(rest.client.orders()), lambda: list(rest.client.activities())):
            with pytest.raises(BrokerUnreachable, match="invalid"):
                ask()


@pytest.mark.parametrize("part", ["head", "headers", "body", "endless"])
def test_a_broker_that_dribbles_is_cut_off(part: str) -> None:
    def dribble(talk: Talk, number: int) -> None:
        if part != "head":
            talk.write(b"HTTP/1.1 200 OK\r\n")
        if part in {"body", "endless"}:
            talk.write(b"Content-Length: 100000\r\n\r\n[" if part == "body" else b"\r\n[")
        while not talk.server.enough.wait(0.05):
            talk.write(b"X: y\r\n" if part == "headers" else b" ")

    limit = RestTiming(2.0, 2.0, 0.6, 1, 0.02, 0.1)
    with stub_rest(dribble) as broker, Recorded(broker.url, timing=limit) as rest:
        began = time.monotonic()
        with pytest.raises(BrokerUnreachable, match="timeout"):
            rest.client.positions()
        assert time.monotonic() - began < 3


def test_a_body_without_end_is_not_kept() -> None:
    def flood(talk: Talk, number: int) -> None:
        talk.write(b"HTTP/1.1 200 OK\r\n\r\n[")
        for _ in range(2 * MAX_BODY_BYTES // 2**20):
            talk.write(b" " * 2**20)
        talk.close_connection = True

    with (
        stub_rest(flood) as broker,
        Recorded(broker.url, timing=ONCE) as rest,
        pytest.raises(BrokerUnreachable, match="too_large"),
    ):
        rest.client.positions()


def test_a_kept_connection_that_the_broker_has_closed_costs_a_try_at_most() -> None:
    def answer_and_close(talk: Talk, number: int) -> None:
        talk.answer(200, b"[]")
        talk.close_connection = True  # without a word of it

    with stub_rest(answer_and_close) as broker, Recorded(broker.url) as rest:
        for _ in range(5):
            assert rest.client.positions().items == ()
        assert rest.client.requests <= 10


def test_a_redirect_is_not_followed_with_the_secret() -> None:
    with stub_rest(saying(200, b"[]")) as elsewhere:
        away = saying(307, b"", Location=f"{elsewhere.url}/v2/positions")
        with stub_rest(away) as broker, Recorded(broker.url) as rest:
            with pytest.raises(BrokerUnreachable, match="HTTP 307"):
                rest.client.positions()
            assert len(broker.paths) == 1
        assert elsewhere.paths == []


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 500])
def test_no_error_and_no_log_tells_the_key_or_the_body(status: int, caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps({"message": "a word of the payload"}).encode()
    caplog.set_level(logging.DEBUG)
    timing = RestTiming(2.0, 2.0, 4.0, 2, 0.02, 0.05)
    with stub_rest(saying(status, body, X_Request_ID="req-42")) as broker, Recorded(broker.url, timing=timing) as rest:
        with pytest.raises(ReconcileError) as raised:
            rest.client.positions()
        assert type(raised.value) is not ReconcileError
        if not isinstance(raised.value, CredentialsRefused):
            assert "positions, X-Request-ID req-42" in str(raised.value)
        said = f"{raised.value!r} {raised.value.__cause__!r} {caplog.text} {rest.client!r} {rest.client.__dict__!r}"
    for secret in (SECRET, "THE-KEY", "word of the payload"):
        assert secret not in said


def test_nobody_there() -> None:
    with stub_rest(saying(200, b"[]")) as broker:
        url = broker.url
    with Recorded(url, timing=RestTiming(2.0, 2.0, 4.0, 2, 0.02, 0.05)) as rest:
        with pytest.raises(BrokerUnreachable, match="unreachable"):
            rest.client.account()
        assert rest.outcomes == ["unreachable", "unreachable"]


@pytest.mark.parametrize("url", ["http://broker.example", "http://10.0.0.1:8080", "ftp://broker", "broker"])
def test_the_secret_does_not_go_in_the_clear_to_another_machine(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Recorded(url)
    assert SECRET not in str(raised.value)
    if url.startswith("http:"):
        Recorded(url, allow_plain=True).client.close()


@pytest.mark.parametrize("secret", ["", "with\nbreak", "pasted…"])
def test_a_secret_that_can_be_none(secret: str) -> None:
    with pytest.raises(ConfigError, match="copy both anew") as raised:
        Recorded("http://127.0.0.1:1", secret=secret)
    assert not secret or secret not in str(raised.value)


@pytest.mark.parametrize("order_id", ["", ".", "..", "x" * 129, "a\nb"])
def test_an_id_that_can_be_none_is_not_asked_for(order_id: str) -> None:
    with stub_rest(saying(200, b"{}")) as broker, Recorded(broker.url) as rest:
        with pytest.raises(NotAskable, match="the id"):
            rest.client.order(order_id)
        if order_id not in (".", ".."):
            with pytest.raises(NotAskable, match="the id"):
                rest.client.order_by_client_id(order_id)
        assert broker.paths == []


@pytest.mark.parametrize("status", [400, 422])
def test_an_id_that_the_broker_does_not_take_is_neither_there_nor_absent(status: int) -> None:
    refused = saying(status, b'{"code": 40010001, "message": "order_id is invalid"}')
    with stub_rest(refused) as broker, Recorded(broker.url) as rest:
        for ask in (rest.client.order, rest.client.order_by_client_id):
            with pytest.raises(NotAskable, match=f"HTTP {status}") as raised:
                ask("no-uuid")
            assert "invalid" not in str(raised.value)
        assert len(broker.paths) == 2, "it would be the same again"
        assert rest.outcomes == [str(status)] * 2
        with pytest.raises(BrokerUnreachable):
            list(rest.client.orders())
    for body in (b"<html>", b'{"message": "Bad Request"}'):  # a gateway's: no word of the id
        with (
            stub_rest(saying(status, body)) as broker,
            Recorded(broker.url, timing=ONCE) as rest,
            pytest.raises(BrokerUnreachable),
        ):
            rest.client.order("no-uuid")


def test_an_id_of_anything_else_stays_one_part_of_the_address() -> None:
    gone = saying(404, b'{"code": 40410000, "message": "order not found"}')
    with stub_rest(gone) as broker, Recorded(broker.url) as rest:
        assert rest.client.order("../account?x=1#y") is None
        assert rest.client.order_by_client_id("a/b c&d=é") is None
        assert broker.paths == [
            "/v2/orders/..%2Faccount%3Fx%3D1%23y?nested=true",
            "/v2/orders:by_client_order_id?client_order_id=a%2Fb+c%26d%3D%C3%A9&nested=true",
        ]


def test_activities_of_a_broker_that_ignores_the_token() -> None:
    page = json.dumps([{"id": str(number)} for number in range(100)]).encode()
    with stub_rest(saying(200, page)) as broker, Recorded(broker.url) as rest:
        with pytest.raises(IncompleteRead, match="page_token"):
            list(rest.client.activities())
        assert broker.paths[1].endswith("page_token=99")


def test_legs_that_are_counted_in_the_page_do_not_end_the_walk_early() -> None:
    def page(talk: Talk, number: int) -> None:
        if number == 0:
            item = {"id": "parent", "submitted_at": "2026-11-02T15:00:00Z", "legs": [{"id": "l1"}, {"id": "l2"}]}
        else:
            assert "before_order_id=parent" in talk.path
            item = {"id": "older", "submitted_at": "2026-11-02T14:00:00Z", "legs": None}
        talk.answer(200, json.dumps([item]).encode())

    with stub_rest(page) as broker, Recorded(broker.url) as rest:
        assert [id_ for each in rest.client.orders(limit=3) for id_ in each.ids] == ["parent", "older"]


def test_a_proxy_of_the_environment_does_not_see_what_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub_rest(saying(502, b"")) as proxy, stub_rest(saying(200, b"[]")) as broker:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        with Recorded(broker.url) as rest:
            assert rest.client.positions().items == ()
        assert proxy.paths == []


def test_a_proxy_of_the_environment_is_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with stub_rest(saying(200, b"[]")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with Http("http://broker.invalid", "KEY", SECRET, allow_plain=True) as http:
            monkeypatch.delenv("http_proxy")  # read once, at the start
            answer = http.get("/positions")
    assert isinstance(answer, Answer)
    assert (answer.status, proxy.paths) == (200, ["http://broker.invalid/v2/positions"])


def test_a_password_of_this_machine_for_that_host_is_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with stub_rest(saying(200, b"[]")) as broker, Recorded(broker.url) as rest:
        assert rest.client.positions().items == ()
    assert "Authorization" not in broker.headers_seen[0]


def test_only_gets() -> None:
    public = {name for name in vars(RestClient) if not name.startswith("_")}
    assert public == {
        "account",
        "positions",
        "order",
        "order_by_client_id",
        "orders",
        "activities",
        "requests",
        "close",
    }
