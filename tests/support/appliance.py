"""The appliance as a process of its own, and Debian's Chromium to look at it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from edge.store.store import Store
from edge.store.users import Users

ADMIN, PASSWORD = "Ana", "blue kettle ladder"
_PROGRAM = (sys.executable, "-c", "from edge.cli import script; script()")
# A machine without network must not be asked for updates and the like.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def add_user(home: Path, name: str = ADMIN, role: str = "admin") -> None:
    """A person with the tests' password."""
    with closing(Store(home)) as store:
        Users(store).add(name, role, PASSWORD, "test")


def has_users(home: Path) -> bool:
    """Whether anyone was added to these records before."""
    path = home / "records.db"
    if not path.is_file():
        return False
    with closing(sqlite3.connect(path)) as records:
        return bool(records.execute("SELECT count(*) FROM users").fetchone()[0])


def log_in(page: Page, name: str = ADMIN) -> None:
    """Logs in at the page, which is the login; goes on to the page that was asked for."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(lambda address: "/login" not in address)


def wait_until(page: Page, expression: str, within_s: float = 20.0) -> None:
    """Until an expression of the page is true.

    Asked from outside each time: the page's own policy lets no text be run inside it, so that
    `wait_for_function` works at its first look alone.
    """
    until = time.monotonic() + within_s
    while True:
        # A page that is being left, or has only just begun, has nothing to ask yet.
        with suppress(Error):
            if page.evaluate(expression):
                return
        assert time.monotonic() < until, f"not within {within_s:g} s: {expression}"
        page.wait_for_timeout(100)


@contextmanager
def appliance(
    home: Path,
    *words: str,
    admin: bool = True,
    tls: bool = False,
    port: int | None = None,
) -> Iterator[str]:
    """`clinicscope run`; gives its address once it answers.

    Args:
        home: its data directory.
        words: more for the command line.
        admin: ADMIN can log in; False leaves the device as it leaves the workshop.
        tls: its page is encrypted by the device's own certificate.
        port: where it was before it was switched off; None for a free one.
    """
    if admin and not has_users(home):
        add_user(home)
    port = port or free_port()
    with (home.parent / "appliance.log").open("wb") as log:
        process = subprocess.Popen(
            [*_PROGRAM, "run", "--port", str(port), "--tls" if tls else "--no-tls", *words],
            env={**os.environ, "CLINICSCOPE_HOME": str(home)},
            stdout=log,
            stderr=log,
        )
        address = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        try:
            wait_until_it_answers(process, f"{address}/healthz")
            yield address
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_it_answers(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + 60
    # Whether it proves itself, who asks for it looks at; here it need only be there.
    anyone = ssl._create_unverified_context()
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the appliance ended with {process.returncode}"
        try:
            with urllib.request.urlopen(address, timeout=2, context=anyone):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{address} did not answer within 60 s")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    path = shutil.which("chromium")
    assert path, "Chromium is missing; run `make browser`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
