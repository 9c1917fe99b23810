"""Pictures of every page at phone and desktop width: `make screenshots`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

from tests.support.appliance import appliance, chromium

SIZES = {"phone": (360, 740), "desktop": (1280, 800)}


def main(out: Path) -> None:
    """Screens one simulated slide and takes every page."""
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        appliance(Path(folder) / "home") as address,
        chromium() as browser,
    ):
        for name, (width, height) in SIZES.items():
            context = browser.new_context(viewport={"width": width, "height": height})
            take_all(context.new_page(), address, out, name)
            context.close()


def take_all(page: Page, address: str, out: Path, size: str) -> None:
    """Every page, in the order in which a person meets it."""

    def take(name: str, full: bool = True) -> None:
        page.screenshot(path=out / f"{name}-{size}.png", full_page=full)

    page.goto(address)
    take("today")
    page.goto(f"{address}/specimens/new")
    take("new")
    page.get_by_label("Label of the slide").fill("S-0142")
    page.get_by_label("Parasitaemia, %").fill("8")
    page.get_by_label("Fields at most").fill("24")
    page.get_by_role("button", name="Start screening").click()
    page.wait_for_timeout(2500)
    take("running")
    page.wait_for_selector("[data-testid=status][data-value=done]", timeout=120_000)
    take("result-top", full=False)
    page.evaluate("document.querySelectorAll('img').forEach(image => { image.loading = 'eager' })")
    page.wait_for_load_state("networkidle")
    take("result")
    for button in page.locator(".sharp-button").all()[:3]:
        button.click()
    page.wait_for_load_state("networkidle")
    page.locator(".gallery").first.scroll_into_view_if_needed()
    take("sharper", full=False)
    result = page.url
    take_records(page, result, take)
    page.goto(result)
    page.locator("a.thumb").first.click()
    page.wait_for_load_state("networkidle")
    take("field")
    for name, path in {
        "history": "specimens",
        "month": "summary",
        "records": "records",
        "about": "about",
        "missing": "nothing",
    }.items():
        page.goto(f"{address}/{path}")
        take(name)


def take_records(page: Page, result: str, take: Callable[..., None]) -> None:
    """Review, count, signature and amendment of a result."""
    page.goto(f"{result}/review")
    page.get_by_label("Your name").fill("A. Reader")
    take("review", full=False)
    for key in "2231":
        said = page.get_by_test_id("reviewed").get_attribute("data-value")
        page.locator(f"button[data-key='{key}']").click()
        page.wait_for_selector(f"[data-testid=reviewed]:not([data-value='{said}'])")
    page.wait_for_load_state("networkidle")
    take("reviewed")
    page.goto(f"{result}/tally?smear=thick")
    for name, times in (("1", 5), ("2", 9), ("3", 1)):
        for _ in range(times):
            page.locator(f"button[data-key='{name}']").click()
    page.wait_for_selector("[data-testid=tally-density]")
    take("tally")
    page.get_by_role("button", name="Store this count").click()
    page.wait_for_selector("[data-testid=person-count]")
    page.goto(f"{result}/sign")
    take("sign")
    page.get_by_role("button", name="Sign as final").click()
    page.wait_for_selector("[data-testid=signature]")
    take("final", full=False)
    page.goto(f"{result}/amend")
    page.get_by_label("Reason").fill("The slide of another patient lay under the microscope.")
    page.get_by_text("Not enough to decide").click()
    take("amend")
    page.get_by_role("button", name="Amend the result").click()
    page.get_by_text("All 3 versions").click()
    take("amended", full=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
