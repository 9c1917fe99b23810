"""The device's own TLS certificate: made on the device, by no authority, renewed before it ends.

No authority vouches for a device without internet. What proves it is its fingerprint, read from the
device itself and compared once with what the phone shows.
"""

from __future__ import annotations

import fcntl
import hashlib
import ipaddress
import re
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.contract.errors import ConfigError, StoreError
from edge.store.files import disk_errors, write_durably

# Key and certificate in one file, so that a power cut never leaves one without the other.
CERTIFICATE_FILE = "tls.pem"
LASTS = timedelta(days=3650)
RENEWED_BEFORE = timedelta(days=60)
# A device whose clock runs ahead must not show a certificate that is not yet valid on a phone.
_VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9-]{1,63})*")
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
    now = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, tuple(dict.fromkeys(names)), now)
    plain = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    write_durably(home / CERTIFICATE_FILE, plain + pem, private=True)
    return _described(home / CERTIFICATE_FILE, certificate)


def read_certificate(home: Path) -> Certificate | None:
    """The certificate that is there; None where there is none.

    Raises:
        StoreError: it cannot be read, or is none.
    """
    path = home / CERTIFICATE_FILE
    if not path.is_file():
        return None
    with disk_errors(path, 0):
        pem = path.read_bytes()
    try:
        serialization.load_pem_private_key(pem, None)
        return _described(path, x509.load_pem_x509_certificate(pem))
    except ValueError as error:
        raise StoreError(f"{path} holds no key and certificate; delete it and restart") from error


def _certificate(
    key: ec.EllipticCurvePrivateKey, names: tuple[str, ...], now: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ClinicScope device")])
    usage = dict.fromkeys(
        (
            "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, _VALID_FROM))
        .not_valid_after(now + LASTS)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if not _HOST.fullmatch(name):
            raise ConfigError(
                f"page.host_names has {name[:80]!r}; give names such as clinic.local, or addresses"
            ) from None
        return x509.DNSName(name)


def _described(path: Path, certificate: x509.Certificate) -> Certificate:
    told = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    digest = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    pairs = (digest[at : at + 2] for at in range(0, len(digest), 2))
    return Certificate(
        path,
        ":".join(pairs).upper(),
        tuple(str(name.value) for name in told),
        certificate.not_valid_after_utc,
    )


def own_names(more: Iterable[str] = ()) -> tuple[str, ...]:
    """By which this device can be reached: its names, its addresses, and `more`."""
    host = socket.gethostname().encode("ascii", "ignore").decode()
    hosts = [host, *([f"{host}.local"] if "." not in host else [])] if _HOST.fullmatch(host) else []
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
    return tuple(
        dict.fromkeys([*(one for one in found if not one.startswith("127.")), "127.0.0.1"])
    )
