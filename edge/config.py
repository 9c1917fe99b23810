"""The device's config: defaults, then `config.toml` in the data directory, then flags.

Beside it lies `site.toml`, which `clinicscope site check` writes and no person does.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from edge.accelerators.settings import AcceleratorSettings
from edge.backup.settings import BackupSettings
from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain
from edge.contract.site import SiteCheck
from edge.interop.settings import InteropSettings
from edge.page_settings import PageSettings
from edge.protocol import Protocol, default_protocol, protocol_of_config
from edge.store.files import write_durably
from edge.store.retention_rule import RetentionRule
from edge.sync.settings import SyncSettings

CONFIG_FILE, SITE_FILE = "config.toml", "site.toml"
HOME_VARIABLE = "CLINICSCOPE_HOME"
T = TypeVar("T")


@dataclass(frozen=True)
class CameraConfig:
    """The device's camera.

    Attributes:
        name: as it is registered (picamera2, v4l2, csi, network, simulated, replay); empty where
            the device has none.
        settings: of that camera; checked when it is opened, so that a wrong one is said on the
            page and does not keep the device from starting. May hold a password.
        wait_s: how long a specimen waits for a camera that has gone before it ends.
        idle_s: how long a specimen waits for the slide to be moved on before it ends.
    """

    name: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    wait_s: float = 60.0
    idle_s: float = 600.0

    def __post_init__(self) -> None:
        for what in ("wait_s", "idle_s"):
            if not 1 <= getattr(self, what) <= 86_400:
                raise ConfigError(f"{what} is {getattr(self, what)}; allowed: 1 to 86400")


@dataclass(frozen=True)
class DeviceConfig:
    """What a site sets.

    Attributes:
        bundle: path of the bundle to use; empty takes the newest installed one.
        enhancer: path of the bundle that makes pictures larger; empty takes the newest installed.
        threads: of the network; 0 takes the number that is measured best.
        runtimes: in order of preference; empty tries all.
        accelerators: what computes the networks, as a table `[accelerators]`.
        camera: the device's own camera, as a table `[camera]`.
        protocol: by name (`clinicscope protocol list`), or the site's own as a table `[protocol]`.
        retention: which images go when room is short, as a table `[retention]`.
        backup: where records are backed up to, as a table `[backup]`.
        interop: how the site names itself to other systems, as a table `[interop]`.
        sync: where results are sent, as a table `[sync]`.
        page: name, language and time-outs of the page, as a table `[page]`.
        site: the site's operating point, from site.toml; None where the site has checked none.
    """

    bundle: str = ""
    enhancer: str = ""
    threads: int = 0
    runtimes: tuple[str, ...] = ()
    accelerators: AcceleratorSettings = field(default_factory=AcceleratorSettings)
    camera: CameraConfig = field(default_factory=CameraConfig)
    protocol: Protocol = field(default_factory=default_protocol)
    retention: RetentionRule = field(default_factory=RetentionRule)
    backup: BackupSettings = field(default_factory=BackupSettings)
    interop: InteropSettings = field(default_factory=InteropSettings)
    sync: SyncSettings = field(default_factory=SyncSettings)
    page: PageSettings = field(default_factory=PageSettings)
    site: SiteCheck | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.threads <= 64:
            raise ConfigError(f"threads is {self.threads}; allowed: 0 (automatic) to 64")


def data_home() -> Path:
    """The data directory: CLINICSCOPE_HOME, else the platform's."""
    named = os.environ.get(HOME_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("clinicscope"))


def load_config(home: Path, **flags: object) -> DeviceConfig:
    """The config of the data directory, with flags that are not None on top.

    Raises:
        ConfigError: not TOML, an unknown key, or a value out of range.
    """
    config = config_of(_read_toml(home / CONFIG_FILE), home)
    given = {key: value for key, value in flags.items() if value is not None}
    return replace(config, **given)  # type: ignore[arg-type]


def config_of(content: Mapping[str, Any], home: Path) -> DeviceConfig:
    """The config that a config.toml of this content is.

    Raises:
        ConfigError: an unknown key, or a value out of range.
    """
    plain = dict(content)
    if "site" in plain:
        raise ConfigError(
            f"{home / CONFIG_FILE}: site is set; a site's operating point is in {SITE_FILE}, "
            "written by `clinicscope site check`; remove it here"
        )
    protocol = _protocol(plain.pop("protocol", None), home)
    config = _build(DeviceConfig, plain, home / CONFIG_FILE)
    return replace(config, site=load_site(home), protocol=protocol)


def _protocol(value: object, home: Path) -> Protocol:
    """Of the config's `protocol`; the default where it has none."""
    if value is None:
        return default_protocol()
    try:
        return protocol_of_config(value, home)
    except ConfigError as error:
        raise ConfigError(f"{home / CONFIG_FILE}: {error}") from error


def load_site(home: Path) -> SiteCheck | None:
    """The site's check; None where there is none.

    Raises:
        ConfigError: the file is damaged; the advice is to check again or to clear it.
    """
    path = home / SITE_FILE
    if not path.is_file():
        return None
    try:
        return _build(SiteCheck, _read_toml(path), path)
    except ConfigError as error:
        raise ConfigError(f"{error}; check the site again, or `clinicscope site clear`") from error


def save_site(home: Path, site: SiteCheck) -> None:
    """Writes site.toml whole or not at all. Raises StoreError where the disk refuses."""
    # A TOML basic string takes JSON's escapes; a number is written so that it reads back the same.
    lines = [
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in vars(site).items()
    ]
    head = "# Written by `clinicscope site check`; undo it with `clinicscope site clear`."
    write_durably(home / SITE_FILE, "\n".join([head, *lines, ""]).encode())


def clear_site(home: Path) -> bool:
    """Removes the site's check, damaged or not; False where there was none."""
    path = home / SITE_FILE
    found = path.is_file()
    path.unlink(missing_ok=True)
    return found


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _build(kind: type[T], content: dict[str, Any], path: Path) -> T:
    try:
        return from_plain(kind, content, path.name)
    except ManifestError as error:
        raise ConfigError(f"{path}: {error}") from error
