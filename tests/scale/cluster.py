"""A cluster of Ray on two machines made of this one: a head that only directs, or works too."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.scale.machines import Machine, two_machines

PORT = 6379
RAY = Path(sys.executable).with_name("ray")
STARTED = "Ray runtime started"
READY_S = 60.0
OBJECTS_BYTES = 200 * 2**20
# A node counts as dead once so many questions in a row went unanswered, docs/scale.md.
TUNED = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}


@dataclass
class Cluster:
    """Two nodes.

    Attributes:
        env: what a program needs to reach it: the token, quiet.
        nodes: what `ray start` said, and whether it still runs, by machine's address.
    """

    head: Machine
    worker: Machine
    env: dict[str, str]
    folder: Path
    nodes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """For `--address`."""
        return f"{self.head.address}:{PORT}"

    def start(self, machine: Machine, *more: str, env: Mapping[str, str] | None = None) -> None:
        """Starts a node of Ray and waits until it says so.

        Raises:
            RuntimeError: it did not; with what it said.
        """
        log = self.folder / f"{machine.address}.log"
        where = ["--head", "--port", str(PORT), "--include-dashboard", "false"]
        if machine is not self.head:
            where = ["--address", self.address]
        words = [
            str(RAY), "start", "--block", *where, "--node-ip-address", machine.address,
            "--object-store-memory", str(OBJECTS_BYTES), "--disable-usage-stats", *more,
        ]  # fmt: skip
        own = {"RAY_TMPDIR": str(self.folder / machine.address), **(env or {})}
        with log.open("w") as stream:
            self.nodes[machine.address] = subprocess.Popen(
                machine.words(*words), stdout=stream, stderr=stream, text=True, env=self.env | own
            )
        self._wait(self.nodes[machine.address], log)

    def _wait(self, node: subprocess.Popen[str], log: Path) -> None:
        end = time.monotonic() + READY_S
        while STARTED not in log.read_text():
            if node.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"Ray did not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)

    def program(
        self, *command: str, env: Mapping[str, str] | None = None, elsewhere: bool = False
    ) -> subprocess.Popen[str]:
        """Starts a command on the head's machine, or on the other one."""
        return subprocess.Popen(
            (self.worker if elsewhere else self.head).words(*command),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.env | {"RAY_TMPDIR": str(self.folder / "driver"), **(env or {})},
        )

    def dead_at(self) -> float | None:
        """When the head last declared a node dead, in seconds of the clock; None: never."""
        logs = self.folder.glob(f"{self.head.address}/ray/session_2*/logs/gcs_server.out")
        lines = [line for log in logs for line in log.read_text().splitlines()]
        told = [line for line in lines if "has been marked dead" in line]
        if not told:
            return None
        # [2026-11-26 20:51:00,091 W 8 8] (gcs_server) ...
        return datetime.strptime(told[-1][1:24], "%Y-%m-%d %H:%M:%S,%f").timestamp()


@contextmanager
def cluster(
    *, head_cpus: int = 1, worker_cpus: int = 1, settings: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """Two nodes of Ray, and nothing of them after.

    Args:
        head_cpus, worker_cpus: how many tasks each works on at once; 0: none, and no node yet for
            the worker.
        settings: variables of Ray's own.
    """
    with ExitStack() as stack:
        # Short: a socket's path has at most 107 characters.
        folder = Path(tempfile.mkdtemp(prefix="two-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        head, worker = stack.enter_context(two_machines())
        env = os.environ | dict(settings or {}) | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
        }  # fmt: skip
        found = Cluster(head, worker, env, folder)
        stack.callback(_wait_for_all, found)
        found.start(head, "--num-cpus", str(head_cpus))
        if worker_cpus:
            found.start(worker, "--num-cpus", str(worker_cpus))
        yield found


def _wait_for_all(found: Cluster) -> None:
    for node in found.nodes.values():
        node.kill()
        node.wait()
