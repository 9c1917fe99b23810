"""Ed25519 keys: made, written, read, used. Which of them are trusted is `edge.updates.trust`'s.

A secret key is a PEM file (PKCS 8), with a passphrase if wanted. A public key is one line of text,
`ed25519 BASE64`, behind lines that begin with `#`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.contract.errors import ConfigError
from edge.store.files import write_durably

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PUBLIC_SUFFIX, SECRET_SUFFIX = ".pub", ".key"
KEY_BYTES, SIGNATURE_BYTES = 32, 64
_SCHEME = "ed25519"
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_SUCCEEDS = re.compile(r"# succeeds ([0-9a-f]{16})")
_MOST_BYTES = 4096  # of a file of a key


@dataclass(frozen=True)
class PublicKey:
    """What a signature is checked with.

    Attributes:
        raw: 32 bytes, RFC 8032.
        succeeds: id of the key that vouched for it; empty where a person put it there.
    """

    raw: bytes
    succeeds: str = ""

    @property
    def key_id(self) -> str:
        """What it is called: the first 16 digits of its sha256."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Whether its secret half signed this."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, eq=False)
class SecretKey:
    """What signs. It never comes onto a device."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        """What devices are given."""
        return PublicKey(self.private.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""
        return self.private.sign(data)


def make_key() -> SecretKey:
    """A new key, from the system's randomness."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return SecretKey(Ed25519PrivateKey.generate())


def is_key_id(text: str) -> bool:
    """Whether a text can be the id of a key."""
    return _KEY_ID.fullmatch(text) is not None


def format_public(key: PublicKey) -> str:
    """The text of a `.pub` file."""
    head = [f"# ClinicScope signing key {key.key_id}"]
    head += [f"# succeeds {key.succeeds}"] if key.succeeds else []
    return "\n".join([*head, f"{_SCHEME} {base64.b64encode(key.raw).decode()}", ""])


def read_public(path: Path) -> PublicKey:
    """The key of a `.pub` file.

    Raises:
        ConfigError: it holds none.
    """
    try:
        with path.open("rb") as file:
            lines = file.read(_MOST_BYTES).decode("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as a public key ({error})") from error
    said = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    succeeds = [found[1] for line in lines if (found := _SUCCEEDS.fullmatch(line.strip()))]
    if len(said) != 1 or len(said[0]) != 2 or said[0][0] != _SCHEME:
        raise ConfigError(
            f"{path} holds no public key; expected one line `{_SCHEME} BASE64`, as `clinicscope "
            "bundle keygen` writes it"
        )
    return PublicKey(decoded(said[0][1], KEY_BYTES, str(path)), "".join(succeeds[:1]))


def decoded(text: str, size: int, where: str) -> bytes:
    """Base64 of exactly so many bytes.

    Raises:
        ConfigError: it is none, or of another size.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigError(f"{where}: {text[:20]!r} is not base64; copy the file again") from error
    if len(raw) != size:
        raise ConfigError(f"{where} holds {len(raw)} bytes, expected {size}; copy the file again")
    return raw


def write_secret(path: Path, key: SecretKey, passphrase: str = "") -> None:
    """Writes a secret key, readable by its owner alone. Raises ConfigError where a file is."""
    from cryptography.hazmat.primitives import serialization

    if path.exists():
        raise ConfigError(f"{path} is there already; a key is never overwritten. Give another name")
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        hidden = serialization.BestAvailableEncryption(passphrase.encode())
    pem = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden
    )
    write_durably(path, pem, private=True)


def is_protected(path: Path) -> bool:
    """Whether a secret key asks for a passphrase."""
    return path.is_file() and b"BEGIN ENCRYPTED" in path.read_bytes()[:_MOST_BYTES]


def read_secret(path: Path, passphrase: str = "") -> SecretKey:
    """The key of a `.key` file.

    Raises:
        ConfigError: it cannot be read, is another kind of key, or the passphrase is wrong.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(path.read_bytes(), passphrase.encode() or None)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); give --key FILE") from error
    except (ValueError, TypeError) as error:
        # Never what is in it, which a log would keep.
        raise ConfigError(
            f"{path} is no secret key, or the passphrase is not its own; give the .key file that "
            "`clinicscope bundle keygen` wrote"
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError(f"{path} is a key of another kind; updates are signed with Ed25519")
    return SecretKey(private)
