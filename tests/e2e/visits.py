"""Opens any page of the table in any look: the right device, the right person, what it needs."""

from __future__ import annotations

import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.clinic import CONFIG, furnish
from tests.e2e.errands import run_errands
from tests.e2e.looks import Look
from tests.e2e.pages import ADMIN, FIRST_RUN, LOCKED, TOO_OFTEN, VISITOR, PageSpec
from tests.e2e.watch import Watch
from tests.support.appliance import appliance, chromium, log_in

# What a page answers on purpose.
_ALLOWED = {404, 429, 500}
# More than a phone may ask in a minute.
_TOO_MANY = 3100


@dataclass
class Visits:
    """Open browsers of a clinic's device and of one that nobody has set up yet.

    Attributes:
        address: of the clinic's device; `new_address` of the other.
        home: data directory of the clinic's.
        ids: by what the paths of pages name.
        open: a page for each way of looking and each person.
        sessions: cookies of those who have logged in.
    """

    browser: Browser
    address: str
    new_address: str
    home: Path
    ids: dict[str, str]
    stack: ExitStack
    open: dict[tuple[str, str], tuple[Page, Watch]] = field(default_factory=dict)
    sessions: dict[str, Any] = field(default_factory=dict)

    def page(self, look: Look, who: str) -> tuple[Page, Watch]:
        """An open page of this person, and what watches it."""
        if (look.name, who) not in self.open:
            address = self._address(who)
            context = self.cold(look, who)
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
        if spec.who == TOO_OFTEN:
            ask_too_often(self.new_address)
        # What the page before does by itself, until this one begins, is not this one's.
        page.once("framenavigated", lambda _: watch.take())
        answer = page.goto(url)
        assert answer is not None
        assert answer.status == spec.status, url
        assert answer.url.rstrip("/") == url.rstrip("/"), f"{url} leads to {answer.url}"
        return page, watch

    def url(self, spec: PageSpec) -> str:
        """The whole address of a page."""
        known = [name for name in self.ids if f"{{{name}}}" in spec.path]
        if "{broken}" in spec.path and not known:
            self.ids["broken"] = spoil(self.home, self.ids["amended"])
        elif "{" in spec.path and not known:
            context = self.cold(Look("errand", 1280, 800, touch=False))
            run_errands(spec.path, context.new_page(), self.address, self.ids)
            context.close()
        return self._address(spec.who) + spec.path.format(**self.ids)

    def cold(self, look: Look, who: str = ADMIN) -> BrowserContext:
        """A browser of its own with this person's session, and nothing in its cache."""
        # Those who lock the screen lock it for themselves alone.
        state = self._session(look.name if who == LOCKED else who)
        return look.open(self.browser, self._address(who), storage_state=state)

    def _session(self, of: str) -> Any:
        """Cookies of someone who has logged in, in English; none for who has not."""
        if of in (FIRST_RUN, VISITOR, TOO_OFTEN):
            return None
        if of not in self.sessions:
            # A worker of the page would keep the whole program for a browser that closes at once.
            context = self.browser.new_context(locale="en", service_workers="block")
            page = context.new_page()
            page.goto(self.address)
            log_in(page)
            self.sessions[of] = context.storage_state()
            context.close()
        return self.sessions[of]

    def _address(self, who: str) -> str:
        return self.new_address if who in (FIRST_RUN, TOO_OFTEN) else self.address


def spoil(home: Path, specimen_id: str) -> str:
    """Makes what is recorded of a specimen's fields unreadable, as a failing card does."""
    with closing(sqlite3.connect(home / "records.db")) as records, records:
        changed = records.execute(
            "UPDATE fields SET quality = '{' WHERE specimen_id = ?", (specimen_id,)
        )
        assert changed.rowcount > 0
    return specimen_id


def ask_too_often(address: str) -> None:
    """Asks as a visitor until the device has no more time for one."""
    for _ in range(_TOO_MANY):
        try:
            urllib.request.urlopen(f"{address}/healthz", timeout=10).close()
        except HTTPError as error:
            assert error.code == 429
            return
    raise AssertionError(f"{address} answered {_TOO_MANY} times")


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
        yield Visits(browser, address, new_address, folder / "clinic" / "home", ids, stack)
