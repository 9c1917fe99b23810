"""A chest X-ray and a batch of single pictures in a real browser, on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.appliance import appliance, chromium, log_in
from tests.support.drawn_radiographs import chest_png, draw_chest, write_dicom

pytestmark = [pytest.mark.browser, pytest.mark.timeout(200)]
PHONE = {"width": 360, "height": 740}


def test_xray_is_read_signed_and_single_pictures_listed(tmp_path: Path) -> None:
    film, odd = tmp_path / "film.dcm", tmp_path / "odd.png"
    film.write_bytes(write_dicom(draw_chest(opacity=70), WindowCenter=128, WindowWidth=256))
    odd.write_bytes(chest_png()[:400])
    problems: list[str] = []
    with appliance(tmp_path / "home") as address, chromium() as browser:
        page = browser.new_page(viewport=PHONE)
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        page.on("request", lambda r: problems.append(r.url) if address not in r.url else None)
        page.goto(f"{address}/xrays/new")
        log_in(page)
        read_and_sign(page, film)
        list_pictures(page, address, [film, odd])
    assert problems == [], "the browser reported errors, or asked outside"


def read_and_sign(page: Page, film: Path) -> None:
    page.get_by_label("Pictures").set_input_files(film)
    page.get_by_label("Mark of the X-ray").fill("X-7")
    page.get_by_role("button", name="Read the X-ray").click()
    expect(page.get_by_test_id("verdict")).to_be_visible(timeout=30_000)
    layer, slider = page.locator(".heat-layer"), page.get_by_label("Heat map")
    expect(layer).to_have_attribute("opacity", "0.6")
    slider.fill("0")
    expect(layer).to_have_attribute("opacity", "0")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Another finding").click()
    expect(page.get_by_test_id("said")).to_have_attribute("data-value", "other-finding")
    page.get_by_role("link", name="Sign", exact=True).click()
    page.get_by_role("button", name="Sign as final").click()
    expect(page.get_by_test_id("verdict")).to_have_attribute("data-value", "inconclusive")
    expect(page.get_by_test_id("result-status")).to_have_attribute("data-value", "final")


def list_pictures(page: Page, address: str, files: list[Path]) -> None:
    page.goto(f"{address}/image")
    page.get_by_text("pneumonia or normal").click()
    page.get_by_label("Pictures").set_input_files(files)
    page.get_by_role("button", name="Read", exact=True).click()
    expect(page.get_by_test_id("done")).to_be_visible(timeout=30_000)
    expect(page.get_by_test_id("count-refused")).to_have_attribute("data-value", "1")
    with page.expect_download() as download:
        page.get_by_role("link", name="Table, CSV").click()
    text = Path(download.value.path()).read_text()
    assert text.startswith("path,score,call,novelty,refused") and "truncated" in text
    page.get_by_role("link", name="film.dcm").click()
    expect(page.get_by_test_id("call")).to_be_visible()
