"""The device's config: defaults, then `config.toml` in the data directory, then flags."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

import platformdirs

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain
from edge.protocol import Protocol

HOME_VARIABLE = "CLINICSCOPE_HOME"


@dataclass(frozen=True)
class DeviceConfig:
    """What a site sets.

    Attributes:
        bundle: path of the bundle to use; empty takes the newest installed one.
        enhancer: path of the bundle that makes pictures larger; empty takes the newest installed.
        threads: of the network; 0 takes one for each core, at most 4.
        runtimes: in order of preference; empty tries all.
    """

    bundle: str = ""
    enhancer: str = ""
    threads: int = 0
    runtimes: tuple[str, ...] = ()
    protocol: Protocol = field(default_factory=Protocol)

    def __post_init__(self) -> None:
        if not 0 <= self.threads <= 64:
            raise ConfigError(f"threads is {self.threads}; allowed: 0 (automatic) to 64")

    def network_threads(self) -> int:
        """Threads to run the network on."""
        return self.threads or min(os.cpu_count() or 1, 4)


def data_home() -> Path:
    """The data directory: CLINICSCOPE_HOME, else the platform's."""
    named = os.environ.get(HOME_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("clinicscope"))


def load_config(home: Path, **flags: object) -> DeviceConfig:
    """The config of the data directory, with flags that are not None on top.

    Raises:
        ConfigError: not TOML, an unknown key, or a value out of range.
    """
    path = home / "config.toml"
    try:
        content = tomllib.loads(path.read_text()) if path.is_file() else {}
        config = from_plain(DeviceConfig, content, path.name)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    except ManifestError as error:
        raise ConfigError(f"{path}: {error}") from error
    given = {key: value for key, value in flags.items() if value is not None}
    return replace(config, **given)  # type: ignore[arg-type]
