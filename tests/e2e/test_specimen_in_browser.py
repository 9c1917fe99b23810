"""A person screens a slide: a real process, a real browser, and the simulation's truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from edge.cameras.smear import SmearSettings, draw_field
from edge.contract.images import encode_image
from tests.support.appliance import appliance, chromium, log_in
from tests.support.drawn_enhancer import write_enhancer_bundle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
# A busy machine draws slowly; what is asked for still has to come.
expect.set_options(timeout=20_000)
PHONE = {"width": 360, "height": 740}
PARASITAEMIA_PERCENT = 10
SEED = 11


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("appliance") / "home"
    write_enhancer_bundle(home / "bundles/drawn", version=90)
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
    outside: list[str] = []
    problems: list[str] = []
    opened.on("request", lambda r: r.url.startswith(address) or outside.append(r.url))
    opened.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(address)
    log_in(opened)
    yield opened
    context.close()
    assert outside == [], "the page asked an address outside the device"
    assert problems == [], "the browser reported errors"


def value(page: Page, name: str) -> float:
    text = page.get_by_test_id(name).first.get_attribute("data-value")
    assert text is not None, name
    return float(text)


def start_simulated(page: Page, label: str, percent: float, fields: str = "") -> None:
    page.get_by_role("link", name="New specimen").first.click()
    page.get_by_label("Label of the slide").fill(label)
    page.get_by_label("Parasitaemia, %").fill(str(percent))
    page.get_by_label("Seed").fill(str(SEED))
    page.get_by_label("Fields at most").fill(fields)
    page.get_by_role("button", name="Start screening").click()


def wait_for_verdict(page: Page) -> str:
    page.wait_for_selector("[data-testid=status][data-value=done]", timeout=200_000)
    found = page.get_by_test_id("verdict").first.get_attribute("data-value")
    assert found is not None
    return found


def test_simulated_specimen_agrees_with_its_truth(page: Page) -> None:
    start_simulated(page, "S-0001", PARASITAEMIA_PERCENT, "12")
    expect(page.get_by_test_id("rbc-count").first).to_be_visible()
    assert wait_for_verdict(page) == "positive"
    settings = SmearSettings(parasitaemia_fraction=PARASITAEMIA_PERCENT / 100)
    truth = [draw_field(settings, SEED, index) for index in range(12)]
    rbc = sum(field.rbc_count for field in truth)
    positive = sum(field.positive_count for field in truth)
    assert value(page, "rbc-count") == pytest.approx(rbc, rel=0.03)
    # The field operating point aims at a sensitivity of .85 per cell; the estimate corrects for it.
    assert 0.7 * positive <= value(page, "positive-count") <= 1.05 * positive
    assert value(page, "parasitaemia") == pytest.approx(positive / rbc, rel=0.25)
    assert value(page, "ci-low") <= positive / rbc <= value(page, "ci-high")
    assert (value(page, "fields-read"), value(page, "fields-refused")) == (12, 0)


def test_result_shows_its_evidence(page: Page) -> None:
    page.get_by_role("link", name="S-0001").first.click()
    expect(page.get_by_text("not for diagnosis").first).to_be_visible()
    pictures = page.locator(".gallery img")
    pictures.first.scroll_into_view_if_needed()
    expect(pictures.first).to_have_js_property("complete", True)
    expect(pictures.first).not_to_have_js_property("naturalWidth", 0)
    page.locator("label[for=heat-all-suspect]").click()
    heat = page.locator(".gallery img[src*='heat']").first
    expect(heat).to_be_visible()
    page.locator("label[for=heat-all-suspect]").click()
    cell = page.locator(".cell").first
    cell.get_by_text("Heat map").click()
    cell.get_by_text("Sharper view").click()
    sharp = cell.locator("img.sharp")
    expect(sharp).to_be_visible()
    expect(sharp).to_have_js_property("naturalWidth", 320)
    expect(cell.get_by_text("Enhanced, not evidence")).to_be_visible()
    # One lies over the other, so one switches the other off.
    expect(heat).not_to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    cell.get_by_text("Sharper view").click()
    expect(sharp).not_to_be_visible()
    page.locator("a.thumb").first.click()
    expect(page.locator("img[src*='annotated=1']").first).to_be_visible()


def test_few_fields_of_a_clean_slide_are_inconclusive(page: Page) -> None:
    start_simulated(page, "S-0002", 0, "2")
    assert wait_for_verdict(page) == "inconclusive"
    expect(page.get_by_test_id("why")).to_contain_text("more fields are needed")


def test_uploaded_fields_are_screened_and_bad_ones_say_why(page: Page, tmp_path: Path) -> None:
    good = encode_image(draw_field(SmearSettings(parasitaemia_fraction=0.3), 5, 0).image, ".jpg")
    (tmp_path / "field-1.jpg").write_bytes(good)
    (tmp_path / "cut-off.jpg").write_bytes(good[:20_000])
    (tmp_path / "notes.png").write_text("no picture at all")
    page.get_by_role("link", name="New specimen").first.click()
    page.get_by_label("Label of the slide").fill("<b>S-3</b>")
    page.get_by_text("Images of fields").first.click()
    page.locator("input[type=file]").set_input_files(sorted(tmp_path.iterdir()))
    page.get_by_role("button", name="Start screening").click()
    wait_for_verdict(page)
    assert (value(page, "fields-read"), value(page, "fields-refused")) == (1, 2)
    expect(page.get_by_role("heading", name="<b>S-3</b>")).to_be_visible()
    expect(page.get_by_text("truncated").first).to_be_visible()
    expect(page.get_by_text("not an image").first).to_be_visible()


def test_stop_ends_a_specimen_and_says_so(page: Page) -> None:
    start_simulated(page, "S-0004", 0, "60")
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector("[data-testid=status][data-value=stopped]", timeout=60_000)
    found = page.get_by_test_id("verdict").first.get_attribute("data-value")
    assert found == "inconclusive"


def test_sharper_view_needs_no_script(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    log_in(page)
    page.get_by_role("link", name="S-0001").first.click()
    cell = page.locator(".cell").first
    expect(cell.locator("img.sharp")).not_to_be_visible()
    cell.get_by_text("Sharper view").click()
    expect(cell.locator("img.sharp")).to_be_visible()
    expect(cell.get_by_text("Enhanced, not evidence")).to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_scrolls_sideways(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/", "/specimens/new", "/specimens", "/about"):
        page.goto(address + path)
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, path
