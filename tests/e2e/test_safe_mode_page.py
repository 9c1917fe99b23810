"""The page of a device in safe mode: nothing is wrong with it to a person, and it leads out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.keyboard import tab_through
from tests.e2e.looks import QUICK_LOOKS, Look, judge
from tests.e2e.watch import Watch
from tests.e2e.weight import weighed
from tests.support.appliance import ADMIN, PASSWORD, add_user, appliance, chromium, log_in

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("safe") / "home"
    add_user(home)
    with appliance(home, "--safe-mode") as found:
        yield found


def test_safe_mode_has_no_fault_and_leads_out(browser: Browser, address: str) -> None:
    for look in QUICK_LOOKS:
        look_at(browser, address, look)
    page = browser.new_page()
    page.goto(address)
    log_in(page)
    page.get_by_role("button", name="Start normally").click()
    expect(page.get_by_role("heading", name="The service starts again")).to_be_visible()
    # It goes on by itself once the service answers, and asks to log in: its sessions are gone.
    page.wait_for_url("**/login**", timeout=60_000)
    expect(page.get_by_test_id("safe-mode")).to_have_count(0)
    page.close()


def look_at(browser: Browser, address: str, look: Look) -> None:
    context = look.open(browser, address)
    watch = Watch(address).attach(context)
    page = context.new_page()
    page.goto(f"{address}/login")
    expect(page.get_by_test_id("safe-mode")).to_be_visible()
    page.fill("#name", ADMIN)
    page.fill("#password", PASSWORD)
    page.locator("main form button[type=submit]").click()
    page.wait_for_url("**/safe-mode")
    with weighed(page) as weight:
        page.goto(f"{address}/safe-mode")
    expect(page.get_by_test_id("why")).to_be_visible()
    assert judge(page, watch, look) == []
    assert tab_through(page).problems == []
    assert weight.bytes <= 150_000, weight.heaviest()
    context.close()
