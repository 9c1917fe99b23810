"""One phone in a clinic: logs in, follows links, fetches what each page shows, waits as a person
does."""

from __future__ import annotations

import gzip
import http.client
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

_LINK = re.compile(r"<a\s[^>]*href=\"([^\"#]+)\"")
_SHOWN = re.compile(r"<(?:img|script)\s[^>]*src=\"([^\"]+)\"|<link\s[^>]*href=\"([^\"]+)\"")
_POLLED = re.compile(r"hx-get=\"([^\"]+)\"")
_TOKEN = re.compile(r"name=\"csrf_token\"[^>]*value=\"([^\"]+)\"")
_TIMING = re.compile(r"app;dur=([\d.]+)")
# What a person at work does not tap: it would end her session, or fetch what is no page.
_LEFT_ALONE = re.compile(r"/(?:logout|lock|language|theme|static)\b|\.(?:pdf|html|zip|csv)\b")
_KEPT = re.compile(r"max-age=[1-9]")
_TIMEOUT_S = 60
SHOWN_AT_MOST = 12
_HTML = "text/html"


@dataclass(frozen=True)
class Answer:
    """What one request came to.

    Attributes:
        page: its path with ids and numbers as `*`.
        status: 0 where the connection broke; then `kind` says why.
        kind: media type.
        server_ms: as the server tells; None where it does not.
        total_ms: until the last byte was here.
    """

    page: str
    status: int
    kind: str
    bytes: int
    server_ms: float | None
    total_ms: float


def page_name(path: str) -> str:
    """`/specimens/20261126-101500-abc123/fields/3` as `/specimens/*/fields/*`."""
    parts = urlsplit(path).path.split("/")
    return "/".join("*" if any(c.isdigit() for c in part) else part for part in parts)


class Phone:
    """A browser without a screen.

    Args:
        address: of the appliance.
        note: takes each answer.
        number: decides its own address on this machine, and its choices.
        think_s: least and most between two pages.
    """

    def __init__(
        self,
        address: str,
        note: Callable[[Answer], None],
        number: int = 0,
        think_s: tuple[float, float] = (1.0, 4.0),
    ) -> None:
        self._host, self._port = urlsplit(address).hostname or "", urlsplit(address).port or 80
        self._note, self._think_s = note, think_s
        self._random = random.Random(number)
        # Each its own, as in a clinic's network.
        self._source = (f"127.0.1.{number % 250 + 1}", 0)
        self._cookies: dict[str, str] = {}
        self._cached: set[str] = set()
        self._connection: http.client.HTTPConnection | None = None

    def live(
        self, name: str, password: str, end: threading.Event, come_within_s: float = 0
    ) -> None:
        """Logs in, sooner or later, and goes on until the end."""
        end.wait(self._random.uniform(0, come_within_s))
        if not self._until_in(name, password, end):
            return
        page, at = self.see("/"), "/"
        while not end.wait(self._random.uniform(*self._think_s)):
            at = self._next(page, at)
            page = self.see(at)
            for polled in _POLLED.findall(page)[:1]:
                self.fetch(urljoin(at, unescape(polled)))
        self.close()

    def log_in(self, name: str, password: str) -> int:
        """The status of a login; 303 where it let in."""
        form = self.fetch("/login")[1]
        found = _TOKEN.search(form)
        sent = {"csrf_token": found[1] if found else "", "name": name, "password": password}
        return self.fetch("/login", urlencode(sent))[0]

    def see(self, path: str) -> str:
        """A page with its pictures, styles and scripts, those once; its text."""
        text = self.fetch(path)[1]
        wanted = [one for one in _shown(text, path) if one not in self._cached]
        for shown in wanted[:SHOWN_AT_MOST]:
            self.fetch(shown)
        return text

    def fetch(self, path: str, form: str | None = None) -> tuple[int, str]:
        """One request; its status and its text, empty where it is none."""
        began, name = time.perf_counter(), page_name(path) if form is None else f"POST {path}"
        try:
            answer, body = self._ask_again(path, form)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            told = f"{type(error).__name__}: {error}"
            self._note(Answer(name, 0, told, 0, None, _ms(began)))
            return 0, ""
        kind = (answer.getheader("Content-Type") or "").partition(";")[0]
        timing = _TIMING.search(answer.getheader("Server-Timing") or "")
        server_ms = float(timing[1]) if timing else None
        if _KEPT.search(answer.getheader("Cache-Control") or ""):
            self._cached.add(path)
        self._note(Answer(name, answer.status, kind, len(body), server_ms, _ms(began)))
        if kind != _HTML:
            return answer.status, ""
        text = gzip.decompress(body) if answer.getheader("Content-Encoding") == "gzip" else body
        return answer.status, text.decode("utf-8", "replace")

    def open_stream(self, path: str) -> http.client.HTTPResponse:
        """An answer that goes on; the caller reads it, and closes it."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        connection.request("GET", path, headers=self._headers())
        return connection.getresponse()

    def close(self) -> None:
        """Ends its connection; the next request opens another."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _until_in(self, name: str, password: str, end: threading.Event) -> bool:
        while not end.is_set():
            if self.log_in(name, password) == http.client.SEE_OTHER:
                return True
            end.wait(self._random.uniform(1, 5))
        return False

    def _next(self, page: str, at: str) -> str:
        links = sorted({urljoin(at, unescape(link)) for link in _LINK.findall(page)})
        links = [link for link in links if link.startswith("/") and not _LEFT_ALONE.search(link)]
        # Back to the first page now and then, as people go.
        return self._random.choice(links) if links and self._random.random() > 0.2 else "/"

    def _ask_again(self, path: str, form: str | None) -> tuple[http.client.HTTPResponse, bytes]:
        """Once more where a kept connection was closed meanwhile, as browsers do."""
        try:
            return self._ask(path, form)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.close()
            return self._ask(path, form)

    def _ask(self, path: str, form: str | None) -> tuple[http.client.HTTPResponse, bytes]:
        headers = self._headers()
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                self._host, self._port, timeout=_TIMEOUT_S, source_address=self._source
            )
        self._connection.request("GET" if form is None else "POST", path, form, headers)
        answer = self._connection.getresponse()
        body = answer.read()
        for line in answer.headers.get_all("Set-Cookie") or ():
            self._cookies.update({key: m.value for key, m in SimpleCookie(line).items()})
        return answer, body

    def _headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{key}={value}" for key, value in self._cookies.items())
        return {"Cookie": cookies, "Accept-Encoding": "gzip"}


def _shown(text: str, at: str) -> Iterator[str]:
    for one, other in _SHOWN.findall(text):
        yield urljoin(at, unescape(one or other))


def _ms(began: float) -> float:
    return 1000 * (time.perf_counter() - began)
