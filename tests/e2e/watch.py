"""What a browser notices while a person uses the pages: nothing of it may be there.

Outside requests, errors of the console, answers that failed, content that moved by itself, pages
wider than the screen, and targets that a thumb misses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Request, Response

# Smallest side of what is tapped, in CSS px.
TARGET_PX = 48
_ROUNDING_PX = 0.5
_PAGES_LEFT_AT_MOST = 5

# Runs before the page's own scripts; the browser's policy for page scripts does not bind it.
_OBSERVE = """
(() => {
  const name = (node) => {
    const one = node?.nodeType === 1 ? node : node?.parentElement;
    if (!one) return "?";
    return one.tagName.toLowerCase() + (one.id ? "#" + one.id : "")
      + (one.classList.length ? "." + one.classList[0] : "");
  };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (!entry.hadRecentInput) {
        const what = entry.sources.map((source) => name(source.node)).join(", ");
        window.sawShift(`${entry.value.toFixed(4)} of ${what} on ${location.pathname}`);
      }
    }
  }).observe({ type: "layout-shift", buffered: true });
  window.addEventListener("pointerdown", (event) => {
    if (event.isTrusted) window.feltTap();
  }, true);
})();
"""

# What sticks out, named so that it can be found.
_TOO_WIDE = """
(width) => {
  const root = document.documentElement;
  if (!root) return null;
  if (root.scrollWidth <= width) return [];
  const out = Array.from(document.body.querySelectorAll("*")).filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width && (box.right > width + 1 || box.left < -1);
  });
  return [`${root.scrollWidth} px wide on ${width} px: `
    + out.slice(0, 4).map((one) => one.tagName.toLowerCase() + "." + one.className).join(", ")];
}
"""

# Links inside a sentence are bound to its lines; everything else that acts has to be large.
_TOO_SMALL = """
([least, rounding]) => {
  const acts = "a[href], button, input:not([type=hidden]), select, textarea, summary,"
    + " label.button, label.choice, [role=button], [role=switch], [tabindex='0']";
  const shown = (one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const inSentence = (one) => {
    const around = one.parentElement;
    const text = around.textContent.replace(one.textContent, "").trim();
    return one.matches("a") && getComputedStyle(one).display === "inline" && text.length > 0;
  };
  const found = [];
  for (const one of document.querySelectorAll(acts)) {
    let box = one.getBoundingClientRect();
    if (!shown(one) || box.width <= 1 || inSentence(one)) continue;
    if (box.right <= 0 || box.bottom <= 0 || box.left >= innerWidth) continue;
    const label = one.matches("input, select") ? one.closest("label") : null;
    if (label) box = label.getBoundingClientRect();
    if (box.height < least - rounding || box.width < least - rounding) {
      const words = (one.getAttribute("aria-label") || one.textContent || one.id).trim();
      found.push(`${one.tagName.toLowerCase()} "${words.slice(0, 30)}" is`
        + ` ${Math.round(box.width)} x ${Math.round(box.height)} px`);
    }
  }
  return found;
}
"""


@dataclass
class Watch:
    """Watches all pages of a context until they have told it everything.

    Attributes:
        address: of the device; what is asked of another one is outside.
        taps: trusted pointer presses that the pages felt.
        allowed: status codes that a test asks for on purpose.
    """

    address: str
    problems: list[str] = field(default_factory=list)
    shifts: list[str] = field(default_factory=list)
    taps: int = 0
    allowed: set[int] = field(default_factory=set)

    def attach(self, context: BrowserContext) -> Watch:
        """Begins to watch a context that has no page yet."""
        context.expose_binding("sawShift", self._shifted)
        context.expose_binding("feltTap", self._tapped)
        context.add_init_script(_OBSERVE)
        context.on("request", self._asked)
        context.on("response", self._answered)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.problems.append(f"script: {error.error}"))
        return self

    def take(self) -> list[str]:
        """All problems since the last time, and forgets them."""
        found = [*self.problems, *(f"content moved: {shift}" for shift in self.shifts)]
        self.problems.clear()
        self.shifts.clear()
        return found

    def _shifted(self, source: dict[str, Any], what: str) -> None:
        self.shifts.append(what)

    def _tapped(self, source: dict[str, Any]) -> None:
        self.taps += 1

    def _asked(self, request: Request) -> None:
        url = request.url
        if not url.startswith((self.address + "/", "data:", "blob:")):
            self.problems.append(f"asked outside the device: {url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.allowed:
            self.problems.append(f"{response.status} for {urlsplit(response.url).path}")

    def _said(self, message: ConsoleMessage) -> None:
        # The answer's own line above says it; its status may be wanted.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.problems.append(f"console: {message.text}")


def too_wide(page: Page) -> list[str]:
    """What makes a page scroll sideways; empty where nothing does.

    A phone shrinks a page that is too wide, so it is held against the screen, not the window.
    """
    size = page.viewport_size
    assert size is not None
    for _ in range(_PAGES_LEFT_AT_MOST):
        page.wait_for_load_state("load")
        try:
            found: list[str] | None = page.evaluate(_TOO_WIDE, size["width"])
            if found is not None:
                return found
            page.wait_for_timeout(100)  # The next one has only just begun, and has no root yet.
        except Error as error:
            # It was being left; the next one is asked.
            if "context was destroyed" not in error.message:
                raise
    raise AssertionError(f"{page.url} leads on and on")


def too_small(page: Page) -> list[str]:
    """Targets on a page that are smaller than TARGET_PX either way."""
    found: list[str] = page.evaluate(_TOO_SMALL, [TARGET_PX, _ROUNDING_PX])
    return found


def scroll_through(page: Page) -> None:
    """To the end and back, so that what loads late has loaded, and has moved what it moves."""
    page.evaluate(
        """async () => {
          const wait = (ms) => new Promise((done) => setTimeout(done, ms));
          const end = Math.min(document.documentElement.scrollHeight, 20000);
          for (let at = 0; at < end; at += innerHeight) { scrollTo(0, at); await wait(20); }
          await wait(60);
          scrollTo(0, 0);
        }"""
    )
