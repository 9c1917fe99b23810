"""The device's own Wi-Fi: its name and password, and the text that a phone's camera joins by.

The password is drawn on the device and is in no file that is shipped: a password that every device
shares is known to everyone who has one.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain

# Root's, and readable by the service: NetworkManager's own file is not.
HOTSPOT_FILE = Path("/etc/clinicscope/hotspot.json")
ADDRESS = "10.42.0.1"
# Known at the hotspot by its own name server: older Android knows no .local.
HOST = "clinicscope.lan"
# Without what people type wrongly from a label: 0 and o, 1 and l and i.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _LETTERS_OF_GROUP = 3, 4
# What WPA2 takes as a password (IEEE 802.11, annex J), without what a shell or a label would spoil.
_PASSWORD = re.compile(r"[A-Za-z0-9-]{12,63}")
_NAME = re.compile(r"[A-Za-z0-9-]{1,32}")


@dataclass(frozen=True)
class Hotspot:
    """What a phone needs to join.

    Attributes:
        name: of the network (its SSID).
        password: of WPA2.
    """

    name: str
    password: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"the hotspot's name is {self.name[:40]!r}; give up to 32 letters, digits and -"
            )
        if not _PASSWORD.fullmatch(self.password):
            # It is not repeated: messages reach the log.
            raise ConfigError("the hotspot's password needs 12 to 63 letters, digits and -")

    def to_join(self) -> str:
        """What a code for a phone's camera says. No character of ours needs to be escaped."""
        return f"WIFI:T:WPA;S:{self.name};P:{self.password};;"


def draw_password() -> str:
    """A new password: 59 bits by chance, in three groups of four."""
    return "-".join(
        "".join(secrets.choice(_LETTERS) for _ in range(_LETTERS_OF_GROUP)) for _ in range(_GROUPS)
    )


def read_hotspot(path: Path | None = None) -> Hotspot | None:
    """The device's hotspot; None where it has none, or where this user may not know it.

    Raises:
        ConfigError: the file is damaged.
    """
    path = path or HOTSPOT_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    except UnicodeDecodeError as error:
        raise _damaged(path) from error
    try:
        return from_plain(Hotspot, json.loads(text), path.name)
    except (ValueError, ManifestError, ConfigError) as error:
        raise _damaged(path) from error


def written(hotspot: Hotspot) -> bytes:
    """The bytes of its file."""
    return (json.dumps(asdict(hotspot)) + "\n").encode()


def _damaged(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} holds no name and password; delete it and restart the device: a new password is "
        "drawn, and the label must be printed again"
    )
