"""The appliance under a watchdog: it says when it is ready, beats, falls silent, and is put into
safe mode and out of it. Here the test is at systemd's end of the socket; `make appliance-check` has
the real one.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.starts import MOST, begin, read_starts, this_start
from edge.watchdog import BEAT, LIMIT_VARIABLE, SOCKET_VARIABLE, STOPPING
from tests.e2e.test_restart_process import Browser
from tests.support.appliance import ADMIN, PASSWORD, add_user, free_port
from web_ui.api.health import program_version

# A run of the tests that ignores SIGHUP would hand that on.
_CODE = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from edge.cli import script
script()
"""
_PROGRAM = (sys.executable, "-c", _CODE)
_LIMIT_S = 2.0


@dataclass
class Watched:
    """A process with its socket."""

    process: subprocess.Popen[bytes]
    notes: socket.socket
    address: str

    def hears(self, line: str, within_s: float = 60.0) -> str:
        """The first note with that line."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            self.notes.settimeout(max(until - time.monotonic(), 0.01))
            note = self.notes.recv(2000).decode()
            if line in note.splitlines():
                return note
        raise AssertionError(f"{line} was not heard within {within_s} s")

    def forget(self) -> None:
        """What was said until now."""
        self.notes.setblocking(False)
        while True:
            try:
                self.notes.recv(2000)
            except BlockingIOError:
                return


@contextmanager
def watched(home: Path) -> Iterator[Watched]:
    """`clinicscope run` as systemd starts it."""
    port = free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notes:
        name = f"clinicscope-{os.getpid()}-{port}"
        notes.bind(f"\0{name}")
        process = subprocess.Popen(
            [*_PROGRAM, "run", "--port", str(port), "--no-tls"],
            env={
                **os.environ,
                "CLINICSCOPE_HOME": str(home),
                SOCKET_VARIABLE: f"@{name}",
                LIMIT_VARIABLE: f"{_LIMIT_S * 1e6:.0f}",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Watched(process, notes, f"http://127.0.0.1:{port}")
        finally:
            process.kill()
            process.wait()


def test_it_is_ready_beats_and_falls_silent_when_it_hangs(tmp_path: Path) -> None:
    with watched(tmp_path / "home") as here:
        assert "STATUS=screens" in here.hears("READY=1")
        with urllib.request.urlopen(f"{here.address}/healthz", timeout=20) as answer:
            assert answer.status == 200
        here.hears(BEAT)
        here.process.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        here.forget()
        with pytest.raises((TimeoutError, AssertionError)):
            here.hears(BEAT, _LIMIT_S)
        here.process.send_signal(signal.SIGCONT)
        here.hears(BEAT)
        here.process.send_signal(signal.SIGHUP)  # As when its terminal is closed.
        here.hears(STOPPING)
        assert here.process.wait(30) == 0
    starts = read_starts(tmp_path / "home")
    assert starts.running is None and starts.broken == ()


def test_safe_mode_after_breakdowns_and_back_by_the_button(tmp_path: Path) -> None:
    home = tmp_path / "home"
    add_user(home)
    now = this_start(program_version(), "2026-11-26T12:00:00+00:00")
    for _ in range(MOST):
        begin(home, now)
    with watched(home) as here:
        assert "safe mode" in here.hears("READY=1")
        with pytest.raises(urllib.error.HTTPError, match="503") as health:
            urllib.request.urlopen(f"{here.address}/healthz", timeout=20)
        health.value.close()
        browser = Browser(here.address)
        assert "the service broke off 4 times in a row" in browser.get("/login")
        page = browser.send("/login", "/login", name=ADMIN, password=PASSWORD)
        assert "Start normally" in page
        assert "The service starts again" in browser.send("/safe-mode", "/safe-mode/leave")
        # The same process, so that systemd sees no end; it is told of the new start.
        assert "STATUS=screens" in here.hears("READY=1")
        with urllib.request.urlopen(f"{here.address}/healthz", timeout=20) as answer:
            assert answer.status == 200
