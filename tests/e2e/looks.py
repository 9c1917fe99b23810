"""The ways in which every page is looked at: screen, language, theme."""

from __future__ import annotations

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
    """

    name: str
    width: int
    height: int
    touch: bool
    language: str = "en"
    axe: tuple[str, ...] = THEMES

    def open(self, browser: Browser, address: str, **more: Any) -> BrowserContext:
        """A browser of its own, in the light theme, whose user chose the look's language."""
        context = browser.new_context(
            viewport={"width": self.width, "height": self.height},
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
# What axe finds hangs on language and theme, not on the screen.
DESKTOP = Look("desktop", 1280, 800, touch=False, axe=())
LOOKS = (PHONE, ARABIC, DESKTOP)
# Half the work: each theme and each language once.
QUICK_LOOKS = (replace(PHONE, axe=(LIGHT,)), replace(ARABIC, axe=(DARK,)), DESKTOP)


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
