"""Where the service cannot start, its address says why in one sentence, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from edge.config import CONFIG_FILE
from tests.e2e.keyboard import tab_through
from tests.e2e.looks import LOOKS, Look, judge
from tests.e2e.watch import Watch
from tests.e2e.weight import weighed
from tests.support.appliance import appliance, chromium

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("fallback") / "home"
    home.mkdir()
    (home / CONFIG_FILE).write_text("threads = 9000\n", encoding="utf-8")
    with appliance(home, admin=False) as found:
        yield found


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
def test_fallback_page_has_no_fault(browser: Browser, address: str, look: Look) -> None:
    context = look.open(browser, address)
    watch = Watch(address, allowed={503}).attach(context)
    page = context.new_page()
    with weighed(page) as weight:
        answer = page.goto(f"{address}/specimens")
    assert answer is not None and answer.status == 503
    assert judge(page, watch, look) == []
    assert tab_through(page).problems == []
    assert weight.bytes <= 150_000, weight.heaviest()
    context.close()


def test_fallback_page_says_why_and_what_to_do(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    expect(page.get_by_text("threads is 9000; allowed: 0 (automatic) to 64")).to_be_visible()
    expect(page.get_by_test_id("what-to-do")).to_be_visible()
    page.close()
