"""At the microscope in a real browser: a live picture, the foot pedal, undo, pause, going on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.cameras.smear import SmearSettings
from tests.support.appliance import appliance, chromium, log_in, wait_until
from tests.support.mjpeg_server import MjpegServer, drawn_jpegs, mjpeg_server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
expect.set_options(timeout=30_000)
PHONE = {"width": 360, "height": 740}
SLIDE = SmearSettings(width_px=640, height_px=480, cells_per_field=40)


@pytest.fixture(scope="module")
def microscope() -> Iterator[MjpegServer]:
    """A camera over a slide that somebody moves on every two seconds."""
    with mjpeg_server(drawn_jpegs(6, SLIDE, seed=5)) as server:
        server.show_s = 2.0
        yield server


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, microscope: MjpegServer) -> Iterator[str]:
    home = tmp_path_factory.mktemp("microscope") / "home"
    home.mkdir()
    camera = f'[camera]\nname = "network"\n[camera.settings]\nurl = "{microscope.url}"\n'
    (home / "config.toml").write_text(camera)
    with appliance(home) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture()
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(address)
    log_in(opened)
    yield opened
    context.close()
    assert problems == [], "the browser reported errors"


def test_a_slide_is_read_at_the_microscope(page: Page, microscope: MjpegServer) -> None:
    page.get_by_role("link", name="New specimen").click()
    page.get_by_label("Label of the slide").fill("S-0142")
    page.get_by_role("button", name="Start screening").click()
    picture = page.get_by_role("img", name="What the camera sees now")
    expect(picture).to_have_attribute("src", re.compile("/camera/stream.mjpg"))
    expect(picture).to_have_js_property("naturalWidth", 640)
    expect(page.get_by_text("Move the slide to the next field")).to_be_visible()
    expect(page.locator(".latest-field")).not_to_have_count(0)

    page.get_by_role("button", name="By hand").click()
    expect(page.get_by_text("Take the field when the picture is sharp")).to_be_visible()
    before = page.locator("#last-field").get_attribute("value")
    page.wait_for_load_state("domcontentloaded")
    page.locator("h1").click()
    page.keyboard.press("PageDown")  # The foot pedal.
    expect(page.locator("#last-field")).not_to_have_value(before or "")

    page.get_by_text("Sound", exact=True).click()
    page.evaluate("window.felt = null; navigator.vibrate = (pulse) => { window.felt = pulse; }")
    page.locator("h1").click()
    page.keyboard.press("Space")
    deadline = time.monotonic() + 20
    while page.evaluate("window.felt") is None:
        assert time.monotonic() < deadline, "nothing was felt"
        page.wait_for_timeout(100)

    page.keyboard.press("u")
    expect(page.get_by_text("Does not count: taken back by Ana")).to_be_visible()

    page.keyboard.press("p")
    expect(page.get_by_test_id("status")).to_contain_text("Paused")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    wait_until(page, "document.documentElement.scrollWidth <= innerWidth")

    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Go on with this slide").click()
    expect(page.get_by_test_id("status")).to_have_attribute("data-value", "running")
    expect(page.locator(".latest-refused")).not_to_have_count(0)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_test_id("status")).to_have_attribute("data-value", "stopped")


def test_light_and_dark_change_at_once_and_stay(page: Page, address: str) -> None:
    page.get_by_text("Menu").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(13, 21, 23)"
    page.wait_for_load_state("networkidle")
    page.goto(f"{address}/about")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    # On paper everything is light.
    page.emulate_media(media="print")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
