"""The status page in a real browser: what it says, where it leads, how it follows, and that everybody can use it."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from support.pages import heading, violations
from support.site import put_discrepancy

Open = Callable[..., Page]
Shot = Callable[[Page, str], None]


def test_it_says_that_all_is_equal_and_follows_when_it_is_not(site: tuple[str, str], opened: Open, shot: Shot) -> None:
    url, dsn = site
    page = opened(url)
    expect(heading(page)).to_have_text(re.compile(r"Equal to the broker as of \d+ (s|min) ago"))
    flow = page.locator(".flow")
    for name in ("Broker", "Ingest", "Kafka", "Apply", "Postgres"):
        expect(flow.get_by_role("heading", name=name)).to_be_visible()
    expect(flow).to_contain_text("3 records, 1.5 s behind")
    expect(page.locator("figcaption")).to_contain_text("Now 3 records", timeout=30_000)
    assert violations(page) == []
    shot(page, "healthy")
    put_discrepancy(dsn, "missing_fill", "o-1")
    # No reload: the page is told.
    expect(heading(page)).to_have_text(re.compile("Not equal to the broker since"), timeout=30_000)
    expect(page.get_by_role("status")).to_have_text("Not equal to the broker since")
    shot(page, "discrepancy")
    page.get_by_role("link", name="missing_fill").click()
    expect(heading(page)).to_have_text(re.compile("missing_fill"))
    expect(page.locator("section", has_text="The broker says").first).to_contain_text('"filled_qty": "10"')
    expect(page.locator("section", has_text="The rows say").first).to_contain_text('"filled_qty": "0"')
    expect(page.get_by_text("Wait: the FILL activities")).to_be_visible()


def test_orders_are_found_paged_and_shown_whole(site: tuple[str, str], opened: Open, shot: Shot) -> None:
    url, _ = site
    page = opened(f"{url}/orders")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Next 50").click()
    expect(rows).to_have_count(10)
    page.get_by_role("link", name="To the beginning").click()
    page.get_by_label("Symbol").fill("AAPL")
    page.get_by_label("Status").fill("filled")
    page.get_by_role("button", name="Show").click()
    expect(rows).to_have_count(10)
    expect(page.get_by_label("Symbol")).to_have_value("AAPL")
    table = page.request.get(url + str(page.get_by_role("link", name="CSV").get_attribute("href")))
    assert len(table.text().splitlines()) == 11
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("Id begins").fill("c-0")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="o-0").click()
    expect(heading(page)).to_have_text(re.compile(r"buy 10 AAPL\s+filled"))
    expect(page.locator(".timeline li")).to_have_count(2)
    expect(page.locator(".timeline")).to_contain_text("alpaca.trade-updates.v1:0:1")
    expect(page.locator("section", has_text="Decision").last).to_contain_text("bound")
    assert violations(page) == []
    shot(page, "order")
