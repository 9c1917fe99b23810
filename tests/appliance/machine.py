"""A root of files started by its own systemd, in systemd-nspawn: a device without its board.

The root is not changed: what is written goes to memory and is gone with the machine, but for the
data directory, which is a folder of this machine and outlives a cut of power. The network is one of
its own, in which nobody else is.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

HOME = "/var/lib/clinicscope"
UNIT = "clinicscope.service"
_ENVIRONMENT = ("/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8")
_STARTED = ("running", "degraded")


class MachineError(RuntimeError):
    """The machine did not do what it was started for."""


class Machine:
    """One device.

    Args:
        root: of files, with systemd in it.
        data: becomes its data directory.
        options: more words for systemd-nspawn.
    """

    def __init__(self, root: Path, data: Path, options: Sequence[str] = ()) -> None:
        self._root, self._data, self._options = root, data, tuple(options)
        self._console = data.parent / f"{data.name}-console.log"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._first = 0

    def start(self, within_s: float = 120.0) -> float:
        """Boots it; seconds until systemd had started all it should, or given up on some."""
        began = time.monotonic()
        self._data.mkdir(parents=True, exist_ok=True)
        with self._console.open("wb") as console:
            self._nspawn = subprocess.Popen(
                self._words(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                # Newer cgroups in the machine, also where this machine still has the old ones.
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        self._first = self._wait_for_first(began + within_s)
        while (state := self._state()) not in _STARTED:
            if time.monotonic() > began + within_s:
                raise MachineError(f"systemd is {state!r} after {within_s:g} s: {self.console()}")
            time.sleep(0.1)
        return time.monotonic() - began

    def run(self, *words: str, check: bool = True, timeout_s: float = 120.0) -> str:
        """A program of the machine, as root; what it printed.

        Raises:
            MachineError: it failed, and `check` is set.
        """
        done = subprocess.run(
            [*self.enter("-m", "-u", "-i", "-p", "-C", "-n"), *_ENVIRONMENT, *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        if check and done.returncode:
            raise MachineError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def enter(self, *namespaces: str) -> list[str]:
        """The words before a program that is to run in these namespaces of the machine."""
        return ["nsenter", "-t", str(self._first), *namespaces, "--"]

    def here(self, *words: str, timeout_s: float = 120.0) -> str:
        """A program of this machine in the network of that one."""
        done = subprocess.run(
            [*self.enter("-n"), *words],
            check=True,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        return done.stdout

    def python(self, module: str, *words: str, timeout_s: float = 120.0) -> str:
        """A module of these tests in the network of that machine."""
        return self.here(sys.executable, "-m", module, *words, timeout_s=timeout_s)

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()

    def journal(self, unit: str) -> str:
        """All that a unit said, and systemd of it."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit)

    def console(self) -> str:
        """The end of what the machine wrote to its console."""
        return self._console.read_text(errors="replace")[-2000:]

    def power_off(self) -> None:
        """Switches it off as a person does."""
        self.run("systemctl", "poweroff", check=False)
        self._end(30.0)

    def cut_power(self) -> None:
        """Nothing in it gets another instruction."""
        if self._first:
            os.kill(self._first, signal.SIGKILL)
        self._end(10.0)

    def _words(self) -> list[str]:
        return [
            "systemd-nspawn",
            f"--directory={self._root}",
            f"--bind={self._data}:{HOME}",
            "--volatile=overlay",
            "--boot",
            f"--machine={self._data.name}",
            "--private-network",
            "--private-users=no",
            "--console=passive",
            # There may be no systemd around it that would know of machines.
            "--register=no",
            "--keep-unit",
            *self._options,
        ]

    def _wait_for_first(self, until: float) -> int:
        nspawn = self._nspawn
        while nspawn is not None and nspawn.poll() is None and time.monotonic() < until:
            for pid in _children(nspawn.pid):
                if Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                    return pid
            time.sleep(0.05)
        raise MachineError(f"systemd-nspawn started nothing: {self.console()}")

    def _state(self) -> str:
        if self._nspawn is None or self._nspawn.poll() is not None:
            raise MachineError(f"the machine ended: {self.console()}")
        return self.run("systemctl", "is-system-running", check=False).strip()

    def _end(self, within_s: float) -> None:
        nspawn, self._nspawn, self._first = self._nspawn, None, 0
        if nspawn is None:
            return
        try:
            nspawn.wait(within_s)
        except subprocess.TimeoutExpired:
            nspawn.kill()
            nspawn.wait()


def _children(pid: int) -> list[int]:
    """Processes that it started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def missing() -> str:
    """What keeps a machine from being started here; empty where nothing does."""
    if os.geteuid() != 0:
        return "systemd-nspawn needs root"
    if shutil.which("systemd-nspawn") is None:
        return "systemd-nspawn is not installed (tests/appliance/install_nspawn.sh)"
    return ""
