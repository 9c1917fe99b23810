"""What a backup says of itself: its first member."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from edge.backup.archive import DamagedBackupError
from edge.contract.errors import ManifestError
from edge.contract.records import from_plain

MANIFEST = "backup.json"
FORMAT = 1


@dataclass(frozen=True)
class BackupManifest:
    """Of which records it is.

    Attributes:
        format: of the backup; a newer program may write a higher one.
        made_utc: when.
        program: version that made it.
        schema: of the database.
        specimens, fields, images: how many.
        audit_number, audit_sha256: the newest line of the log; 0 and empty where it has none.
    """

    format: int
    made_utc: str
    program: str
    schema: str
    specimens: int
    fields: int
    images: int
    audit_number: int
    audit_sha256: str

    def to_bytes(self) -> bytes:
        """As JSON."""
        return json.dumps(asdict(self), indent=1).encode() + b"\n"


def parse_manifest(data: bytes) -> BackupManifest:
    """The manifest of a backup.

    Raises:
        DamagedBackupError: it is none, or a newer version made it.
    """
    try:
        content = json.loads(data)
        found = content.get("format") if isinstance(content, dict) else None
        if isinstance(found, int) and found > FORMAT:
            raise DamagedBackupError(
                f"the backup has format {found}, and this version reads up to {FORMAT}: a newer "
                f"ClinicScope ({content.get('program')}) made it; install that version"
            )
        return from_plain(BackupManifest, content, MANIFEST)
    except (ValueError, ManifestError) as error:
        raise DamagedBackupError(f"this is no backup: {MANIFEST} in it is damaged") from error
