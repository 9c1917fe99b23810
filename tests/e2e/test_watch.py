"""Each check of the browser tests finds the fault that it is there for, on a page that has it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.axe import OF_THEMES, grave
from tests.e2e.hand import Hand
from tests.e2e.keyboard import tab_through
from tests.e2e.watch import Watch, scroll_through, too_small, too_wide
from tests.e2e.weight import weighed
from tests.support.appliance import chromium

pytestmark = pytest.mark.browser
LATE_S = 20
HEAD = (
    '<!doctype html><html lang="en"><head><title>A page</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="icon" href="data:,"></head><body><main><h1>A page</h1>'
)
GOOD = '<button style="min-height:48px;min-width:48px">Go</button><p>Read <a href="/">this</a>.</p>'
MOVES = """<div id="late" style="height:0"></div><p>Text that is pushed down.</p>
<script>setTimeout(() => { late.style.height = "200px" }, 600)</script>"""


SVG = b'<svg xmlns="http://www.w3.org/2000/svg">' + b" " * 50_000 + b"</svg>"


class _Pages(BaseHTTPRequestHandler):
    shown = ""

    def do_GET(self) -> None:
        body = (HEAD + self.shown).encode() if self.path == "/" else SVG
        self.send_response(500 if self.path == "/broken.svg" else 200)
        kind = "text/html" if self.path == "/" else "text/css"
        kind = "image/svg+xml" if self.path.endswith(".svg") else kind
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@contextmanager
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True
    )
    yield context
    context.close()


@contextmanager
def shown(browser: Browser, address: str, body: str) -> Iterator[tuple[Page, Watch]]:
    """A page with this body on a phone that is watched."""
    _Pages.shown = body
    with phone(browser) as context:
        watch = Watch(address).attach(context)
        page = context.new_page()
        page.goto(address)
        yield page, watch


def noticed(page: Page, watch: Watch, *words: str) -> list[str]:
    """What is noticed until each of the words is in it; a loaded machine is late."""
    found, until = watch.take(), time.monotonic() + LATE_S
    while not all(any(word in one for one in found) for word in words):
        assert time.monotonic() < until, f"{words} not in {found}"
        page.wait_for_timeout(20)
        found += watch.take()
    return found


def felt(page: Page, watch: Watch, taps: int) -> bool:
    """Whether the page feels so many taps in all, and no more."""
    until = time.monotonic() + LATE_S
    while watch.taps < taps and time.monotonic() < until:
        page.wait_for_timeout(20)
    return watch.taps == taps


def test_good_page_has_no_fault(browser: Browser, address: str) -> None:
    with shown(browser, address, GOOD) as (page, watch):
        scroll_through(page)
        assert (too_wide(page), too_small(page), grave(page)) == ([], [], [])
        assert tab_through(page).problems == []
        assert watch.take() == []


def test_outside_request_is_noticed(browser: Browser, address: str) -> None:
    with shown(browser, address, '<img src="http://127.0.0.2:9/x.png" alt="x">') as (page, watch):
        assert noticed(page, watch, "asked outside the device")
        assert watch.take() == []


def test_failed_answer_and_script_error_are_noticed(browser: Browser, address: str) -> None:
    body = '<img src="/broken.svg" alt="x"><script>nothing.here()</script>'
    with shown(browser, address, body) as (page, watch):
        assert noticed(page, watch, "500 for /broken.svg", "nothing is not defined")


def test_content_that_moves_is_noticed_and_named(browser: Browser, address: str) -> None:
    with shown(browser, address, MOVES) as (page, watch):
        found = noticed(page, watch, "content moved")
    assert any("content moved" in one and " of p" in one for one in found), found


def test_page_wider_than_the_phone_is_noticed(browser: Browser, address: str) -> None:
    with shown(browser, address, '<div class="wide" style="width:500px">x</div>') as (page, _):
        assert "px wide on 360 px: div.wide" in too_wide(page)[0]


def test_small_target_is_noticed_but_a_link_in_a_sentence_may_be(
    browser: Browser, address: str
) -> None:
    body = '<button style="height:30px">Go</button><p>Read <a href="/">this</a> first.</p>'
    with shown(browser, address, body) as (page, _):
        (found,) = too_small(page)
    assert 'button "Go" is' in found and "x 30 px" in found


def test_grave_violations_are_found_in_structure_and_theme(browser: Browser, address: str) -> None:
    body = '<img src="/x.svg"><p style="color:#bbb;background:#fff">Pale words.</p>'
    with shown(browser, address, body) as (page, _):
        found = " ".join(grave(page))
        themed = " ".join(grave(page, OF_THEMES))
    assert "image-alt (critical): img" in found
    assert "color-contrast (serious): p" in found
    assert "color-contrast (serious): p" in themed and "image-alt" not in themed


def test_what_tab_misses_or_leaves_unmarked_is_named(browser: Browser, address: str) -> None:
    body = """<style>#plain:focus { outline: none }</style><a id="plain" href="/">Unmarked</a>
    <div role="button" id="lost">No way here</div><button>After</button>
    <script>lost.addEventListener("click", () => {}); lost.tabIndex = 0;
    const leave = (event) => { if (event.target.id === "lost") event.target.blur() };
    document.addEventListener("focusin", leave)</script>"""
    with shown(browser, address, body) as (page, _):
        found = tab_through(page)
    assert found.unmarked == ("a#plain",)
    assert 'div "No way here"' in found.missed[0]


def test_bytes_are_weighed_with_and_without_pictures(browser: Browser, address: str) -> None:
    _Pages.shown = '<img src="/a.svg" alt="x"><link rel="stylesheet" href="/b.css">'
    with phone(browser) as context:
        page = context.new_page()
        with weighed(page) as weight:
            page.goto(address)
    assert 100_000 < weight.bytes < 102_000
    assert 50_000 < weight.without_pictures < 51_500
    assert weight.heaviest(1).split()[0] in ("/a.svg", "/b.css")


def test_taps_are_counted_as_the_page_feels_them(browser: Browser, address: str) -> None:
    large = 'style="min-height:50px;min-width:50px"'
    body = f'<input id="name" aria-label="Name" {large}><button {large}>Go</button>'
    with shown(browser, address, body) as (page, watch):
        hand = Hand(page, touch=True)
        hand.write(page.locator("#name"), "Ana")
        hand.tap(page.get_by_role("button"))
        assert felt(page, watch, 2) and hand.taps == 2
        page.get_by_role("button").click()
        assert felt(page, watch, 3) and hand.taps == 2, "a press beside the hand's is felt"


def test_hand_does_not_press_what_a_thumb_misses(browser: Browser, address: str) -> None:
    with shown(browser, address, '<button style="height:20px">Go</button>') as (page, _):
        hand = Hand(page, touch=True)
        with pytest.raises(AssertionError, match="height"):
            hand.tap(page.get_by_role("button"))
        assert hand.taps == 0
