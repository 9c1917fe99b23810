"""Which engine the settings name."""

from __future__ import annotations

from edge.engine.base import LOCAL, Engine, EngineSettings
from edge.engine.local import LocalEngine


def open_engine(settings: EngineSettings) -> Engine:
    """The engine, ready.

    Raises:
        ConfigError: Ray is not installed, refuses this program, or its nodes differ in versions.
        HardwareError: nothing answers at the address.
    """
    if settings.name == LOCAL:
        return LocalEngine()
    # Ray takes seconds to load, and a device has none.
    from edge.engine.on_ray import RayEngine

    return RayEngine(settings)
