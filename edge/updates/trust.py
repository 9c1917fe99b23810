"""Which keys this device trusts: those in its folders of keys, less those that were revoked.

Owns the folders. A key comes into one by a person's hand, or by a statement that a trusted key
signed (`edge.updates.statement`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import ConfigError, SignatureError
from edge.store.files import write_durably
from edge.updates.keys import PUBLIC_SUFFIX, PublicKey, format_public, is_key_id, read_public

log = logging.getLogger(__name__)

TRUST_DIR, REVOKED_FILE = "trust", "revoked"
# Root's own, which the service cannot write.
SYSTEM_TRUST = Path("/etc/clinicscope/trust")


@dataclass(frozen=True)
class Trust:
    """Keys that count now.

    Attributes:
        keys: by id; none of them is revoked.
        revoked: ids of keys that no longer count, whether or not their file is still there.
    """

    keys: Mapping[str, PublicKey]
    revoked: frozenset[str] = frozenset()

    def key(self, key_id: str) -> PublicKey:
        """A trusted key.

        Raises:
            SignatureError: it is revoked, or nobody trusts it.
        """
        if key_id in self.revoked:
            raise SignatureError(
                f"key {key_id} was revoked: what it signed is no longer trusted; ask for an update "
                "that another key signed"
            )
        if key_id not in self.keys:
            known = ", ".join(sorted(self.keys)) or "none"
            raise SignatureError(
                f"key {key_id} is not trusted on this device (trusted: {known}); ask who signs "
                "your updates, and have the .pub file of the key put on this device"
            )
        return self.keys[key_id]


def bundle_trust(home: Path, system: Path = SYSTEM_TRUST) -> Trust:
    """What bundles are checked with: the keys of the data directory and root's."""
    folders = (home / TRUST_DIR, system)
    return read_trust(folders, folders)


def application_trust(home: Path, system: Path = SYSTEM_TRUST) -> Trust:
    """What the program's own updates are checked with.

    Where root keeps keys, only those count: the service, which can write its data directory, must
    not be able to name who may replace the program. It may revoke.
    """
    folders = (system,) if system.is_dir() else (home / TRUST_DIR,)
    return read_trust(folders, (home / TRUST_DIR, system))


def read_trust(folders: Iterable[Path], revoking: Iterable[Path]) -> Trust:
    """Keys of some folders, less what any of `revoking` lists. A damaged key counts for nothing.

    Raises:
        ConfigError: a list of revoked keys is damaged: nobody knows then which key may sign.
    """
    revoked = frozenset(key_id for folder in revoking for key_id in _read_revoked(folder))
    found: dict[str, PublicKey] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"*{PUBLIC_SUFFIX}")):
            try:
                key = read_public(path)
            except ConfigError as error:
                log.warning("a key is not used: %s", error)
                continue
            if key.key_id not in revoked:
                found.setdefault(key.key_id, key)
    return Trust(found, revoked)


def add_key(folder: Path, key: PublicKey) -> Path:
    """Puts a key among the trusted ones; where it stands."""
    path = folder / f"{key.key_id}{PUBLIC_SUFFIX}"
    if not path.is_file():
        write_durably(path, format_public(key).encode())
    return path


def revoke_keys(folder: Path, key_ids: Iterable[str]) -> None:
    """Adds ids to a folder's list of revoked keys; none is ever taken off it."""
    known = _read_revoked(folder)
    added = [key_id for key_id in dict.fromkeys(key_ids) if key_id not in known]
    if added:
        text = "".join(f"{key_id}\n" for key_id in [*known, *added])
        write_durably(folder / REVOKED_FILE, text.encode())


def successors(keys: Iterable[PublicKey], key_id: str) -> set[str]:
    """Ids of all keys that a key vouched for, or that those vouched for in turn."""
    there, found, left = list(keys), set[str](), [key_id]
    while left:
        by = left.pop()
        new = {key.key_id for key in there if key.succeeds == by} - found
        found |= new
        left += new
    return found


def _read_revoked(folder: Path) -> list[str]:
    path = folder / REVOKED_FILE
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}); restore it from a backup") from error
    wrong = [line for line in lines if not is_key_id(line)]
    if wrong:
        raise ConfigError(f"{path} holds {wrong[0][:40]!r}, which is no id of a key; mend the file")
    return lines
