"""A person reviews, counts and signs a specimen in a real browser, by taps and by keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.appliance import PASSWORD, add_user, appliance, chromium, log_in, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
expect.set_options(timeout=20_000)
PHONE = {"width": 360, "height": 740}


FITS = "document.documentElement.scrollWidth <= innerWidth"
HOSTILE = "Dr. Ana <b>O</b>"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("clinic") / "home"
    for name in ("Ben", HOSTILE):
        add_user(home, name, "reviewer")
    add_user(home)
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


@pytest.fixture(scope="module")
def result(browser: Browser, address: str) -> str:
    """The address of a screened specimen."""
    page = browser.new_page()
    page.goto(f"{address}/specimens/new")
    log_in(page)
    page.get_by_label("Label of the slide").fill("S-0100")
    page.get_by_text("Patient, barcode, site and smear").click()
    page.get_by_label("Patient's id").fill("P-0100")
    page.get_by_label("Age, years").select_option("5-14")
    page.get_by_label("Parasitaemia, %").fill("10")
    page.get_by_label("Fields at most").fill("2")
    page.get_by_role("button", name="Start screening").click()
    page.wait_for_selector("[data-testid=status][data-value=done]", timeout=120_000)
    expect(page.get_by_text("P-0100")).to_be_visible()
    found = page.url
    page.close()
    return found


def no_sideways(page: Page) -> None:
    # A page that has just been asked for has no styles yet; it may take its time to get them.
    wait_until(page, FITS)


def reviewed(page: Page, count: int) -> None:
    expect(page.get_by_test_id("reviewed")).to_have_attribute("data-value", str(count))


def test_cells_are_judged_by_key_and_by_tap(page: Page, result: str) -> None:
    page.goto(result)
    page.get_by_role("link", name="Review suspect cells").click()
    no_sideways(page)
    page.get_by_role("button", name="Ring").click()
    reviewed(page, 1)
    page.keyboard.press("1")
    reviewed(page, 2)
    page.locator(".review-cell").first.click()
    expect(page.get_by_test_id("said")).to_contain_text("Ring")
    page.get_by_role("button", name="Trophozoite").click()
    reviewed(page, 2)
    page.locator(".review-cell").first.click()
    expect(page.get_by_test_id("said")).to_contain_text("Before: Ring (Ana)")
    no_sideways(page)


def test_two_reviewers_at_once_see_each_other(browser: Browser, page: Page, result: str) -> None:
    other = browser.new_page()
    other.goto(f"{result}/review")
    log_in(other, "Ben")
    page.goto(f"{result}/review")
    page.get_by_role("button", name="Ring").click()
    reviewed(page, 3)
    other.get_by_role("button", name="Not infected").click()
    expect(other.get_by_test_id("problem")).to_contain_text("Ana judged this cell meanwhile")
    reviewed(other, 3)
    other.get_by_role("button", name="Not infected").click()
    reviewed(other, 3)
    other.close()


def test_count_outlives_a_reload(page: Page, result: str) -> None:
    page.goto(f"{result}/tally?smear=thick")
    no_sideways(page)
    for _ in range(3):
        page.get_by_role("button", name="One parasite more").click()
    page.keyboard.press("2")
    page.keyboard.press("2")
    page.get_by_role("button", name="One parasite fewer").click()
    # 2 parasites against 2 white cells at 8,000 a microlitre.
    expect(page.get_by_test_id("tally-density")).to_have_attribute("data-value", "8000.0")
    page.reload()
    expect(page.get_by_label("Parasites", exact=True)).to_have_value("2")
    expect(page.get_by_label("White cells", exact=True)).to_have_value("2")
    expect(page.get_by_test_id("tally-density")).to_have_attribute("data-value", "8000.0")
    expect(page.get_by_text("498 more")).to_be_visible()
    page.get_by_label("White cells", exact=True).fill("500")
    page.get_by_role("button", name="Store this count").click()
    expect(page.get_by_test_id("person-count")).to_contain_text("32 per µL")
    expect(page.get_by_label("White cells", exact=True)).to_have_value("0")
    page.goto(f"{result}/tally?smear=thick")
    expect(page.get_by_label("Parasites", exact=True)).to_have_value("0")


def test_result_is_signed_then_amended(browser: Browser, result: str) -> None:
    page = browser.new_context(viewport=PHONE).new_page()
    page.goto(f"{result}/sign")
    log_in(page, HOSTILE)
    no_sideways(page)
    page.get_by_role("button", name="Sign as final").click()
    expect(page.get_by_test_id("signature")).to_contain_text("Final, signed by Dr. Ana <b>O</b> at")
    pdf = page.request.get(f"{result}/report.pdf")
    assert pdf.status == 200 and pdf.body().startswith(b"%PDF-")
    page.get_by_role("link", name="Amend").click()
    page.get_by_label("Reason").fill("Another slide lay there.")
    page.get_by_text("Not enough to decide").click()
    page.get_by_role("button", name="Amend the result").click()
    expect(page.get_by_test_id("result-status")).to_have_attribute("data-value", "amended")
    page.get_by_text("All 3 versions").click()
    expect(page.get_by_test_id("version")).to_have_count(3)
    no_sideways(page)
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("region", name="Specimens").get_by_text("Amended")).to_be_visible()
    page.context.close()


def test_review_needs_no_script(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/specimens/new")
    log_in(page, "Ben")
    page.get_by_label("Label of the slide").fill("S-0101")
    page.get_by_label("Parasitaemia, %").fill("20")
    page.get_by_label("Fields at most").fill("1")
    page.get_by_role("button", name="Start screening").click()
    expect(page.locator("[data-testid=status][data-value=done]")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Review suspect cells").click()
    page.get_by_role("button", name="Ring").click()
    reviewed(page, 1)
    context.close()


def test_screen_locks_by_itself_and_writing_keeps_it_open(page: Page, address: str) -> None:
    page.clock.install()
    page.goto(f"{address}/specimens/new")
    # Nothing is asked for while she writes, but that she writes is told.
    for _ in range(4):
        page.clock.run_for("10:00")
        page.get_by_label("Label of the slide").press_sequentially("S")
        with page.expect_request("**/awake") as told:
            page.clock.run_for("00:10")
        response = told.value.response()
        assert response is not None and response.status == 204
    page.clock.run_for("16:00")
    page.wait_for_url("**/lock?next=%2Fspecimens%2Fnew")
    expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    page.goto(f"{address}/specimens/new")
    page.wait_for_url("**/lock?next=/specimens/new")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="New specimen")).to_be_visible()
