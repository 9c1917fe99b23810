"""A key and a certificate that it signed itself, as PEM, and what such a PEM says.

Pure, and slow to import: `edge.certificate` does so only where there is one to make or read.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.contract.errors import ConfigError

# A device whose clock runs ahead must not show a certificate that is not yet valid on a phone.
_VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9-]{1,63})*")
_OTHER_USES = (
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def make_pem(names: Iterable[str], now: datetime, lasts: timedelta) -> bytes:
    """A new ECDSA key on P-256 and its certificate, one after the other.

    Raises:
        ConfigError: a name that is none.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, [_name(name) for name in names], now, now + lasts)
    plain = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return plain + certificate.public_bytes(serialization.Encoding.PEM)


def describe_pem(pem: bytes) -> tuple[str, tuple[str, ...], datetime]:
    """Fingerprint, names and end of the certificate in it.

    Raises:
        ValueError: it holds no key, or no certificate.
    """
    serialization.load_pem_private_key(pem, None)
    found = x509.load_pem_x509_certificate(pem)
    told = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    digest = hashlib.sha256(found.public_bytes(serialization.Encoding.DER)).hexdigest().upper()
    pairs = (digest[at : at + 2] for at in range(0, len(digest), 2))
    return ":".join(pairs), tuple(str(name.value) for name in told), found.not_valid_after_utc


def is_host(name: str) -> bool:
    """Whether this can be the name of a host."""
    return _HOST.fullmatch(name) is not None


def _certificate(
    key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName], now: datetime, ends: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ClinicScope device")])
    uses = x509.KeyUsage(digital_signature=True, **dict.fromkeys(_OTHER_USES, False))
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, _VALID_FROM))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(uses, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if not is_host(name):
            raise ConfigError(
                f"page.host_names has {name[:80]!r}; give names such as clinic.local, or addresses"
            ) from None
        return x509.DNSName(name)
