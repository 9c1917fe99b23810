"""Two machines made of this one: processes, networks and shared memory of their own, on a cable.

Needs root, and of Debian `ip`, `nft`, `unshare`, `nsenter` and `setpriv`. Nothing of them is left
when this process ends, however it ends: the first process of a machine dies with it, and with that
one all the others.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEAD, WORKER = "10.77.0.1", "10.77.0.2"
# Behind the cable, and nobody has it.
NOBODY = "10.77.0.9"
_NAMESPACES = ("--net", "--pid", "--mount", "--ipc")
# Ray keeps objects in /dev/shm. The first process takes in those whose parents died.
_FIRST = """
mount -t tmpfs shm /dev/shm && ip link set lo up && echo ready
while :; do sleep 60 & wait $!; done
"""
# What is sent is lost, and nobody is told, as where a switch lost its power.
_CUT = """
table inet cut {
 chain in { type filter hook input priority 0; iifname "cable" drop; }
 chain out { type filter hook output priority 0; oifname "cable" drop; }
}
"""


@dataclass(frozen=True)
class Machine:
    """One of the two.

    Attributes:
        address: of its end of the cable.
        first: its first process, as this machine numbers it.
    """

    address: str
    first: int

    def words(self, *command: str) -> list[str]:
        """The words that run a command in it."""
        # The one that runs is killed with the process here that asked for it.
        kept = ["setpriv", "--pdeathsig", "KILL"]
        return [*kept, "nsenter", "--target", str(self.first), *_NAMESPACES, *command]

    def run(self, *command: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Runs a command in it to its end."""
        return subprocess.run(self.words(*command), check=True, text=True, **more)

    def processes(self, name: str) -> list[int]:
        """Those whose command line begins with a name, or whose program is called so."""
        found = []
        for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
            try:
                word = Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]
                here = _space(pid) == _space(self.first)
            except OSError:  # it ended, or belongs to another machine
                continue
            if here and (word.startswith(name) or Path(word).name == name):
                found.append(pid)
        return found

    def cut_off(self) -> None:
        """Takes it off the cable."""
        self.run("nft", "-f", "-", input=_CUT)

    def connect(self) -> None:
        """Puts it on again."""
        self.run("nft", "delete", "table", "inet", "cut")


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """The head's and the other."""
    with _machine(HEAD) as head, _machine(WORKER) as worker:
        # Only the network is entered, in which alone the other's number is known.
        into = ["nsenter", "--target", str(head.first), "--net", "ip", "link", "add", "cable"]
        other = ["type", "veth", "peer", "name", "cable", "netns", str(worker.first)]
        subprocess.run([*into, *other], check=True)
        for one in (head, worker):
            one.run("ip", "address", "add", f"{one.address}/24", "dev", "cable")
            one.run("ip", "link", "set", "cable", "up")
        yield head, worker


@contextmanager
def _machine(address: str) -> Iterator[Machine]:
    words = ["setpriv", "--pdeathsig", "KILL", "unshare", *_NAMESPACES]
    holder = subprocess.Popen(
        [*words, "--fork", "--kill-child", "--mount-proc", "bash", "-c", _FIRST],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "ready\n":
            raise RuntimeError("no machine of its own: this needs root and unshare")
        children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text()
        yield Machine(address, int(children))
    finally:
        holder.kill()
        holder.communicate()


def _space(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/pid").readlink())
