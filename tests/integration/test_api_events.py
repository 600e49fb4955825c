"""Server-sent events: what listeners are told, that they may come back, and that no more of them cost than may."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from stream_reconcile.web import guard, patience
from stream_reconcile.web.api import events
from support.servers import SCHEMA
from support.site import ACCOUNT, GROUP, TOPIC, fill, put_discrepancy, serving_site
from support.waiting import wait_until


class Event(NamedTuple):
    kind: str
    number: str
    data: dict[str, Any]


class Listening:
    """A listener in a thread, until the test is over."""

    def __init__(self, url: str, after: str | None = None) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._connection.request("GET", "/api/v1/events", headers={} if after is None else {"Last-Event-ID": after})
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        self.heard: list[Event] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        fields: dict[str, str] = {}
        try:
            for line in (one.decode().rstrip("\n") for one in self._answer):
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif not line and "event" in fields:
                    self.heard.append(Event(fields["event"], fields.get("id", ""), json.loads(fields["data"])))
                    fields = {}
        except (OSError, http.client.HTTPException):
            return  # closed

    def wait(self, kind: str, **wanted: Any) -> Event:
        def found() -> Event | None:
            fits = (one for one in self.heard if one.kind == kind and wanted.items() <= one.data.items())
            return next(fits, None)

        event = wait_until(found, timeout=30, what=f"an event {kind} {wanted}")
        assert event is not None
        return event

    def close(self) -> None:
        self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self._connection.close()


@pytest.fixture
def site(database: str) -> Iterator[tuple[str, str]]:
    fill(database)
    with serving_site(database) as url:
        yield url, database


def apply_one(dsn: str, order: str, offset: int) -> None:
    """As apply would: the event and the cursor in one transaction."""
    with psycopg.connect(dsn, options=f"-c search_path={SCHEMA}") as connection:
        connection.execute(
            """INSERT INTO order_events (account_id, alpaca_order_id, event_key, source, event, status_rank,
                                         updated_at_ns, snapshot_ns, stated, topic, partition, "offset", known_at)
               VALUES (%s, %s, gen_random_uuid(), 'stream', 'fill', 0, 0, 0, 0, %s, 0, %s, now())""",
            [ACCOUNT, order, TOPIC, offset],
        )
        connection.execute(
            "UPDATE stream_cursors SET next_offset = %s, max_offset = %s WHERE consumer_group = %s AND partition = 0",
            [offset + 1, offset + 1, GROUP],
        )


def test_a_listener_is_told_what_changes_and_may_come_back(site: tuple[str, str]) -> None:
    url, dsn = site
    listener = Listening(url)
    first = listener.wait("status", state="equal")
    assert first.data["lag"] == {"records": 3, "seconds": 1.5}
    assert listener.wait("sweeps").data["items"][0]["account_id"] == ACCOUNT
    number = put_discrepancy(dsn, "missing_fill", "o-1")
    blocked = listener.wait("status", state="differs")
    assert (blocked.data["words"], blocked.data["open_discrepancies"]) == ("Not equal to the broker since", 1)
    assert listener.wait("discrepancies", open=1).data["by_type"][0]["type"] == "missing_fill"
    apply_one(dsn, "o-1", 100)
    changed = listener.wait("executions")
    assert [one["order_id"] for one in changed.data["items"]] == ["o-1"]
    assert changed.data["items"][0]["status"] == "new"
    listener.close()
    with psycopg.connect(dsn, options=f"-c search_path={SCHEMA}") as connection:
        connection.execute(
            "UPDATE discrepancies SET state = 'resolved', resolved_at = now() WHERE discrepancy_id = %s", [number]
        )
    back = Listening(url, after=changed.number)
    back.wait("status", state="equal")
    assert all(int(one.number) > int(changed.number) for one in back.heard)
    back.close()
    stranger = Listening(url, after="5")
    stranger.wait("reset")
    stranger.wait("status", state="equal")
    stranger.close()
    answer = requests.get(f"{url}/api/v1/events", headers={"Last-Event-ID": "x"}, timeout=10)
    assert answer.status_code == 400


def test_no_more_listeners_than_may(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database)
    monkeypatch.setattr(events.events_route, "__defaults__", (2,))
    with serving_site(database) as url:
        two = [Listening(url) for _ in range(2)]
        for one in two:
            one.wait("status")
        refused = requests.get(f"{url}/api/v1/events", timeout=10)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
        two[0].close()

        def free() -> bool:
            with requests.get(f"{url}/api/v1/events", stream=True, timeout=10) as answer:
                return answer.status_code == 200

        wait_until(free, what="the place of the listener that left")
        two[1].close()


def test_who_says_nothing_and_who_does_not_read_is_cut_off(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database, orders=600)
    monkeypatch.setattr(patience, "REQUEST_WITHIN_S", 0.5)
    with serving_site(database) as url:
        place = urlsplit(url)
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=20) as drop_by_drop:
            begun = time.monotonic()
            drop_by_drop.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: localh")
            with contextlib.suppress(ConnectionResetError):
                assert drop_by_drop.recv(100) == b""
            assert time.monotonic() - begun < 15
        assert requests.get(f"{url}/api/v1/status", timeout=10).status_code == 200


def test_a_reader_that_does_not_read_is_cut_off(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database, orders=3000)
    monkeypatch.setattr(guard.Guard.__init__, "__kwdefaults__", {"host": "", "reads_within_s": 0.5})
    with serving_site(database) as url, socket.socket() as deaf:
        place = urlsplit(url)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(30)
        deaf.connect((place.hostname or "", place.port or 0))
        # More than all buffers between here and there hold.
        deaf.sendall(b"GET /api/v1/executions?limit=500 HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40)
        with pytest.raises(OSError, match="reset"):
            wait_until(lambda: deaf.send(b"GET / HTTP/1.1\r\n\r\n") < 0, timeout=30, what="a reset")
        assert "\nreconcile_http_cut_off_total 1.0\n" in requests.get(f"{url}/metrics", timeout=10).text
        assert requests.get(f"{url}/api/v1/status", timeout=10).status_code == 200
