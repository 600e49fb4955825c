"""What tests of the status page look at in a browser."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no stubs
from playwright.sync_api import Locator, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Names of programs that will do."""


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def violations(page: Page) -> list[str]:
    """What axe-core finds that somebody could not use: the rule, and the first places."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found]
