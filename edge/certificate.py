"""The device's own TLS certificate: made on the device, by no authority, renewed before it ends.

No authority vouches for a device without internet. What proves it is its fingerprint, read from the
device itself and compared once with what the phone shows.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.contract.errors import StoreError
from edge.store.files import disk_errors, write_durably

# Key and certificate in one file, so that a power cut never leaves one without the other.
CERTIFICATE_FILE = "tls.pem"
LASTS = timedelta(days=3650)
RENEWED_BEFORE = timedelta(days=60)
_SIOCGIFADDR = 0x8915  # Linux, <bits/ioctls.h>


@dataclass(frozen=True)
class Certificate:
    """What is known of a certificate.

    Attributes:
        path: of the file with key and certificate.
        fingerprint: sha256 of the certificate as hex pairs, "AB:CD:…", as browsers show it.
        names: of hosts, and addresses.
        ends: when it ends, in UTC.
    """

    path: Path
    fingerprint: str
    names: tuple[str, ...]
    ends: datetime

    def lasts(self, now: datetime) -> timedelta:
        """How much longer."""
        return self.ends - now


def load_or_create_certificate(
    home: Path, demanded: Iterable[str] = (), now: datetime | None = None
) -> Certificate:
    """The device's certificate, made or renewed where there is need.

    It is kept while it lasts, whatever address a network gives the device next: a new one has
    another fingerprint, which people would have to compare again.

    Args:
        home: the data directory.
        demanded: hosts that it must name, or it is renewed; beside them it names what it can.
        now: for tests.

    Raises:
        ConfigError: a name that is none.
        StoreError: it can be neither read nor written.
    """
    now, demanded = now or datetime.now(UTC), tuple(demanded)
    try:
        found = read_certificate(home)
    except StoreError:
        found = None  # Damaged: what cannot be read cannot be used either.
    if found is None or found.lasts(now) <= RENEWED_BEFORE or not set(demanded) <= set(found.names):
        return renew_certificate(home, own_names(demanded), now)
    return found


def renew_certificate(home: Path, names: Iterable[str], now: datetime | None = None) -> Certificate:
    """A new key and certificate in the place of the old; they count from the next start.

    Raises:
        ConfigError: a name that is none.
        StoreError: the file cannot be written.
    """
    from edge.self_signed import describe_pem, make_pem

    pem = make_pem(dict.fromkeys(names), now or datetime.now(UTC), LASTS)
    write_durably(home / CERTIFICATE_FILE, pem, private=True)
    return Certificate(home / CERTIFICATE_FILE, *describe_pem(pem))


def read_certificate(home: Path) -> Certificate | None:
    """The certificate that is there; None where there is none.

    Raises:
        StoreError: it cannot be read, or is none.
    """
    path = home / CERTIFICATE_FILE
    if not path.is_file():
        return None
    from edge.self_signed import describe_pem

    with disk_errors(path, 0):
        pem = path.read_bytes()
    try:
        return Certificate(path, *describe_pem(pem))
    except ValueError as error:
        raise StoreError(f"{path} holds no key and certificate; delete it and restart") from error


def own_names(more: Iterable[str] = ()) -> tuple[str, ...]:
    """By which this device can be reached: its names, its addresses, and `more`."""
    from edge.self_signed import is_host

    host = socket.gethostname()
    hosts = [host, *([f"{host}.local"] if "." not in host else [])] if is_host(host) else []
    return tuple(dict.fromkeys([*more, *hosts, "localhost", *own_addresses()]))


def own_addresses() -> tuple[str, ...]:
    """The IPv4 addresses of this device's networks, its own loop last; as far as Linux tells."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for _, network in socket.if_nameindex():
            asked = struct.pack("256s", network.encode()[:15])
            # A network without an address has none to tell.
            with suppress(OSError):
                answer = fcntl.ioctl(asker.fileno(), _SIOCGIFADDR, asked)
                found.append(socket.inet_ntoa(answer[20:24]))
    away = [address for address in found if not address.startswith("127.")]
    return (*dict.fromkeys(away), "127.0.0.1")
