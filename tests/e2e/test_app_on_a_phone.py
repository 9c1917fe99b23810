"""The page as an app on a phone: it can be installed, says when the device is away, comes back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from edge.config import CONFIG_FILE
from tests.e2e.axe import grave
from tests.e2e.clinic import CONFIG
from tests.e2e.errands import start_slide
from tests.support.appliance import FLAGS, appliance, free_port, log_in, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
expect.set_options(timeout=30_000)
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "is_mobile": True,
    "has_touch": True,
    "locale": "en",
}


class Device:
    """An appliance that can be switched off, and on again at the same address."""

    def __init__(self, home: Path) -> None:
        self._home, self._port, self._running = home, free_port(), ExitStack()

    def switch_on(self) -> str:
        """Starts it; gives its address."""
        return self._running.enter_context(appliance(self._home, port=self._port))

    def switch_off(self) -> None:
        """Ends it; nothing listens there any more."""
        self._running.close()


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    home = tmp_path_factory.mktemp("app") / "home"
    home.mkdir()
    (home / CONFIG_FILE).write_text(CONFIG, encoding="utf-8")
    found = Device(home)
    yield found
    found.switch_off()


@pytest.fixture(scope="module")
def address(device: Device) -> str:
    return device.switch_on()


@pytest.fixture(scope="module")
def phone(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Somebody is logged in on it. It keeps what it is given: one that forgets installs nothing."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing; run `make browser`"
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("phone"), executable_path=path, args=FLAGS, **PHONE
        )
        first = context.new_page()
        first.goto(address)
        log_in(first)
        first.evaluate("navigator.serviceWorker.ready.then(() => true)")
        yield context
        context.close()


@pytest.fixture()
def page(phone: BrowserContext, address: str) -> Iterator[Page]:
    """The page of today."""
    opened = phone.new_page()
    opened.goto(address)
    yield opened
    opened.close()


def out_of_reach(page: Page) -> Any:
    """The heading of the page that says so."""
    return page.get_by_role("heading", name="The device does not answer")


def test_chromium_finds_nothing_that_keeps_it_from_being_installed(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == [] and manifest["url"].endswith("/manifest.webmanifest")
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] == []


def test_a_phone_that_left_the_network_comes_back_by_itself(page: Page, address: str) -> None:
    page.context.set_offline(True)
    page.goto(f"{address}/about")
    expect(out_of_reach(page)).to_be_visible()
    assert grave(page) == []
    assert page.url == f"{address}/about"
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="About", exact=True)).to_be_visible()


def test_the_page_kept_for_that_is_in_the_language_that_was_chosen(
    page: Page, address: str
) -> None:
    page.get_by_role("button", name="Français").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    kept = (
        "caches.match('/offline').then((page) => page.text()).then((text) => /lang=.fr/.test(text))"
    )
    wait_until(page, kept)
    page.context.set_offline(True)
    page.goto(f"{address}/about")
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.context.set_offline(False)
    expect(page.get_by_role("button", name="English")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_device_that_was_switched_off_is_found_again_at_the_microscope(
    page: Page, device: Device, address: str
) -> None:
    specimen_id = start_slide(page, address)
    device.switch_off()
    expect(page.get_by_text("The device does not answer.")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(out_of_reach(page)).to_be_visible()
    expect(page.get_by_text("What you sent may not have arrived.")).to_be_visible()
    device.switch_on()
    expect(out_of_reach(page)).not_to_be_visible()
    # A session ends with the service; the way leads through the login to where she was.
    page.get_by_role("heading", name="Log in").wait_for()
    log_in(page)
    page.wait_for_url(f"{address}/specimens/{specimen_id}")
    expect(page.get_by_role("button", name="Go on with this slide")).to_be_visible()
