"""The demo's panel over HTTP: who may press, who may not, that it is nowhere else, and when it says healed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import requests

from stream_reconcile.commands.run import Process, Role
from stream_reconcile.config import Settings
from stream_reconcile.demo.panel import __main__ as entry
from stream_reconcile.demo.panel.desk import Desk
from stream_reconcile.demo.panel.healing import Found, healing
from stream_reconcile.demo.panel.link import DeskLink, PageLink
from stream_reconcile.demo.panel.routes import KEY_HEADER, PATH, Panel
from stream_reconcile.embedded.obstacles import find_port
from stream_reconcile.simulator.runner import running_simulator
from support.panel import PanelSite, key_of, serving_panel
from support.servers import SCHEMA
from support.site import ACCOUNT, TOKEN, fill, put_discrepancy, serving_site
from support.waiting import wait_until


@pytest.fixture
def site(database: str) -> Iterator[PanelSite]:
    fill(database)
    with running_simulator(seed=5, rate=0) as simulator, serving_panel(simulator, database) as site:
        yield site


def press(url: str, act: str, **headers: str) -> requests.Response:
    return requests.post(f"{url}{PATH}/{act}", headers=headers, timeout=30)


def test_only_the_panel_of_this_run_may_press(site: PanelSite) -> None:
    page = requests.get(site.url, timeout=10)
    key = {KEY_HEADER: key_of(page.text)}
    assert len(key[KEY_HEADER]) >= 32
    for given in ({}, {KEY_HEADER: ""}, {KEY_HEADER: "wrong"}, {"Authorization": f"Bearer {TOKEN}"}):
        refused = press(site.url, "by-hand", **given)
        assert refused.status_code == 403, given
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert key[KEY_HEADER] not in refused.text
    foreign: list[tuple[dict[str, str], int]] = [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ({"Host": "evil.example"}, 421),
    ]
    for headers, status in foreign:
        assert press(site.url, "by-hand", **key, **headers).status_code == status, headers
    assert requests.get(f"{site.url}{PATH}/by-hand", headers=key, timeout=10).status_code == 405
    assert press(site.url, "format-disk", **key).status_code == 404
    closed = press(site.url, "by-hand", **key)
    assert (closed.status_code, "still being played" in closed.json()["detail"]) == (409, True)
    assert site.ground.control.counters()["orders"] == 0
    site.open()
    assert press(site.url, "disconnect", **key).status_code == 409  # nobody listens
    done = press(site.url, "by-hand", **key, Origin=site.url)
    assert (done.status_code, done.json()) == (202, {"number": 1})
    assert site.ground.control.counters()["orders"] == 1
    told = requests.get(f"{site.url}{PATH}", timeout=10).json()
    assert (told["closed"], told["acts"]["by-hand"]["state"]) == ("", "healing")


def test_it_is_nowhere_else(database: str) -> None:
    fill(database)
    with serving_site(database) as url:
        assert "panel" not in requests.get(url, timeout=10).text
        for path in (PATH, f"{PATH}/drop", "/demo/static/panel.js"):
            assert requests.get(url + path, timeout=10).status_code == 404
            assert requests.post(url + path, timeout=10).status_code in {404, 405}


def test_an_address_that_others_can_reach_has_none() -> None:
    settings = Settings.model_validate({"http_addr": f"0.0.0.0:{find_port()}", "http_token": TOKEN})
    with DeskLink(Desk()) as link:
        page = PageLink(link.theirs.dup())
        process = Process(settings, {Role.WEB}, Panel(page))
        with process._web():
            answer = requests.get(
                f"http://127.0.0.1:{settings.listen.port}{PATH}",
                headers={"Authorization": f"Bearer {TOKEN}"},
                timeout=10,
            )
        page.close()
    assert answer.status_code == 404


@pytest.mark.parametrize("arguments", [[], ["x"], ["99999"]])
def test_it_can_not_be_run_without_the_demo(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["panel", *arguments])
    with pytest.raises(SystemExit, match="demo --serve"):
        entry.main()


def test_healed_is_what_a_sweep_proved_that_began_afterwards(database: str) -> None:
    fill(database)
    with psycopg.connect(database, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
        begun = datetime.now(UTC)
        over = begun + timedelta(seconds=1)
        number = put_discrepancy(database, "missing_fill", "o-1", since=timedelta(0))
        put_discrepancy(database, "cancel_fill_race", "o-1", since=timedelta(0))  # the broker's own trading
        before = healing(connection, begun, over)
        assert (before.healed_at, before.findings) == (None, (Found("missing_fill", 1, 1),))

        def sweep(at: datetime, **values: Any) -> None:
            connection.execute(
                "INSERT INTO sweeps (account_id, kind, owner, lease_epoch, window_start, started_at, finished_at, "
                "complete, proven_equal_at, published) VALUES (%s, 'hot', 'o', 1, %s, %s, %s, true, %s, %s)",
                [ACCOUNT, at, at, at + timedelta(seconds=2), values.get("proven"), values.get("published", 0)],
            )

        early = begun + timedelta(seconds=0.5)
        sweep(early, proven=early, published=3)  # it began while the disturbance went on
        assert healing(connection, begun, over).healed_at is None
        assert healing(connection, begun, None).healed_at is None
        connection.execute(
            "UPDATE discrepancies SET state = 'resolved', resolved_at = now() WHERE discrepancy_id = %s", [number]
        )
        late = begun + timedelta(seconds=5)
        sweep(late, proven=late, published=2)
        found = healing(connection, begun, over)
        assert (found.proven_at, found.healed_at, found.kind) == (late, late + timedelta(seconds=2), "hot")
        assert (found.repairs, found.findings) == (5, (Found("missing_fill", 1, 0),))


def test_a_decision_whose_submission_times_out_is_pressed(site: PanelSite) -> None:
    key = {KEY_HEADER: key_of(requests.get(site.url, timeout=10).text)}
    account = site.ground.control.overview()["account_id"]
    with psycopg.connect(site.ground.dsn, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
        connection.execute("INSERT INTO accounts (account_id, key_fingerprint) VALUES (%s, 'f')", [account])
        site.open()
        assert press(site.url, "submit", **key).status_code == 202
        states = connection.execute("SELECT state FROM trade_decisions WHERE account_id = %s", [account]).fetchall()
        assert states == [("submitted",)]
    wait_until(lambda: site.ground.control.counters()["orders"] == 1, timeout=20, what="the order to be placed")
