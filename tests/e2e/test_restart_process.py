"""The service starts itself anew from its page: same process, same address, records untouched."""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

from edge.log_file import newest_lines
from edge.store.audit import Audit
from edge.store.store import Store
from tests.support.appliance import ADMIN, PASSWORD, appliance


class Browser:
    """A browser of few words."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        with self._opener.open(self.address + path, timeout=20) as answer:
            return str(answer.read().decode())

    def send(self, form_at: str, path: str, **form: str) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(form_at))
        assert found
        body = urllib.parse.urlencode({"csrf_token": found[1], **form}).encode()
        with self._opener.open(self.address + path, body, timeout=20) as answer:
            return str(answer.read().decode())


def test_the_service_starts_anew_and_answers_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with appliance(home) as address:
        browser = Browser(address)
        browser.send("/login", "/login", name=ADMIN, password=PASSWORD)
        (home / "config.toml").write_text("threads = 1\n")
        assert 'data-testid="pending"' in browser.get("/settings")
        assert "restart.js" in browser.send("/settings", "/settings/restart")
        went = came = False
        until = time.monotonic() + 60
        while not came and time.monotonic() < until:
            try:
                browser.get("/healthz")
                came = went
            except (urllib.error.URLError, ConnectionError):
                went = True
            time.sleep(0.02)
        assert went and came
        assert "Log in" in browser.get("/settings")  # Its session ended with the old service.
        browser.send("/login", "/login", name=ADMIN, password=PASSWORD)
        assert 'data-testid="pending"' not in browser.get("/settings")
    store = Store(home)
    assert "service.restarted" in [one.action for one in Audit(store).entries()]
    store.close()
    assert len([line for line in newest_lines(home, 99) if line.endswith(" starts")]) == 2
