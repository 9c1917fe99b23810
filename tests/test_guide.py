"""The user guide says what stands on the pages, and shows pictures that are there and are small."""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e.guide import PICTURES, SUFFIX
from tests.e2e.looks import LOOKS
from tests.e2e.pages import PAGES
from tests.e2e.screenshots import FOLD, THEMES, picture_name

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_BYTES = 1_500_000
BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)


def shown(text: str, folder: str) -> set[str]:
    """Names of the pictures that a page shows."""
    return set(re.findall(rf"!\[[^\]]+\]\({folder}([^)]+)\)", text))


def test_every_picture_that_is_shown_is_made_and_there() -> None:
    made = {picture.name + SUFFIX for picture in PICTURES}
    in_guide, in_readme = shown(GUIDE, "pictures/"), shown(README, "docs/pictures/")
    assert in_guide | in_readme == made
    assert len(in_readme) == 4
    assert {path.name for path in (ROOT / "docs/pictures").iterdir()} == made


def test_pictures_are_small_together() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "docs/pictures").iterdir()]
    assert sum(sizes) < MOST_BYTES


def test_every_picture_is_cut_from_one_that_is_taken() -> None:
    taken = {
        picture_name(page.name, look, theme).removesuffix(".png")
        for page in PAGES
        for look in LOOKS
        for theme in (*THEMES[look.language], FOLD)
    }
    assert {picture.taken for picture in PICTURES} <= taken


def test_bold_words_of_the_guide_stand_on_the_pages() -> None:
    sources = [*(ROOT / "web_ui").rglob("*.html"), *(ROOT / "web_ui").rglob("*.py")]
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sources).lower()
    words = {" ".join(found.split()).rstrip(".") for found in BOLD.findall(GUIDE)}
    absent = {word for word in words if word.lower() not in texts}
    # The one that says what bold words are.
    assert absent == {"bold"}
