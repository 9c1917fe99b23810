"""What a trusted key says of other keys: this one follows me, those no longer count.

Owns the form of a statement and what a device does with one. It is judged once, when it comes; what
follows from it is then in the folder of keys.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path

from edge.contract.errors import ManifestError, SignatureError
from edge.contract.records import from_plain, to_plain
from edge.updates.keys import KEY_BYTES, PublicKey, SecretKey, decoded, is_key_id
from edge.updates.signature import SCHEMA_VERSION, check_signed, signed_bytes
from edge.updates.trust import Trust, add_key, revoke_keys, successors

STATEMENT_SUFFIX = ".statement"
SUCCESSION, REVOCATION = KINDS = ("succession", "revocation")
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Statement:
    """What one key says of others.

    Attributes:
        kind: SUCCESSION or REVOCATION.
        key: base64 of the key that follows; empty in a revocation.
        revokes: ids of the keys that no longer count; empty in a succession.
        key_id: of the key that says so.
    """

    schema_version: int
    kind: str
    key: str
    revokes: tuple[str, ...]
    key_id: str
    signed_utc: str
    signature: str = ""


def make_succession(new: PublicKey, by: SecretKey, now_utc: str) -> Statement:
    """`by` says: trust this key as you trust me."""
    key = base64.b64encode(new.raw).decode()
    return _signed(Statement(SCHEMA_VERSION, SUCCESSION, key, (), "", now_utc), by)


def make_revocation(key_ids: tuple[str, ...], by: SecretKey, now_utc: str) -> Statement:
    """`by` says: trust these keys no longer."""
    return _signed(Statement(SCHEMA_VERSION, REVOCATION, "", key_ids, "", now_utc), by)


def _signed(statement: Statement, by: SecretKey) -> Statement:
    named = replace(statement, key_id=by.public.key_id)
    signature = base64.b64encode(by.sign(signed_bytes(named))).decode()
    return parse_statement(format_statement(replace(named, signature=signature)), "statement")


def format_statement(statement: Statement) -> bytes:
    """The content of a `.statement` file."""
    return (json.dumps(to_plain(statement), indent=1) + "\n").encode()


def parse_statement(data: bytes, where: str) -> Statement:
    """Reads a statement; its signature is not checked yet.

    Raises:
        SignatureError: it is none.
    """
    try:
        statement = from_plain(Statement, json.loads(data[:_MOST_BYTES]), where)
        signed_bytes(statement)
    except (ValueError, RecursionError, ManifestError) as error:
        raise SignatureError(
            f"{where} is no statement of a key ({error}); copy it again"
        ) from error
    sound = statement.schema_version == SCHEMA_VERSION and statement.kind in KINDS
    named = bool(statement.key) if statement.kind == SUCCESSION else bool(statement.revokes)
    if not (sound and named and all(map(is_key_id, (statement.key_id, *statement.revokes)))):
        raise SignatureError(
            f"{where} is a statement of another kind ({statement.kind[:40]!r}, schema_version "
            f"{statement.schema_version}), or names no key; update the program first"
        )
    return statement


def accept_statement(data: bytes, where: str, trust: Trust, folder: Path) -> str:
    """Does what a statement says, if a trusted key says so.

    With a key go those that it vouched for, but not the one that revokes it: who took a key away
    may have named another one with it.

    Args:
        data: the file.
        where: what the file is called.
        trust: what counts now.
        folder: of keys, to change.

    Returns:
        what was done, for a person.

    Raises:
        SignatureError: no trusted key says so.
        StoreError: the disk refuses.
    """
    statement = parse_statement(data, where)
    check_signed(statement, statement.key_id, statement.signature, trust, where)
    if statement.kind == REVOCATION:
        gone = _revoked_by(statement, trust)
        revoke_keys(folder, gone)
        return f"key {', '.join(gone)} is revoked, as key {statement.key_id} says"
    key = PublicKey(decoded(statement.key, KEY_BYTES, where), statement.key_id)
    if key.key_id in trust.revoked:
        raise SignatureError(f"{where} names key {key.key_id}, which was revoked; make a new key")
    add_key(folder, key)
    return f"key {key.key_id} is trusted, as key {statement.key_id} says"


def _revoked_by(statement: Statement, trust: Trust) -> list[str]:
    known = trust.keys.values()
    beside = {one for key_id in statement.revokes for one in successors(known, key_id)}
    return [*statement.revokes, *sorted(beside - {statement.key_id, *statement.revokes})]
