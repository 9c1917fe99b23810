"""Pictures of every page: `make screenshots`.

    python -m tests.e2e.screenshots OUT [GUIDE]

OUT gets each page on a phone and on a screen, light and dark, and once from right to left; beside
them one sheet a page, to be looked at. GUIDE gets the pictures of the user guide and the README.
Every field in them is drawn; no patient's picture is there.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.e2e.clinic import furnish
from tests.e2e.looks import LOOKS, Look
from tests.e2e.pages import ADMIN, PAGES, PageSpec
from tests.support.appliance import appliance, chromium, log_in

FIELDS = 6
THEMES = ("light", "dark")
# Fields are drawn and screened by two looks at most; a sheet shows the head of a long page.
SHEET_HEIGHT_PX = 1600
GAP_PX = 16


def main(out: Path, guide: Path | None = None) -> None:
    """Furnishes a clinic and takes every page of it."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        home = Path(folder) / "home"
        ids = furnish(home, FIELDS)
        with appliance(home) as address:
            take_pages(browser, address, ids, out)
    for spec in PAGES:
        make_sheet(out, spec.name)
    if guide is not None:
        guide.mkdir(parents=True, exist_ok=True)


def take_pages(browser: Browser, address: str, ids: dict[str, str], out: Path) -> None:
    """All pages in all looks."""
    for look in LOOKS:
        with ExitStack() as stack:
            context = look.open(browser, address)
            stack.callback(context.close)
            page = context.new_page()
            page.goto(address)
            log_in(page)
            for spec in (page for page in PAGES if page.who == ADMIN):
                page.goto(address + spec.path.format(**ids))
                take_themes(page, look, spec, out)


def take_themes(page: Page, look: Look, spec: PageSpec, out: Path) -> None:
    """A page in both themes; from right to left in one, which is enough."""
    load_all(page)
    for theme in THEMES if look.language == "en" else THEMES[:1]:
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.screenshot(path=out / f"{spec.name}-{look.name}-{theme}.png", full_page=True)


def load_all(page: Page) -> None:
    """Pictures that load late, now."""
    page.evaluate("document.querySelectorAll('img').forEach(image => { image.loading = 'eager' })")
    page.wait_for_function(
        "Array.from(document.images).every(image => image.complete || !image.src)", timeout=30_000
    )


def make_sheet(out: Path, name: str) -> None:
    """All pictures of a page side by side, each cut to its head."""
    pictures = []
    for path in sorted(out.glob(f"{name}-*.png")):
        if path.stem.removeprefix(f"{name}-").rpartition("-")[0] in {look.name for look in LOOKS}:
            with Image.open(path) as opened:
                size = (opened.width, min(opened.height, SHEET_HEIGHT_PX))
                pictures.append(opened.convert("RGB").crop((0, 0, *size)))
    width = sum(picture.width + GAP_PX for picture in pictures)
    sheet = Image.new("RGB", (width, max(p.height for p in pictures)), (120, 120, 120))
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + GAP_PX
    (out / "sheets").mkdir(exist_ok=True)
    sheet.save(out / "sheets" / f"{name}.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
