"""Where a site backs up to: the table `[backup]` of the config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import ConfigError


@dataclass(frozen=True)
class BackupSettings:
    """What `clinicscope backup`, and the page's button, do without being told.

    Attributes:
        to: folder on another drive, as an absolute path; empty where it is asked for each time.
        recipients: public keys of age (age1...); whoever has the secret key of one may open it.
    """

    to: str = ""
    recipients: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.to and not Path(self.to).is_absolute():
            raise ConfigError(f"backup.to is {self.to!r}; give the whole path of a folder")
        for key in self.recipients:
            if not key.startswith("age1"):
                # Perhaps a secret key, which no message repeats.
                raise ConfigError("backup.recipients are public keys, which begin with age1")
