"""The ways in which every page is looked at: screen, language, theme."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.axe import OF_THEMES, grave
from tests.e2e.watch import Watch, scroll_through, too_small, too_wide
from web_ui.language import COOKIE as LANGUAGE_COOKIE

LIGHT, DARK = THEMES = ("light", "dark")


@dataclass(frozen=True)
class Look:
    """A screen and a language.

    Attributes:
        axe: themes that axe looks at; in the first one at everything, in others at what a theme
            can break.
        dots: of the screen to each CSS px, both ways.
    """

    name: str
    width: int
    height: int
    touch: bool
    language: str = "en"
    axe: tuple[str, ...] = THEMES
    dots: float = 1

    def open(self, browser: Browser, address: str, **more: Any) -> BrowserContext:
        """A browser of its own, in the light theme, whose user chose the look's language."""
        context = browser.new_context(
            viewport={"width": self.width, "height": self.height},
            device_scale_factor=self.dots,
            is_mobile=self.touch,
            has_touch=self.touch,
            color_scheme="light",
            # A colour that is fading has no contrast yet that could be measured.
            reduced_motion="reduce",
            # A worker of the page would answer in place of the device.
            service_workers="block",
            **more,
        )
        context.add_cookies([{"name": LANGUAGE_COOKIE, "value": self.language, "url": address}])
        return context


PHONE = Look("phone", 360, 740, touch=True)
ARABIC = Look("phone-arabic", 360, 740, touch=True, language="ar")
DESKTOP = Look("desktop", 1280, 800, touch=False)
LOOKS = (PHONE, ARABIC, DESKTOP)
# Half the work: each theme, each language and each width once.
QUICK_LOOKS = (replace(PHONE, axe=()), replace(ARABIC, axe=(DARK,)), replace(DESKTOP, axe=(LIGHT,)))
# What weighs most: a screen as sharp as phones have them asks for the largest pictures.
SHARP_PHONE = replace(PHONE, name="sharp-phone", dots=3)
# A4 without its margins, at 96 dots an inch.
PAPER_PX = {"width": 703, "height": 1032}


def judge(page: Page, watch: Watch, look: Look) -> list[str]:
    """All faults of a page that has just been opened; leaves it in the light theme.

    Raises:
        AssertionError: the page is not in the look's language.
    """
    assert page.evaluate("document.documentElement.lang") == look.language
    right_to_left = page.evaluate("getComputedStyle(document.documentElement).direction") == "rtl"
    assert right_to_left == (look.language == "ar")
    scroll_through(page)
    found = [*too_wide(page), *too_small(page)]
    for theme in look.axe:
        page.emulate_media(color_scheme="dark" if theme == DARK else "light")
        rules = None if theme == look.axe[0] else OF_THEMES
        found += [f"{theme}: {one}" for one in grave(page, rules)]
    page.emulate_media(color_scheme="light")
    return [*found, *watch.take()]


@contextmanager
def on_paper(page: Page) -> Iterator[None]:
    """The page as it is printed, until the block ends."""
    size = page.viewport_size
    assert size is not None
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER_PX["width"], "height": PAPER_PX["height"]})
    try:
        yield
    finally:
        page.emulate_media(media="screen")
        page.set_viewport_size(size)


def judge_paper(page: Page) -> list[str]:
    """Faults of a page that is printed: what axe finds, and what is wider than the sheet."""
    with on_paper(page):
        return [f"paper: {one}" for one in [*too_wide(page), *grave(page)]]
