"""The clinic's daily task, from power-on to a signed result, as a person does it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.hand import Hand
from tests.support.appliance import ADMIN, PASSWORD

LABEL = "S-0142"


def set_up_by_hand(page: Page, hand: Hand, step: Callable[[], None]) -> None:
    """The very first start, with the practice slide at its end."""
    hand.tap(page.get_by_role("button", name="English"))
    step()
    hand.tap(page.get_by_role("button", name="Go on"))
    step()
    hand.write(page.get_by_label("Your name"), ADMIN)
    hand.write(page.get_by_label("New password"), PASSWORD)
    hand.write(page.get_by_label("The same again"), PASSWORD)
    hand.tap(page.get_by_role("button", name="Go on"))
    step()
    hand.tap(page.get_by_role("button", name="Start practice"))
    wait_for_result(page)
    step()


def log_in_by_hand(page: Page, hand: Hand) -> None:
    """The page that every address leads to after power-on."""
    hand.write(page.get_by_label("Name", exact=True), ADMIN)
    hand.write(page.get_by_label("Password", exact=True), PASSWORD)
    hand.tap(page.get_by_role("button", name="Log in"))
    expect(page.get_by_role("heading", name="Today")).to_be_visible()


def screen_by_hand(page: Page, hand: Hand, step: Callable[[], None]) -> None:
    """A new specimen with the device's own choices, watched to its end."""
    hand.tap(page.get_by_role("link", name="New specimen").first)
    step()
    hand.write(page.get_by_label("Label of the slide"), LABEL)
    hand.tap(page.get_by_role("button", name="Start screening"))
    wait_for_result(page)
    step()


def wait_for_result(page: Page) -> None:
    """The page changes by itself from the microscope's to the result's."""
    page.wait_for_selector("[data-testid=status][data-value=done]", timeout=120_000)


def sign_by_hand(page: Page, hand: Hand, step: Callable[[], None]) -> None:
    """Looks at the most doubtful cell, says what it is, and signs."""
    hand.tap(page.get_by_role("link", name="Review suspect cells"))
    step()
    hand.tap(page.get_by_role("button", name="Ring"))
    expect(page.get_by_test_id("reviewed")).to_have_attribute("data-value", "1")
    step()
    hand.tap(page.get_by_role("link", name="Enough was seen to sign"))
    step()
    hand.tap(page.get_by_role("button", name="Sign as final"))
    expect(page.get_by_test_id("signature")).to_be_visible()
    step()
