"""The API over real sockets and a real database: lists and their pages, one order, CSV, errors, and who may ask."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator

from stream_reconcile.web.api.operating import Accepted, RetryReport, SweepAsked
from stream_reconcile.web.api.resources import LISTINGS
from support.servers import Servers, create_database, drop_database
from support.site import ACCOUNT, TOKEN, TOPIC, fill, put_discrepancy, serving_site

SHAPES = Path(__file__).resolve().parents[2] / "docs" / "json"


@pytest.fixture(scope="module")
def filled(servers: Servers, postgres_server: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    dsn = create_database(postgres_server, name, template=servers.template())
    fill(dsn)
    yield dsn
    drop_database(postgres_server, name)


@pytest.fixture(scope="module")
def url(filled: str) -> Iterator[str]:
    with serving_site(filled) as url:
        yield f"{url}/api/v1"


def get(url: str, expected: int = 200, headers: dict[str, str] | None = None, /, **query: object) -> Any:
    answer = requests.get(url, params=query, headers=headers, timeout=10)  # type: ignore[arg-type]
    assert answer.status_code == expected, answer.text
    if expected >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == expected
    return answer.json()


def ids(url: str, /, **query: object) -> list[str]:
    return [one["alpaca_order_id"] for one in get(f"{url}/executions", **query)["items"]]


def shape(name: str) -> dict[str, Any]:
    return dict(json.loads((SHAPES / f"{name}.schema.json").read_text(encoding="utf-8")))


def test_status_and_lag_are_those_of_the_commands(url: str) -> None:
    status = get(f"{url}/status")
    Draft202012Validator(shape("status"), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(status)
    assert status["lag"] == {"group": "g", "records": 3, "seconds": 1.5, "partitions": {"OK": 2}}
    lag = get(f"{url}/lag")
    Draft202012Validator(shape("lag")).validate(lag)
    assert lag["partitions"][0]["lag"] == 3
    cursors = get(f"{url}/cursors")["items"]
    assert [(one["partition"], one["next_offset"], one["lag"], one["state"]) for one in cursors] == [
        (0, 100, 3, "OK"),
        (1, 50, 0, "OK"),
    ]


@pytest.mark.parametrize("path", [one.path.removeprefix("/api/v1") for one in LISTINGS])
def test_every_list_pages_through_all_of_it_once(url: str, path: str) -> None:
    whole = get(url + path)
    assert len(whole["items"]) >= 3
    assert whole["next"] is None
    paged, cursor = [], None
    while True:
        answer = requests.get(url + path, params={"limit": "2", **({"cursor": cursor} if cursor else {})}, timeout=10)
        part = answer.json()
        assert len(part["items"]) <= 2
        paged += part["items"]
        cursor = part["next"]
        if cursor is None:
            assert "Link" not in answer.headers
            break
        following = answer.links["next"]["url"]
        assert requests.get(url.removesuffix("/api/v1") + following, timeout=10).ok
    assert paged == whole["items"]
    table = list(csv.DictReader(io.StringIO(requests.get(url + path, params={"format": "csv"}, timeout=10).text)))
    assert len(table) == len(whole["items"])
    assert table[0].keys() == whole["items"][0].keys()


def test_orders_by_filter(url: str) -> None:
    assert ids(url) == [f"o-{n}" for n in range(7)]
    assert ids(url, symbol="BTC/USD") == ["o-1", "o-3", "o-5"]
    assert ids(url, status=["filled", "new"], side="buy") == ["o-0", "o-4", "o-6"]
    assert ids(url, open="true") == ["o-1", "o-4"]
    assert ids(url, open="false", symbol="AAPL") == ["o-0", "o-2", "o-6"]
    assert ids(url, client_order_id="c-3") == ["o-3"]
    assert ids(url, begins="o-5") == ids(url, begins="c-5") == ["o-5"]
    assert ids(url, origin="own") == ["o-0"]
    assert ids(url, account_id="another") == []
    third = get(f"{url}/executions")["items"][2]["updated_at"]
    assert ids(url, since=third) == ["o-0", "o-1", "o-2"]
    assert ids(url, until=third) == ["o-3", "o-4", "o-5", "o-6"]
    assert ids(url, since="9999-12-31T23:59:59-14:00") == ids(url, until="0001-01-01T00:00:00+14:00") == []
    order = get(f"{url}/executions")["items"][0]
    assert (order["filled_avg_price"], order["qty"], order["last_topic"]) == ("0.0000001", "10", TOPIC)


def test_one_order_with_its_story(url: str) -> None:
    story = get(f"{url}/executions/o-0")
    assert story["execution"]["client_order_id"] == "c-0"
    assert [(event["source"], event["event"]) for event in story["events"]] == [("stream", "new"), ("sweep", "filled")]
    assert story["fills"][0]["price"] == "187.5"
    assert story["intent"]["state"] == "bound"
    assert story["why"]["made_by"]["source"] == "stream"
    assert [one["state"] for one in story["discrepancies"]] == ["resolved"]
    assert get(f"{url}/executions/o-0", account_id=ACCOUNT) == story
    get(f"{url}/executions/o-0", 404, account_id="another")
    assert "there is no order nobody" in get(f"{url}/executions/nobody", 404)["detail"]


def test_findings_and_letters_are_those_of_the_commands(url: str, filled: str) -> None:
    found = get(f"{url}/discrepancies")["items"]
    kinds = shape("discrepancies")
    Draft202012Validator(kinds).validate({"open": 0, "matching": len(found), "discrepancies": found})
    assert get(f"{url}/discrepancies/{found[0]['discrepancy_id']}") == found[0]
    get(f"{url}/discrepancies/999999", 404)
    letters = get(f"{url}/dead-letters")["items"]
    Draft202012Validator(shape("dead-letters-list")).validate({"open": 1, "dead_letters": letters})
    assert len(get(f"{url}/dead-letters", open_only="true")["items"]) == 1
    text = requests.get(f"{url}/dead-letters", timeout=10).text
    assert "bytes of the broker" not in text
    assert "payload" not in text


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("executions", {"symbl": "AAPL"}, "there is no parameter 'symbl' here"),
        ("executions", {"limit": "0"}, "from 1 to 500"),
        ("executions", {"limit": "501"}, "from 1 to 500"),
        ("executions", {"since": "yesterday"}, "2026-01-05T14:30:00Z"),
        ("executions", {"since": "2026-13-01T00:00:00Z"}, "since"),
        ("executions", {"symbol": "A\x00B"}, "control characters"),
        ("executions", {"symbol": ""}, "leave it out"),
        ("executions", {"symbol": "x" * 201}, "1 to 200 characters"),
        ("executions", {"symbol": ["A", "B"]}, "given 2 times"),
        ("executions", {"open": "yes"}, "true or false"),
        ("executions", {"cursor": "rubbish"}, "cursor"),
        ("executions", {"cursor": "W10"}, "cursor"),
        ("sweeps", {"kind": "cold"}, "hot, gap, deep, full"),
        ("discrepancies/0", {}, "a number from 1"),
        ("discrepancies/x", {}, "a number from 1"),
        ("status", {"x": "y"}, "there is no parameter"),
    ],
)
def test_what_is_asked_wrong_is_said(url: str, path: str, query: dict[str, Any], words: str) -> None:
    assert words in get(f"{url}/{path}", 400, **query)["detail"]


def test_a_cursor_is_of_its_list_and_filters(url: str) -> None:
    cursor = get(f"{url}/executions", limit=2)["next"]
    assert "other filters" in get(f"{url}/executions", 400, cursor=cursor, symbol="AAPL")["detail"]
    get(f"{url}/sweeps", 400, cursor=cursor)


def test_unknown_paths_and_methods_are_problems(url: str) -> None:
    get(f"{url}/elsewhere", 404)
    for method in ("PUT", "DELETE", "PATCH"):
        answer = requests.request(method, f"{url}/status", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/problem+json")
    assert requests.post(f"{url}/status", timeout=10).status_code == 401
    assert requests.head(f"{url}/executions", timeout=10).status_code == 200


def test_an_answer_that_holds_is_not_sent_again(url: str) -> None:
    first = requests.get(f"{url}/fills", timeout=10)
    again = requests.get(f"{url}/fills", headers={"If-None-Match": first.headers["ETag"]}, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    other = requests.get(f"{url}/fills", headers={"Accept": "text/csv"}, timeout=10)
    assert other.headers["Content-Type"].startswith("text/csv")
    assert other.headers["ETag"] != first.headers["ETag"]


def test_other_sites_and_other_names_are_refused(url: str) -> None:
    assert get(url + "/status", 421, {"Host": "evil.example:8080"})["title"]
    get(url + "/status", 403, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"})
    get(url + "/status", 403, {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"})
    get(url + "/status", 403, {"Origin": "https://evil.example"})
    visit = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    get(url + "/status", 200, visit)
    get(url + "/status", 403, visit | {"Sec-Fetch-Dest": "iframe"})
    mine = url.removesuffix("/api/v1")
    assert get(url + "/status", 200, {"Origin": mine, "Sec-Fetch-Site": "same-origin"})
    answer = requests.post(
        f"{url}/rewind", headers={"Authorization": f"Bearer {TOKEN}", "Origin": "https://evil.example"}, timeout=10
    )
    assert answer.status_code == 403
    headers = requests.get(f"{url}/status", timeout=10).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")


def test_what_is_too_long_is_refused(url: str) -> None:
    token = {"Authorization": f"Bearer {TOKEN}"}
    assert requests.post(f"{url}/rewind", data="x" * 70_000, headers=token, timeout=10).status_code == 413
    assert requests.get(f"{url}/status", params={"x": "y" * 9000}, timeout=10).status_code == 414
    assert requests.get(f"{url}/status", headers={"X-Long": "y" * 20_000}, timeout=10).status_code == 431


def test_off_loopback_a_session_reads_and_does_not_write(filled: str) -> None:
    with serving_site(filled, is_loopback=False) as url:
        assert requests.get(f"{url}/api/v1/status", timeout=10).status_code == 401
        page = requests.get(url, headers={"Accept": "text/html"}, timeout=10)
        assert (page.status_code, page.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert 'action="/session"' in page.text
        with requests.Session() as browser:
            assert browser.post(f"{url}/session", data={"token": "wrong"}, timeout=10).status_code == 401
            signed = browser.post(f"{url}/session", data={"token": TOKEN}, timeout=10, allow_redirects=False)
            assert (signed.status_code, signed.headers["Location"]) == (303, "/")
            cookie = signed.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "samesite=strict" in cookie.lower()
            assert TOKEN not in cookie
            assert browser.get(f"{url}/api/v1/status", timeout=10).status_code == 200
            assert browser.post(f"{url}/api/v1/rewind", json={}, timeout=10).status_code == 401
        name, _, value = cookie.partition(";")[0].partition("=")
        forged = f"{int(value.partition('.')[0]) + 1}.{value.partition('.')[2]}"
        for wrong in (forged, "1.x", "", "²."):
            answer = requests.get(f"{url}/api/v1/status", headers={"Cookie": f"{name}={wrong}".encode()}, timeout=10)
            assert answer.status_code == 401


def test_before_the_servers_are_known_it_says_so(filled: str) -> None:
    with serving_site(filled, offered=False) as url:
        for path in ("status", "executions", "events", "cursors"):
            assert "starting" in get(f"{url}/api/v1/{path}", 503)["detail"]


def test_a_finding_changes_what_status_says(url: str, filled: str) -> None:
    before = get(f"{url}/status")["open_discrepancies"]
    number = put_discrepancy(filled, "missing_fill", "o-1")
    assert get(f"{url}/discrepancies", subject="o-1", state="open")["items"][0]["discrepancy_id"] == number
    assert before == []


def post(url: str, expected: int, body: object, token: str = TOKEN) -> Any:
    answer = requests.post(url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=20)
    assert answer.status_code == expected, answer.text
    return answer.json()


def test_a_discrepancy_is_accepted_once_by_who_has_the_token(url: str, filled: str) -> None:
    number = put_discrepancy(filled, "overfill", "o-3")
    wanted = {"discrepancy_id": number, "reason": "the broker says so too", "who": "alice"}
    post(f"{url}/discrepancies/accept", 401, wanted, token="wrong")
    for wrong in ({}, wanted | {"reason": " "}, wanted | {"discrepancy_id": "1"}, wanted | {"why": "x"}):
        post(f"{url}/discrepancies/accept", 400, wrong)
    accepted = post(f"{url}/discrepancies/accept", 200, wanted)
    Accepted.model_validate(accepted)
    assert (accepted["discrepancy_id"], accepted["type"], accepted["subject"]) == (number, "overfill", "o-3")
    found = get(f"{url}/discrepancies/{number}")
    assert (found["state"], found["resolution"]) == ("accepted", "the broker says so too")
    assert found["resolved_by"].startswith("alice over HTTP")
    assert "is not open" in post(f"{url}/discrepancies/accept", 409, wanted)["detail"]
    unknown = post(f"{url}/discrepancies/accept", 400, wanted | {"discrepancy_id": 9**9})
    assert "there is no discrepancy" in unknown["detail"]
    (action, *_) = get(f"{url}/actions", action="discrepancy_accept")["items"]
    assert action["who"].startswith("alice over HTTP")


def test_dead_letters_are_retried(url: str) -> None:
    letters = get(f"{url}/dead-letters", open_only="true")["items"]
    assert letters
    names = [f"{one['topic']}:{one['partition']}:{one['offset']}" for one in letters]
    for wrong in ({}, {"all": True, "reason": "bad_number"}, {"letters": ["x"]}, {"letters": names, "since": "never"}):
        post(f"{url}/dead-letters/retry", 400, wrong)
    one = post(f"{url}/dead-letters/retry", 200, {"letters": names[:1], "who": "bob", "why": "a new parser"})
    RetryReport.model_validate(one)
    assert [each["letter"] for each in one["retried"]] == names[:1]
    every = post(f"{url}/dead-letters/retry", 200, {"all": True})
    assert {each["letter"] for each in every["retried"]} >= set(names[1:])
    assert (every["more"], every["open"]) == (False, len(every["retried"]) - every["resolved"])
    assert post(f"{url}/dead-letters/retry", 200, {"order_id": "nobody's"})["retried"] == []


def test_a_sweep_is_asked_for(url: str) -> None:
    assert "kind" in post(f"{url}/sweeps/ask", 400, {"kind": "cold"})["detail"]
    asked = post(f"{url}/sweeps/ask", 200, {"kind": "hot", "why": "a doubt", "who": "carol"})
    SweepAsked.model_validate(asked)
    (action,) = [
        one for one in get(f"{url}/actions", action="sweep")["items"] if one["action_id"] == asked["action_id"]
    ]
    assert (action["subject"], action["why"], action["finished_at"]) == ("hot", "a doubt", None)
    assert action["who"].startswith("carol over HTTP")
