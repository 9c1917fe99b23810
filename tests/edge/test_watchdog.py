"""The heartbeat as systemd hears it: at a real socket, while all parts answer, and no longer."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.pulse import Pulse
from edge.watchdog import (
    BEAT,
    LIMIT_VARIABLE,
    PID_VARIABLE,
    SOCKET_VARIABLE,
    START_LIMIT_S,
    STOPPING,
    Heartbeat,
    notify,
    watchdog_limit_s,
)


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Its end of the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)
        yield listener


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_systemd_is_told_at_a_path_and_at_a_name(systemd: socket.socket, tmp_path: Path) -> None:
    assert notify("READY=1", {SOCKET_VARIABLE: str(tmp_path / "notify")})
    assert systemd.recv(100) == b"READY=1"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hidden:
        name = f"clinicscope-test-{os.getpid()}"
        hidden.bind(f"\0{name}")
        assert notify("STOPPING=1", {SOCKET_VARIABLE: f"@{name}"})
        assert hidden.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize("address", ["", "relative", "/no/such/socket"])
def test_without_systemd_nothing_is_told_and_nothing_fails(address: str) -> None:
    assert not notify("READY=1", {SOCKET_VARIABLE: address})


@pytest.mark.parametrize(
    ("given", "limit_s"),
    [
        ({}, None),
        ({LIMIT_VARIABLE: "30000000"}, 30.0),
        ({LIMIT_VARIABLE: "30000000", PID_VARIABLE: str(os.getpid())}, 30.0),
        ({LIMIT_VARIABLE: "30000000", PID_VARIABLE: "1"}, None),
        ({LIMIT_VARIABLE: "0"}, None),
        ({LIMIT_VARIABLE: "soon"}, None),
    ],
)
def test_limit_is_that_of_systemd_for_this_process(
    given: dict[str, str], limit_s: float | None
) -> None:
    assert watchdog_limit_s(given) == limit_s


def test_it_beats_while_all_parts_answer_and_says_what_does_not() -> None:
    told: list[str] = []
    hung: list[str] = []
    clock, ills = Clock(), {"camera": "", "page": ""}
    heart = Heartbeat(hung.append, lambda line: told.append(line) is None, 30.0, clock)
    heart.watch("camera", lambda: ills["camera"])
    heart.watch("page", lambda: ills["page"])
    heart.ready("screens")
    assert told.pop(0).splitlines() == ["READY=1", "STATUS=screens", BEAT]
    heart.look()
    assert told == [BEAT] and heart.state().beats == 1
    ills["camera"] = "a preview"
    clock.now_s = 7.0
    heart.look()
    heart.look()
    assert told[1:] == ["STATUS=no heartbeat: camera: a preview"]
    assert hung == ["camera: a preview"] and heart.state().hangs == "camera: a preview"
    assert heart.state().age_s == 7.0
    ills["camera"] = ""
    heart.look()
    assert told[2:] == ["STATUS=it answers again", BEAT] and hung[1:] == [""]
    ills["page"] = "no answer"
    heart.leave(for_good=False)
    heart.look()
    heart.leave(for_good=True)
    assert told[4:] == [BEAT, STOPPING]


def test_a_start_gets_time_but_not_for_ever() -> None:
    told: list[str] = []
    clock = Clock()
    heart = Heartbeat(tell=lambda line: told.append(line) is None, limit_s=30.0, clock=clock)
    heart.watch("page", lambda: "not there yet")
    heart.look()
    assert told == [f"{BEAT}\nEXTEND_TIMEOUT_USEC=22500000"]
    clock.now_s = START_LIMIT_S + 1
    heart.look()
    assert told[1:] == ["STATUS=no heartbeat: start: not ready after 900 s"]


def test_the_thread_beats_by_itself_and_outlives_a_part_that_raises(
    systemd: socket.socket, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = {SOCKET_VARIABLE: str(tmp_path / "notify")}
    broken = True

    def part() -> str:
        if broken:
            raise RuntimeError("odd")
        return ""

    heart = Heartbeat(tell=lambda line: notify(line, address), limit_s=0.2)
    heart.watch("odd", part)
    heart.ready("screens")
    assert systemd.recv(100).startswith(b"READY=1")
    heart.start()
    while "broke off" not in caplog.text:
        time.sleep(0.01)
    assert heart.state().beats == 0
    broken = False
    assert systemd.recv(100) == BEAT.encode() == systemd.recv(100)
    heart.close()


def test_a_pulse_tells_what_is_overdue() -> None:
    clock = Clock()
    pulse = Pulse(clock)
    assert pulse.overdue() == ""
    with pulse.within(3.0, "a field"):
        clock.now_s = 2.9
        assert pulse.overdue() == ""
        clock.now_s = 3.1
        assert pulse.overdue() == "a field"
    assert pulse.overdue() == ""
