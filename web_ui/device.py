"""What the pages about the device itself share: its config, clock, restart and long work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from flask import Flask, current_app

from edge.clock import set_clock
from edge.config import DeviceConfig
from edge.watchdog import Heartbeat
from web_ui.child_run import ChildRun
from web_ui.live_config import LiveConfig
from web_ui.restarting import Restart

if TYPE_CHECKING:
    from edge.store.store import Store

_KEY = "clinicscope.device"


@dataclass(frozen=True, eq=False)
class Device:
    """One device.

    Attributes:
        live: the config in force.
        doctor: makes all checks of health.
        bench: measures how fast this device is.
        restart: starts the service anew.
        flags: of the command line, for what computes; what is started here gets them, too.
        heart: says whether all parts answer; None where nothing watches them.
        set_clock: sets the clock of the system; see `edge.clock.set_clock`.
    """

    live: LiveConfig
    doctor: ChildRun
    bench: ChildRun
    restart: Restart = field(default_factory=Restart)
    flags: tuple[str, ...] = ()
    heart: Heartbeat | None = None
    set_clock: Callable[[datetime], None] = set_clock


def device_of(
    store: Store,
    config: DeviceConfig | None = None,
    restart: Restart | None = None,
    flags: tuple[str, ...] = (),
    heart: Heartbeat | None = None,
) -> Device:
    """The device that these records are on.

    Args:
        store: its home is the data directory.
        config: what the service was started with; None for what config.toml says.
        restart: starts the service anew; None for a wish that ends this process.
        flags: --accelerator and --delegate, as the service was started with them.
        heart: watches the parts of the service.

    Raises:
        ConfigError: config.toml is wrong.
    """
    home = store.home
    doctor, bench = (ChildRun(home, store.now) for _ in range(2))
    return Device(LiveConfig(home, config), doctor, bench, restart or Restart(), flags, heart)


def attach_device(app: Flask, device: Device) -> None:
    """Gives an app its device."""
    app.extensions[_KEY] = device


def device() -> Device:
    """The device of the app at work."""
    found: Device = current_app.extensions[_KEY]
    return found
