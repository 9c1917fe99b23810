"""Which device this is: its name, its board, its site.

The name is drawn by chance once and kept in the data directory: a serial number on a Wi-Fi or in a
file that leaves the clinic would tell more than who has to tell two devices apart needs.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.config import load_config
from edge.contract.errors import ConfigError
from edge.store.files import TEMP_SUFFIX, disk_errors, make_folder, sync_folder

DEVICE_FILE = "device.json"
ROOT = Path("/")
NAME = re.compile(r"clinicscope-[a-z0-9]{4}")
# Without what people read as something else: 0 and o, 1 and l and i.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_DRAWN = 4
_TREE = "proc/device-tree"
_BOARDS = {
    "rpi5": re.compile(r"Raspberry Pi (5|Compute Module 5)\b"),
    "rpi4": re.compile(r"Raspberry Pi (4|Compute Module 4)\b"),
    "jetson_orin_nano": re.compile(r"\bJetson\b.*\bOrin Nano\b"),
}
_ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}
MODELS = (*_BOARDS, "generic-arm64", "generic-x86_64")


@dataclass(frozen=True)
class Identity:
    """What tells this device from others.

    Attributes:
        device_name: "clinicscope-" and four letters or digits; also its name in the network.
        model: of MODELS; an update names those that it is for.
        serial_hash: sha256 of the board's serial number, in hexadecimal; empty where it has none.
        site: the place's name as the page shows it; empty where none was given.
    """

    device_name: str
    model: str
    serial_hash: str
    site: str


def read_identity(home: Path, root: Path = ROOT) -> Identity:
    """Who this device is; its name is drawn and kept where it has none yet.

    Args:
        home: the data directory.
        root: above /proc, for tests.

    Raises:
        ConfigError: the config or the device's file is damaged.
        StoreError: the name cannot be kept.
    """
    site = load_config(home).page.clinic
    return Identity(device_name(home), board_model(root), serial_hash(root), site)


def device_name(home: Path) -> str:
    """The device's name, drawn where there is none. See `read_identity`."""
    path = home / DEVICE_FILE
    # Of two that come first at the same time, one draws; both read what it drew.
    if not path.exists():
        _keep_first(path, {"schema_version": 1, "device_name": draw_name()})
    return _read_name(path)


def draw_name() -> str:
    """A new name, by chance."""
    return "clinicscope-" + "".join(secrets.choice(_LETTERS) for _ in range(_DRAWN))


def board_model(root: Path = ROOT, machine: str = "") -> str:
    """Which of MODELS this machine is.

    Args:
        root: above /proc, for tests.
        machine: the processor's architecture as uname says it; empty asks the system.

    Raises:
        ConfigError: an architecture for which there is no program.
    """
    told = _told(root / _TREE / "model")
    for model, pattern in _BOARDS.items():
        if pattern.search(told):
            return model
    machine = machine or platform.machine()
    if machine not in _ARCHITECTURES:
        raise ConfigError(f"this machine is {machine!r}; ClinicScope runs on arm64 and x86_64")
    return f"generic-{_ARCHITECTURES[machine]}"


def serial_hash(root: Path = ROOT) -> str:
    """Of the serial number, so that a list can tell boards apart without telling numbers."""
    told = _told(root / _TREE / "serial-number")
    return hashlib.sha256(told.encode()).hexdigest() if told else ""


def _told(path: Path) -> str:
    """A text of the device tree, which ends with a zero byte."""
    try:
        return path.read_bytes().decode("utf-8", "replace").strip("\0 \n")
    except OSError:
        return ""


def _read_name(path: Path) -> str:
    with disk_errors(path, 0):
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        content = json.loads(text)
        found = content["device_name"] if isinstance(content, Mapping) else None
    except (ValueError, KeyError):
        found = None
    if not isinstance(found, str) or not NAME.fullmatch(found):
        raise ConfigError(
            f"{path} holds no name such as clinicscope-k7x2; write the one on the device's label "
            'as {"schema_version": 1, "device_name": "clinicscope-k7x2"}, or delete the file and '
            "a new name is drawn"
        )
    return found


def _keep_first(path: Path, content: Mapping[str, object]) -> None:
    """Writes durably what was not there: whoever comes second leaves the first one's."""
    data = (json.dumps(content) + "\n").encode()
    temp = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMP_SUFFIX}")
    with disk_errors(path, len(data)):
        make_folder(path.parent)
        try:
            with temp.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                path.hardlink_to(temp)
        finally:
            temp.unlink(missing_ok=True)
        sync_folder(path.parent)
