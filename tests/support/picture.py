"""`make picture`: a real demo, disturbed by its panel and healed, and the picture of its page for the README.

The simulated broker is the only thing in it that is not as it is in life.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import requests
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from support.command import environment, free_port
from support.pages import BROWSERS
from support.servers import traversable_directory
from support.waiting import wait_until

PICTURE: Final = Path(__file__).resolve().parents[2] / "docs" / "status-page.png"
MOST_BYTES: Final = 150_000
_SIZE: Final[ViewportSize] = {"width": 1280, "height": 640}


def main() -> None:
    """Write the picture; exits with a sentence where that can't be done."""
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        sys.exit(f"no browser is installed (looked for: {', '.join(BROWSERS)})")
    address = f"127.0.0.1:{free_port()}"
    directory = traversable_directory("reconcile-picture-")
    demo = subprocess.Popen(
        [sys.executable, "-m", "stream_reconcile", "demo", "--serve", "--for", "20"],
        env=environment({"RECONCILE_DATA_DIR": str(directory), "RECONCILE_HTTP_ADDR": address}),
    )
    try:
        wait_until(lambda: _is_open(f"http://{address}", demo), timeout=300, what="the story to be over")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            expect.set_options(timeout=120_000)
            _take(browser.new_page(viewport=_SIZE), f"http://{address}")
            browser.close()
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(240)
        shutil.rmtree(directory, ignore_errors=True)
    size = PICTURE.stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{PICTURE} has {size:,} bytes, more than {MOST_BYTES:,}")
    print(f"{PICTURE}: {size:,} bytes")  # noqa: T201 - what was asked for


def _is_open(url: str, demo: subprocess.Popen[bytes]) -> bool:
    if demo.poll() is not None:
        sys.exit(f"the demo ended with {demo.returncode}")
    try:
        return bool(requests.get(f"{url}/demo/panel", timeout=30).json().get("closed") == "")
    except requests.ConnectionError:
        return False


def _take(page: Page, url: str) -> None:
    page.goto(url)
    button = page.get_by_role("button", name="Drop frames")
    expect(button).to_have_attribute("aria-disabled", "false")
    button.click()
    became = page.locator("#became-drop")
    expect(became).to_contain_text("healed after")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Equal to the broker as of")
    page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
