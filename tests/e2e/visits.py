"""Opens any page of the table in any look: the right device, the right person, what it needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.clinic import CONFIG, furnish
from tests.e2e.errands import run_errands
from tests.e2e.looks import Look
from tests.e2e.pages import ADMIN, FIRST_RUN, LOCKED, VISITOR, PageSpec
from tests.e2e.watch import Watch
from tests.support.appliance import appliance, chromium, log_in

# What a page answers on purpose.
_ALLOWED = {404}


@dataclass
class Visits:
    """Open browsers of a clinic's device and of one that nobody has set up yet.

    Attributes:
        address: of the clinic's device; `new_address` of the other.
        ids: by what the paths of pages name.
        open: a page for each way of looking and each person.
        sessions: cookies of those who have logged in.
    """

    browser: Browser
    address: str
    new_address: str
    ids: dict[str, str]
    stack: ExitStack
    open: dict[tuple[str, str], tuple[Page, Watch]] = field(default_factory=dict)
    sessions: dict[str, Any] = field(default_factory=dict)

    def page(self, look: Look, who: str) -> tuple[Page, Watch]:
        """An open page of this person, and what watches it."""
        if (look.name, who) not in self.open:
            address = self._address(who)
            # Those who lock the screen lock it for themselves alone.
            state = self._session(look.name if who == LOCKED else who)
            context = look.open(self.browser, address, storage_state=state)
            self.stack.callback(context.close)
            watch = Watch(address, allowed=set(_ALLOWED)).attach(context)
            self.open[look.name, who] = (context.new_page(), watch)
        return self.open[look.name, who]

    def visit(self, look: Look, spec: PageSpec) -> tuple[Page, Watch]:
        """Goes to a page; what it needs is done first, in the plainest of looks.

        Raises:
            AssertionError: it does not answer as the table says, or leads elsewhere.
        """
        url = self.url(spec)
        page, watch = self.page(look, spec.who)
        # What the page before does by itself is not this one's.
        page.goto("about:blank")
        watch.take()
        answer = page.goto(url)
        assert answer is not None
        assert answer.status == spec.status, url
        assert answer.url.rstrip("/") == url.rstrip("/"), f"{url} leads to {answer.url}"
        return page, watch

    def url(self, spec: PageSpec) -> str:
        """The whole address of a page."""
        missing = [name for name in self.ids if f"{{{name}}}" in spec.path]
        if "{" in spec.path and not missing:
            context = self.logged_in(Look("errand", 1280, 800, touch=False))
            run_errands(spec.path, context.new_page(), self.address, self.ids)
            context.close()
        return self._address(spec.who) + spec.path.format(**self.ids)

    def logged_in(self, look: Look) -> BrowserContext:
        """A browser of its own with the admin's session, and nothing in its cache."""
        return look.open(self.browser, self.address, storage_state=self._session(ADMIN))

    def _session(self, of: str) -> Any:
        """Cookies of someone who has logged in, in English; none for who has not."""
        if of in (FIRST_RUN, VISITOR):
            return None
        if of not in self.sessions:
            context = self.browser.new_context(locale="en")
            page = context.new_page()
            page.goto(self.address)
            log_in(page)
            self.sessions[of] = context.storage_state()
            context.close()
        return self.sessions[of]

    def _address(self, who: str) -> str:
        return self.new_address if who == FIRST_RUN else self.address


@contextmanager
def visits(folder: Path, fields: int = 2) -> Iterator[Visits]:
    """Both devices, switched on, and a browser."""
    ids = furnish(folder / "clinic" / "home", fields)
    new_home = folder / "new" / "home"
    new_home.mkdir(parents=True)
    (new_home / "config.toml").write_text(CONFIG, encoding="utf-8")
    with ExitStack() as stack:
        address = stack.enter_context(appliance(folder / "clinic" / "home"))
        new_address = stack.enter_context(appliance(new_home, admin=False))
        browser = stack.enter_context(chromium())
        yield Visits(browser, address, new_address, ids, stack)
