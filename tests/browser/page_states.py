"""The other states of the page, and a rewind by its form: `make page`, since it takes a minute."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import psycopg
import pytest
import requests
from playwright.sync_api import Page, expect

from stream_reconcile.core.lag_state import LagState
from stream_reconcile.jobs.lag import LagReport
from stream_reconcile.log.topics import Partition
from support.histories import history_log
from support.members import Stage
from support.pages import heading, violations
from support.real_log import RealLog
from support.servers import SCHEMA, Servers, create_database, drop_database
from support.site import TOKEN, Report, fill, last_proved, put_broker_away, serving_site
from support.waiting import wait_until
from support.wire_data import ACCOUNT

Open = Callable[..., Page]
Shot = Callable[[Page, str], None]


DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
ADDRESSES = (
    "/",
    "/orders",
    "/orders/o-0",
    "/fills",
    "/positions",
    "/discrepancies",
    "/discrepancies/1",
    "/sweeps",
    "/dead-letters",
    "/cursors",
    "/actions",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_every_page(site: tuple[str, str], opened: Open, shot: Shot, scheme: str) -> None:
    url, _ = site
    page = opened(url, color_scheme=scheme, viewport=PHONE if scheme == "dark" else DESK)
    for address in ADDRESSES:
        page.goto(url + address)
        assert violations(page) == [], address
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{address} is wider than the screen"
    page.goto(url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    # Each colour was looked at on one of the screens; the pictures show the other two ways.
    page.set_viewport_size(DESK if scheme == "dark" else PHONE)
    page.mouse.click(5, 5)
    shot(page, "dark" if scheme == "dark" else "phone")


def test_empty_starting_lagging_and_lost(database: str, opened: Open, shot: Shot) -> None:
    with serving_site(database, offered=False) as url:
        page = opened(url)
        expect(heading(page)).to_have_text("Looking…")
        shot(page, "starting")
        page = opened(f"{url}/orders", expected=503)
        expect(page.locator("main")).to_contain_text("The program is starting")
        assert violations(page) == []
    with serving_site(database) as url:
        page = opened(url)
        expect(heading(page)).to_have_text("No account has been seen yet")
        expect(page.locator("main")).to_contain_text("No order has come yet.")
        assert violations(page) == []
        shot(page, "empty")
        expect(opened(f"{url}/orders").locator(".nothing")).to_be_visible()
        wrong = opened(f"{url}/orders?origin=nobody", expected=400)
        expect(wrong.locator("main")).to_contain_text("Origin: write one of own, recovered, external.")
    expect(page.locator("#lost")).to_be_visible(timeout=40_000)
    shot(page, "lost")


def test_a_database_that_goes_away_is_said(servers: Servers, postgres_server: str, opened: Open, shot: Shot) -> None:
    dsn = create_database(postgres_server, "test_page_away", template=servers.template())
    fill(dsn)
    with serving_site(dsn) as url:
        page = opened(url)
        expect(heading(page)).to_have_text(re.compile("Equal"))
        drop_database(postgres_server, "test_page_away")
        expect(heading(page)).to_have_text(re.compile("Not known. Last seen: equal to the broker"), timeout=30_000)
        shot(page, "database-away")


class Growing(Report):
    """A log that grows while nobody applies it."""

    def read(self) -> LagReport:
        self.behind, self.seconds = self.behind + 250, self.seconds + 0.5
        return super().read()


def test_apply_that_falls_behind_is_seen(database: str, opened: Open, shot: Shot) -> None:
    fill(database)
    last_proved(database, timedelta(minutes=40))
    with serving_site(database, report=Growing(behind=20_000, seconds=40.0, state=LagState.STALL)) as url:
        page = opened(url, viewport=DESK)
        expect(heading(page)).to_have_text(re.compile("Was equal to the broker as of .*40 min ago"))
        expect(page.locator(".flow .bad")).to_contain_text("1 partition late")
        expect(page.locator(".flow .bad")).to_contain_text(re.compile(r"2\d\u202f\d{3} records, \d+\.\d s behind"))
        expect(page.locator("figcaption")).to_contain_text(re.compile("in the last [5-9] s"))
        assert violations(page) == []
        shot(page, "lagging")


def test_a_broker_that_is_away_is_seen(database: str, opened: Open, shot: Shot) -> None:
    fill(database)
    last_proved(database, timedelta(minutes=4))
    put_broker_away(database, timedelta(minutes=3))
    with serving_site(database) as url:
        page = opened(url, viewport=DESK)
        expect(heading(page)).to_have_text(re.compile(r"Not equal to the broker since .*3 min ago"))
        expect(page.locator(".flow .bad")).to_contain_text("no socket")
        expect(page.locator(".flow .warn")).to_contain_text("1 gap open")
        expect(page.locator(".sweepline")).to_contain_text("incomplete")
        assert violations(page) == []
        shot(page, "broker-away")


@pytest.fixture
def stage(kafka: str, topic_prefix: str, database: str) -> Iterator[Stage]:
    with RealLog(kafka, topic_prefix) as log:
        yield Stage(log, database, topic_prefix)


def test_a_rewind_is_planned_done_and_taken_back(stage: Stage, opened: Open, shot: Shot) -> None:
    log, _ = history_log(95, 20, ACCOUNT)
    place = Partition(stage.log.topics.trade_updates, 1)
    stage.log.produce(log.records[:40], partition=1)
    topic_id = stage.log.admin.topic_ids([place.topic])[place.topic]
    stage.execute(
        "INSERT INTO stream_cursors (consumer_group, topic, partition, next_offset, max_offset, owner, epoch,"
        " cluster_id, topic_id) VALUES (%s, %s, 1, 40, 40, 'gone', 1, 'c', %s)",
        *(stage.group, place.topic, topic_id),
    )
    with serving_site(stage.dsn, kafka=stage.log.kafka, group=stage.group) as url:
        asked = {"topics": ["trade-updates.v1:1"], "to_offset": 7}
        token = {"Authorization": f"Bearer {TOKEN}"}
        wait_until(
            lambda: requests.post(f"{url}/api/v1/rewind", json=asked, headers=token, timeout=30).ok,
            timeout=60,
            what="Kafka to have loaded its groups",
        )
        page = opened(f"{url}/cursors")
        result = page.locator("#rewind-result")
        page.get_by_label("Topics and partitions").fill("trade-updates.v1:1")
        page.get_by_label("Where to").select_option("to_offset")
        page.get_by_label("Value").fill("7")
        page.get_by_label("Who you are").fill("alice")
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Plan", exact=True).click()
        expect(result).to_contain_text("Send the token")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Plan", exact=True).click()
        expect(result).to_contain_text("Planned: 33 records are read again")
        shot(page, "rewind")
        doing = page.get_by_role("button", name="Rewind as planned")
        page.get_by_label("Value").fill("8")
        expect(doing).to_be_disabled()
        page.get_by_label("Value").fill("7")
        page.get_by_role("button", name="Plan", exact=True).click()
        doing.click()
        expect(result).to_contain_text('"execute" needs "reason"')
        page.get_by_label("Why").fill("a doubt")
        page.get_by_role("button", name="Plan", exact=True).click()
        doing.click()
        expect(result).to_contain_text("Rewound: 33 records are read again")
        with psycopg.connect(stage.dsn, options=f"-c search_path={SCHEMA}") as connection:
            found = connection.execute("SELECT next_offset, who FROM stream_cursors, operator_actions").fetchall()
        assert found == [(7, "alice over HTTP (login postgres)")]
        page.get_by_role("button", name="Plan to take the newest back").click()
        expect(result).to_contain_text("Planned: 33 records are not read again")
        page.get_by_role("button", name="Take it back").click()
        expect(result).to_contain_text("Taken back")
        page.goto(f"{url}/actions")
        expect(page.locator("tbody tr")).to_have_count(2)
