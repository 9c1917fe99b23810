"""Workers of one fit as processes of this machine, which only itself can reach."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Any

from train.crews import Crew, Work
from train.processes import Process

LOOPBACK = "127.0.0.1"


class LocalCrew(Crew):
    """See the module."""

    _processes: tuple[Process, ...] = ()

    def start(self, work: Work, given: Any) -> None:
        """See `Crew.start`."""
        addresses = [f"{LOOPBACK}:{port}" for port in free_ports(self.size, LOOPBACK)]
        self._processes = tuple(
            Process(work, given, addresses, index) for index in range(self.size)
        )

    def hear(self, index: int, wait_s: float) -> tuple[str, Any] | None:
        """See `Crew.hear`."""
        return self._processes[index].hear(wait_s)

    def stop(self) -> None:
        """See `Crew.stop`."""
        for process in self._processes:
            process.kill()
        self._processes = ()


def free_ports(count: int, host: str) -> list[int]:
    """Different ports of a host on which nobody listens."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((host, 0))
        return [one.getsockname()[1] for one in sockets]
