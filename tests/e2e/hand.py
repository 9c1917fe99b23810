"""A person at a page: taps with a thumb or the mouse, writes on the keyboard, and is counted."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.e2e.watch import TARGET_PX

_ROUNDING_PX = 0.5
_TAKES_TEXT = "document.activeElement?.matches('input, textarea, select') ?? false"


class Hand:
    """Does to a page what a person can do to it, and nothing else.

    Attributes:
        taps: presses of a thumb or of the mouse's button so far.
    """

    def __init__(self, page: Page, *, touch: bool) -> None:
        self.page = page
        self.touch = touch
        self.taps = 0

    def tap(self, target: Locator) -> None:
        """Presses the middle of a target, after scrolling it into view; scrolling is free."""
        expect(target).to_be_visible()
        expect(target).to_be_enabled()
        target.scroll_into_view_if_needed()
        self._check_size(target)
        self.taps += 1
        if self.touch:
            target.tap()
        else:
            target.click()

    def write(self, field: Locator, text: str) -> None:
        """Writes into an empty field; a tap, too, unless the page put the cursor there."""
        expect(field).to_be_visible()
        if not field.evaluate("one => one === document.activeElement"):
            self.tap(field)
        assert self.page.evaluate(_TAKES_TEXT)
        self.page.keyboard.type(text)
        expect(field).to_have_value(text)

    def _check_size(self, target: Locator) -> None:
        box = target.bounding_box()
        size = self.page.viewport_size
        assert box is not None
        assert size is not None
        least = TARGET_PX - _ROUNDING_PX
        assert box["width"] >= least and box["height"] >= least, f"{target} is {box}"
        assert box["x"] >= 0 and box["x"] + box["width"] <= size["width"] + 1, f"{target} is {box}"
