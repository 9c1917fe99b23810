"""Pictures of every page: `make screenshots`.

    python -m tests.e2e.screenshots OUT [--guide DOCS] [PAGE...]

OUT gets each page on a phone and on a screen, light and dark, and once from right to left, and what
a phone shows of it before anyone scrolls; beside them one sheet a page, to be looked at. DOCS gets
the pictures of the user guide and the README. Every field in them is drawn; no patient's picture is
there.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.e2e.guide import write_guide_pictures
from tests.e2e.looks import LOOKS, Look
from tests.e2e.pages import PAGES, RARE_PAGES, PageSpec
from tests.e2e.visits import Visits, visits

FIELDS = 6
# From right to left one theme is enough: a theme changes no place.
THEMES = {"en": ("light", "dark"), "ar": ("light",)}
# A sheet shows the head of a long page, and a wide one smaller.
SHEET_WIDTH_PX = 720
# What a phone shows before anyone scrolls.
FOLD = "fold"
SHEET_HEIGHT_PX = 1700
GAP_PX = 16
# A stream never ends loading, and shows what there is.
_LOAD_ALL = """async () => {
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const still = Array.from(document.images).filter((one) => !one.dataset.stream);
  still.forEach((one) => { one.loading = "eager" });
  const waits = () => still.some((one) => one.src && !one.complete);
  for (let turn = 0; turn < 300 && waits(); turn++) await wait(50);
}"""


def main(out: Path, guide: Path | None, names: list[str]) -> None:
    """Takes all pages, or those named."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, visits(Path(folder), FIELDS) as clinic:
        for spec in (*PAGES, *RARE_PAGES):
            if not names or spec.name in names:
                take_page(clinic, spec, out)
    if guide is not None:
        write_guide_pictures(out, guide)


def take_page(clinic: Visits, spec: PageSpec, out: Path) -> None:
    """A page in all its looks, and the sheet of them."""
    taken = []
    for look in LOOKS:
        page, _ = clinic.visit(look, spec)
        if look.touch and look.language == "en":
            taken.append(out / picture_name(spec.name, look, FOLD))
            page.screenshot(path=taken[-1])
        load_all(page)
        for theme in THEMES[look.language]:
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            taken.append(out / picture_name(spec.name, look, theme))
            take_whole(page, look, taken[-1])
        page.emulate_media(color_scheme="light")
    make_sheet(taken, out / "sheets" / f"{spec.name}.png")


def take_whole(page: Page, look: Look, path: Path) -> None:
    """A page to its end, on a screen so high that what sticks to its foot is at the end."""
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": look.width, "height": max(look.height, height)})
    page.screenshot(path=path)
    page.set_viewport_size({"width": look.width, "height": look.height})


def picture_name(name: str, look: Look, theme: str) -> str:
    """The file of a page in a look and a theme."""
    return f"{name}-{look.name}-{theme}.png"


def load_all(page: Page) -> None:
    """Pictures that load late are loaded now."""
    page.evaluate(_LOAD_ALL)


def make_sheet(taken: list[Path], sheet: Path) -> None:
    """Pictures of a page side by side, each cut to its head."""
    pictures = []
    for path in taken:
        with Image.open(path) as opened:
            found = opened.convert("RGB")
        found.thumbnail((SHEET_WIDTH_PX, found.height))
        pictures.append(found.crop((0, 0, found.width, min(found.height, SHEET_HEIGHT_PX))))
    size = (sum(p.width + GAP_PX for p in pictures), max(p.height for p in pictures))
    drawn, left = Image.new("RGB", size, (120, 120, 120)), 0
    for picture in pictures:
        drawn.paste(picture, (left, 0))
        left += picture.width + GAP_PX
    sheet.parent.mkdir(exist_ok=True)
    drawn.save(sheet)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--guide", type=Path)
    given = parser.parse_args()
    main(given.out, given.guide, given.names)
