"""The demo's panel in a real browser: what it says before, while and after, and that everybody can use it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
from playwright.sync_api import Locator, Page, expect

from stream_reconcile.demo.panel.acts import ACTS
from stream_reconcile.simulator.runner import running_simulator
from support.pages import violations
from support.panel import serving_panel
from support.servers import SCHEMA
from support.site import ACCOUNT, fill, put_discrepancy

Open = Callable[..., Page]
Shot = Callable[[Page, str], None]


def test_buttons_are_pressed_and_what_became_of_them_is_told(database: str, opened: Open, shot: Shot) -> None:
    fill(database, orders=60)
    with running_simulator(seed=5, rate=0) as simulator, serving_panel(simulator, database) as site:
        page = opened(site.url, viewport={"width": 1280, "height": 900})
        panel = page.get_by_role("region", name="Disturb it")
        for act in ACTS:
            button = panel.get_by_role("button", name=act.title, exact=True)
            expect(button).to_have_accessible_description(f"{act.does} To see: {act.seen}")
            expect(button).to_have_attribute("aria-disabled", "true")
        expect(panel).to_contain_text("The story of the demo is still being played")
        assert violations(page) == []
        site.open()
        button = panel.get_by_role("button", name="Drop frames")
        expect(button).to_have_attribute("aria-disabled", "false")
        # By keyboard, as far as it goes; the broker does not trade, so it lasts.
        button.focus()
        page.keyboard.press("Enter")
        became = _became(page, "drop")
        expect(became).to_contain_text(re.compile("under way.*It strikes the next 20 frames", re.DOTALL))
        expect(button).to_be_focused()
        expect(button).to_have_attribute("aria-disabled", "true")
        expect(panel.get_by_role("status")).to_have_text("Drop frames: under way")
        assert violations(page) == []
        put_discrepancy(database, "missing_fill", "o-1", since=timedelta(0))
        simulator.control.flow(2000, orders=40)
        expect(became).to_contain_text(re.compile(r"over, healing.*Lost: \d+ \w+", re.DOTALL))
        expect(became).to_contain_text("1 missing_fill, 1 still open")
        shot(page, "panel-healing")
        _prove(database)
        expect(became).to_contain_text(re.compile(r"healed after \d+ s.*closed again.*every row equal", re.DOTALL))
        expect(panel.get_by_role("status")).to_have_text(re.compile("Drop frames: healed after"))
        # What can't be done is said beside the button.
        cut = panel.get_by_role("button", name="Disconnect")
        cut.click()
        expect(_became(page, "disconnect")).to_contain_text("ingest does not listen just now")
        page.set_viewport_size({"width": 390, "height": 844})
        page.emulate_media(color_scheme="dark")
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        assert violations(page) == []
        page.get_by_role("link", name="Disturb it").click()
        expect(panel).to_be_focused()
        shot(page, "panel-phone-dark")


def _became(page: Page, act: str) -> Locator:
    return page.locator(f"#became-{act}")


def _prove(dsn: str) -> None:
    """As a sweep would that begins now."""
    with psycopg.connect(dsn, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
        connection.execute("UPDATE discrepancies SET state = 'resolved', resolved_at = now() WHERE state = 'open'")
        now = datetime.now(UTC)
        connection.execute(
            "INSERT INTO sweeps (account_id, kind, owner, lease_epoch, window_start, started_at, finished_at, "
            "complete, proven_equal_at) VALUES (%s, 'hot', 'o', 1, %s, %s, %s, true, %s)",
            [ACCOUNT, now, now, now, now],
        )
