"""A real Chromium: Debian's, or another that is on the path. Where there is none, these tests are skipped."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from support.pages import BROWSERS
from support.site import fill, serving_site

SHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"

Open = Callable[..., Page]


@pytest.fixture
def site(database: str) -> Iterator[tuple[str, str]]:
    """Address and database of a program with some orders."""
    fill(database, orders=60)
    with serving_site(database) as url:
        yield url, database


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Not for longer: while it is open this thread has a running loop, and no other test could `asyncio.run`."""
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser is installed (looked for: {', '.join(BROWSERS)})")
    with sync_playwright() as playwright:
        # As root Chromium has no sandbox; it opens nothing but the test's own server.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        expect.set_options(timeout=30_000)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Open]:
    """Opens an address in a browser of its own; at the end none may have said anything on its console."""
    said: list[str] = []
    contexts = []

    def open_page(url: str, *, expected: int = 200, **options: object) -> Page:
        context = chromium.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        answer = page.goto(url)
        assert answer is not None
        assert answer.status == expected
        return page

    yield open_page
    for context in contexts:
        context.close()
    # An answer that is an error, or none, is a line of the console, whatever the page makes of it.
    told = re.compile("the server responded with a status of (400|401|409|503)|net::ERR_")
    assert [line for line in said if not told.search(line)] == []


@pytest.fixture
def shot() -> Callable[[Page, str], None]:
    """Keeps a picture of the page as build output."""

    def take(page: Page, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    return take
