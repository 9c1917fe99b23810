"""Power-on to a signed result: few taps, nothing moves or scrolls sideways; or by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from edge.config import CONFIG_FILE
from edge.store.records import FINAL, SpecimenRecord
from edge.store.results import Results
from edge.store.store import Store
from tests.e2e.clinic import CONFIG
from tests.e2e.hand import Hand
from tests.e2e.keyboard import reach
from tests.e2e.looks import DESKTOP, PHONE, Look
from tests.e2e.task import LABEL, log_in_by_hand, screen_by_hand, set_up_by_hand, sign_by_hand
from tests.e2e.watch import Watch, too_wide
from tests.support.appliance import ADMIN, PASSWORD, appliance, chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
expect.set_options(timeout=20_000)
MOST_TAPS = 12
# What it takes now; a page that asks for one more is noticed.
FIRST_TAPS, DAILY_TAPS = 11, 9


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture()
def home(tmp_path: Path) -> Path:
    """The data directory of a device that was set up and switched off."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / CONFIG_FILE).write_text(CONFIG, encoding="utf-8")
    return folder


def signed(home: Path) -> SpecimenRecord:
    """The one specimen of a device that is switched off again."""
    store = Store(home)
    (record,) = store.specimens()
    (_, result) = Results(store).history(record.specimen_id)
    store.close()
    assert (record.result_status, result.by) == (FINAL, ADMIN)
    return record


@pytest.mark.parametrize(
    ("look", "first"),
    [(PHONE, True), (PHONE, False), (DESKTOP, False)],
    ids=["the very first, on a phone", "on a phone", "on a screen"],
)
def test_power_on_to_signed_result_in_few_taps(
    browser: Browser, home: Path, look: Look, first: bool
) -> None:
    wide: list[str] = []
    with appliance(home, admin=not first) as address:
        context = look.open(browser, address)
        watch = Watch(address).attach(context)
        page = context.new_page()
        hand = Hand(page, touch=look.touch)

        def step() -> None:
            wide.extend(too_wide(page))

        page.goto(address)
        step()
        if first:
            set_up_by_hand(page, hand, step)
        else:
            log_in_by_hand(page, hand)
            screen_by_hand(page, hand, step)
        sign_by_hand(page, hand, step)
        problems = watch.take()
        context.close()
    assert wide == []
    assert problems == []
    assert hand.taps == watch.taps, "the page felt other taps than were counted"
    assert hand.taps == (FIRST_TAPS if first else DAILY_TAPS) <= MOST_TAPS
    assert signed(home).label == ("Practice" if first else LABEL)


def test_power_on_to_signed_result_by_keyboard_alone(browser: Browser, home: Path) -> None:
    with appliance(home) as address:
        context = DESKTOP.open(browser, address)
        watch = Watch(address).attach(context)
        page = context.new_page()
        keys = page.keyboard
        page.goto(address)
        reach(page, page.get_by_label("Name", exact=True))
        keys.type(ADMIN)
        reach(page, page.get_by_label("Password", exact=True))
        keys.type(PASSWORD)
        keys.press("Enter")
        expect(page.get_by_role("heading", name="Today")).to_be_visible()
        reach(page, page.get_by_role("link", name="New specimen").first)
        keys.press("Enter")
        reach(page, page.get_by_label("Label of the slide"))
        keys.type(LABEL)
        keys.press("Enter")
        page.wait_for_selector("[data-testid=status][data-value=done]", timeout=120_000)
        reach(page, page.get_by_role("link", name="Review suspect cells"))
        keys.press("Enter")
        expect(page.get_by_test_id("reviewed")).to_have_attribute("data-value", "0")
        # A key that is pressed before the page's script is there is lost.
        page.wait_for_load_state()
        keys.press("2")
        expect(page.get_by_test_id("reviewed")).to_have_attribute("data-value", "1")
        reach(page, page.get_by_role("link", name="Enough was seen to sign"))
        keys.press("Enter")
        reach(page, page.get_by_role("button", name="Sign as final"))
        keys.press("Enter")
        expect(page.get_by_test_id("signature")).to_be_visible()
        problems, taps = watch.take(), watch.taps
        context.close()
    assert (problems, taps) == ([], 0)
    assert signed(home).label == LABEL
