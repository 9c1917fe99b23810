"""Run as root of a network of its own: what a phone and a laptop reach of a station.

Prints JSON: who asked whom at which port, and the port that answered; 0 where none did. A phone at
the hotspot and a laptop in the clinic's network are each in a network of its own, on a cable (veth)
to the station, whose rules are the device's. Needs nft, ip, unshare and nsenter.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The station's end of each cable, and the other one.
PHONE = ("wlan0", "10.42.0.1", "10.42.0.2")
LAPTOP = ("eth0", "192.168.7.1", "192.168.7.2")
PORTS = (22, 80, 443, 5000)
_LISTEN = """
import socket, sys
servers = [(port, socket.create_server(("", port))) for port in map(int, sys.argv[1:])]
print("ready", flush=True)
import selectors
found = selectors.DefaultSelector()
for port, server in servers:
    found.register(server, selectors.EVENT_READ, port)
while True:
    for key, _ in found.select():
        link, _ = key.fileobj.accept()
        link.sendall(str(key.data).encode())
        link.close()
"""
_ASK = """
import json, socket, sys
def answered(host, port):
    try:
        with socket.create_connection((host, int(port)), 0.5) as link:
            return int(link.recv(8))
    except OSError:
        return 0
print(json.dumps({where: answered(*where.split(" ")) for where in sys.argv[1:]}))
"""


def command(*words: str) -> None:
    subprocess.run(words, check=True)


@contextmanager
def neighbour(link: str, own: str, other: str) -> Iterator[list[str]]:
    """A network at the other end of a cable; gives the words that run a command in it."""
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo ready && exec sleep 60"], stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        inside = ["nsenter", "--net", "--target", str(holder.pid)]
        end = ("peer", "name", "end", "netns", str(holder.pid))
        command("ip", "link", "add", link, "type", "veth", *end)
        command("ip", "address", "add", f"{own}/24", "dev", link)
        command("ip", "link", "set", link, "up")
        command(*inside, "ip", "address", "add", f"{other}/24", "dev", "end")
        command(*inside, "ip", "link", "set", "end", "up")
        command(*inside, "ip", "route", "add", "default", "via", own)
        yield inside
    finally:
        holder.kill()
        holder.wait()


@contextmanager
def listener(inside: list[str], ports: tuple[int, ...]) -> Iterator[None]:
    """Answers each connection with the port that it came to."""
    words = [*inside, sys.executable, "-c", _LISTEN, *map(str, ports)]
    server = subprocess.Popen(words, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()
        yield
    finally:
        server.kill()
        server.wait()


def ask(inside: list[str], *places: str) -> dict[str, int]:
    words = [*inside, sys.executable, "-c", _ASK, *places]
    told = subprocess.run(words, check=True, capture_output=True).stdout
    return json.loads(told)  # type: ignore[no-any-return]


def main(rules: str) -> None:
    command("ip", "link", "set", "lo", "up")
    # Twice, as `systemctl reload` does: the table is replaced, not doubled.
    command("nft", "-f", rules)
    command("nft", "-f", rules)
    # As NetworkManager does for a hotspot; what leads nowhere must then be the rules.
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    with (
        neighbour(*PHONE) as phone,
        neighbour(*LAPTOP) as laptop,
        listener([], (22, 443, 5000)),
        listener(laptop, (443,)),
        listener(phone, (443,)),
    ):
        found = {
            "phone": ask(phone, *(f"{PHONE[1]} {port}" for port in PORTS), f"{LAPTOP[2]} 443"),
            "laptop": ask(laptop, *(f"{LAPTOP[1]} {port}" for port in PORTS), f"{PHONE[2]} 443"),
            "station": ask([], f"{LAPTOP[2]} 443", "127.0.0.1 5000"),
        }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
