"""What makes a copy of an image into one device: name, hotspot with its own password, host's name.

Each step looks at what is there and does only what is missing, so it may be cut off and done again
at every start. The part in the data directory is the service's user's; the part below /etc is
root's, who follows no link of that user and takes nothing from its files but the device's name.
"""

from __future__ import annotations

import grp
import os
import socket
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.config import load_config
from edge.config_file import change_config
from edge.contract.errors import ConfigError
from edge.hotspot import ADDRESS, HOST, Hotspot, draw_password, read_hotspot, written
from edge.identity import device_name
from edge.setup_code import setup_code
from edge.store.files import disk_errors, write_durably
from edge.store.store import DATABASE_FILE

GROUP = "clinicscope"
_TEMPLATE = "usr/local/share/clinicscope/hotspot.nmconnection"
_HOTSPOT = "etc/clinicscope/hotspot.json"
# What a screen at the device shows above its login (agetty(8)): who has none yet reads it there.
_SHOWN = "run/issue.d/clinicscope.issue"
_CONNECTION = "etc/NetworkManager/system-connections/clinicscope-hotspot.nmconnection"
# Drawn once for this program: a device's connection has the same id each time it is written.
_NAMESPACE = uuid.UUID("6b0e3f2e-2b0a-4c51-9a34-54c0b5f0a6d1")
_OWN_ADDRESS = "127.0.1.1"  # by which Debian knows a host that has none of its own


@dataclass(frozen=True)
class Change:
    """A step that did something, in words for the journal. No password is in them."""

    what: str


def draw_identity(home: Path) -> list[Change]:
    """The service's user's part: the name is drawn, and the certificate will hold it.

    Raises:
        ConfigError: a file is damaged.
        StoreError: the disk refuses.
    """
    known = (home / "device.json").exists()
    name = device_name(home)
    done = [] if known else [Change(f"this device is called {name}")]
    # The certificate is made before the hotspot is up, and must name it all the same.
    wanted = (f"{name}.local", HOST, ADDRESS)
    names = load_config(home).page.host_names
    missing = [one for one in wanted if one not in names]
    if missing:
        change_config(home, {"page.host_names": [*names, *missing]})
        done.append(Change(f"the certificate names {', '.join(missing)}"))
    if not (home / DATABASE_FILE).exists():
        setup_code(home)  # So that the screen can show it before the service has started once.
    return done


def set_up(
    name: str,
    root: Path = Path("/"),
    set_host: Callable[[str], None] = socket.sethostname,
    code: str = "",
) -> list[Change]:
    """Root's part: host's name, and the hotspot where its template was installed.

    Args:
        name: the device's.
        root: above /etc, for tests.
        set_host: takes the host's name into the kernel.
        code: with which a phone sets up the device; empty where it has its admin.

    Raises:
        ConfigError: the hotspot's file is damaged.
        StoreError: the disk refuses.
    """
    return [*_make_hotspot(name, root, code), *_name_host(name, root, set_host)]


def _name_host(name: str, root: Path, set_host: Callable[[str], None]) -> list[Change]:
    done = []
    if socket.gethostname() != name:
        set_host(name)
        done.append(Change(f"the host is called {name}"))
    if not os.access(root / "etc", os.W_OK):
        return done  # A system that is only read: the kernel is told at each start.
    hosts = root / "etc/hosts"
    lines = hosts.read_text(encoding="utf-8").splitlines() if hosts.is_file() else []
    others = [line for line in lines if line.split()[:1] != [_OWN_ADDRESS]]
    for path, text in (
        (root / "etc/hostname", f"{name}\n"),
        (hosts, "\n".join([*others, f"{_OWN_ADDRESS}\t{name}", ""])),
    ):
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_durably(path, text.encode())
            path.chmod(0o644)
            done.append(Change(f"{path} says {name}"))
    return done


def _make_hotspot(name: str, root: Path, code: str) -> list[Change]:
    template = root / _TEMPLATE
    if not template.is_file():
        return []  # `install.sh --no-hotspot`
    done = []
    path = root / _HOTSPOT
    hotspot = read_hotspot(path)
    if hotspot is None:
        hotspot = Hotspot(name, draw_password())
        write_durably(path, written(hotspot), private=True)
        done.append(Change("a password was drawn for the hotspot"))
    _let_service_read(path)
    connection = fill(template.read_text(encoding="utf-8"), hotspot)
    for where, text in ((_CONNECTION, connection), (_SHOWN, to_show(hotspot, code))):
        place = root / where
        if not place.is_file() or place.read_text(encoding="utf-8") != text:
            write_durably(place, text.encode(), private=True)
            done.append(Change(f"{place} is of the hotspot {hotspot.name}"))
    return done


def to_show(hotspot: Hotspot, code: str = "") -> str:
    """The lines on a screen at the device; nothing in them has a meaning for agetty."""
    asked = f"to set it up, give the code {code}\n" if code else ""
    return (
        f"Wi-Fi {hotspot.name}, password {hotspot.password}\n"
        f"then open https://{ADDRESS}/ on the phone\n{asked}\n"
    )


def fill(template: str, hotspot: Hotspot) -> str:
    """NetworkManager's file of this hotspot, from the one that was installed.

    Raises:
        ConfigError: the template has no place for name, password or id.
    """
    values = {
        "@UUID@": str(uuid.uuid5(_NAMESPACE, hotspot.name)),
        "@NAME@": hotspot.name,
        "@PASSWORD@": hotspot.password,
    }
    for place, value in values.items():
        if place not in template:
            raise ConfigError(
                f"the hotspot's template has no {place}; install it again with install.sh"
            )
        template = template.replace(place, value)
    return template


def _let_service_read(path: Path) -> None:
    """Group and mode of the password's file; a power cut may have come before them."""
    with disk_errors(path, 0), suppress(KeyError):  # no such user: a system of another kind
        os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
        path.chmod(0o640)
