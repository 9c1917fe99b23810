"""The file SIGNATURE beside an update's content: what it is, for whom, and that nobody altered it.

Owns its form and the check of its signature. Where the content lies is `edge.updates.source`'s.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from edge.contract.errors import ConfigError, ManifestError, SignatureError
from edge.contract.records import from_plain, to_plain
from edge.updates.keys import SIGNATURE_BYTES, SecretKey, decoded, is_key_id
from edge.updates.trust import Trust

SIGNATURE_FILE = "SIGNATURE"
SCHEMA_VERSION = 1
BUNDLE, APPLICATION = KINDS = ("bundle", "application")
ANY = "any"
MODELS = ("rpi4", "rpi5", "jetson_orin_nano", "generic-arm64", "generic-x86_64")
MOST_BYTES = 1024 * 1024  # of the file itself
_MOST_FILES = 2000
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_DEVICE = re.compile(r"clinicscope-[A-Za-z0-9]{4}")
# No part of a path begins with a dot, so none leads out of the folder or hides in it.
_PART = r"[A-Za-z0-9_][A-Za-z0-9._+!-]*"
_FILE = re.compile(rf"{_PART}(/{_PART}){{0,4}}")
_MOST_NAME = 200
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Envelope:
    """What an update says of itself.

    Attributes:
        kind: BUNDLE or APPLICATION.
        name: of a bundle its task, of the program `clinicscope`.
        version: from 1 on; a device goes only up.
        devices: models, single devices (`clinicscope-XXXX`), or ANY.
        sites: that it is for; empty for every site.
        files: sha256 of every other file, by its path in the update.
        key_id: of the key that signed.
        signature: base64 of the Ed25519 signature of all the rest; see `signed_bytes`.
    """

    schema_version: int
    kind: str
    name: str
    version: int
    devices: tuple[str, ...]
    sites: tuple[str, ...]
    files: Mapping[str, str]
    key_id: str
    signed_utc: str
    signature: str = ""

    def __str__(self) -> str:
        """For a person."""
        return f"{self.kind} {self.name} version {self.version}"


def signed_bytes(content: Any) -> bytes:
    """What is signed: all but `signature`, as JSON with sorted keys and no spaces, in UTF-8."""
    plain = {key: value for key, value in to_plain(content).items() if key != "signature"}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign_envelope(unsigned: Envelope, key: SecretKey) -> Envelope:
    """The same, signed.

    Raises:
        SignatureError: it says what no device would take.
    """
    named = replace(unsigned, key_id=key.public.key_id, signature="")
    signature = base64.b64encode(key.sign(signed_bytes(named))).decode()
    return parse_envelope(format_envelope(replace(named, signature=signature)))


def format_envelope(envelope: Envelope) -> bytes:
    """The content of the file."""
    return (json.dumps(to_plain(envelope), indent=1, ensure_ascii=False) + "\n").encode()


def parse_envelope(data: bytes) -> Envelope:
    """Reads the file; the signature is not checked yet.

    Raises:
        SignatureError: it is empty, cut off or malformed, or written for another version.
    """
    if not data.strip():
        raise SignatureError(f"{SIGNATURE_FILE} is empty; sign the update, or copy it again")
    try:
        plain = json.loads(data[: MOST_BYTES + 1])
        _check_version(plain)
        envelope = from_plain(Envelope, plain, SIGNATURE_FILE)
        signed_bytes(envelope)  # that it can be written as UTF-8
    except (ValueError, RecursionError, ManifestError) as error:
        raise SignatureError(
            f"{SIGNATURE_FILE} is cut off or damaged ({error}); copy the update again"
        ) from error
    _check(envelope)
    return envelope


def check_signature(envelope: Envelope, trust: Trust) -> None:
    """Lets only what a trusted key signed pass.

    Raises:
        SignatureError: no signature, a key that is not trusted, or it was altered.
    """
    check_signed(envelope, envelope.key_id, envelope.signature, trust, SIGNATURE_FILE)


def check_signed(content: Any, key_id: str, signature: str, trust: Trust, where: str) -> None:
    """See `check_signature`; of any content that is signed in this way."""
    if not signature:
        raise SignatureError(f"{where} holds no signature; sign it with `clinicscope bundle sign`")
    key = trust.key(key_id)
    try:
        raw = decoded(signature, SIGNATURE_BYTES, where)
    except ConfigError as error:
        raise SignatureError(str(error)) from error
    if not key.verifies(signed_bytes(content), raw):
        raise SignatureError(
            f"the signature in {where} is not that of key {key_id}: it was altered since it was "
            "signed, or another key signed it; get it anew from who made it"
        )


def _check_version(plain: Any) -> None:
    version = plain.get("schema_version") if isinstance(plain, dict) else None
    if version != SCHEMA_VERSION:
        raise SignatureError(
            f"{SIGNATURE_FILE} has schema_version {version!r}, this program reads "
            f"{SCHEMA_VERSION}; update the program first"
        )


def _check(envelope: Envelope) -> None:
    wrong_names = [name for name in envelope.files if not is_file_name(name)]
    unsafe = wrong_names[0][:80] if wrong_names else ""
    wrong_sums = [name for name, sha in envelope.files.items() if not _SHA256.fullmatch(sha)]
    others = [one for one in envelope.devices if not is_device(one)]
    for fault in (
        "" if envelope.kind in KINDS else f"kind is {envelope.kind!r}; known: {', '.join(KINDS)}",
        "" if _NAME.fullmatch(envelope.name) else f"name is {envelope.name[:80]!r}",
        "" if envelope.version >= 1 else f"version is {envelope.version}; expected 1 or more",
        "" if envelope.devices else "devices is empty; name models, devices, or any",
        f"devices holds {others[0][:40]!r}; known: {', '.join(MODELS)}" if others else "",
        "" if 0 < len(envelope.files) <= _MOST_FILES else f"it lists {len(envelope.files)} files",
        f"it lists {unsafe!r}, which no update may hold" if unsafe else "",
        f"{wrong_sums[0]} has no sha256" if wrong_sums else "",
        "" if is_key_id(envelope.key_id) else f"key_id is {envelope.key_id[:40]!r}",
    ):
        if fault:
            raise SignatureError(f"{SIGNATURE_FILE}: {fault}; refused")


def is_device(text: str) -> bool:
    """Whether an update may be meant for this."""
    return text in (ANY, *MODELS) or _DEVICE.fullmatch(text) is not None


def is_file_name(name: str) -> bool:
    """Whether an update may hold a file of this path."""
    return len(name) <= _MOST_NAME and name != SIGNATURE_FILE and bool(_FILE.fullmatch(name))
