"""What every camera promises, and how one is opened by name.

A camera has one owner thread. `capture` blocks until a frame is there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from types import TracebackType
from typing import Self

from edge.contract.errors import CameraError
from edge.contract.types import Frame

CAMERAS = {
    "simulated": "edge.cameras.simulated:SimulatedCamera",
    "replay": "edge.cameras.replay:ReplayCamera",
}


class Camera(ABC):
    """A source of fields of view."""

    name: str

    @abstractmethod
    def capture(self) -> Frame:
        """The next field, (H,W,3) uint8 RGB.

        Raises:
            FrameError: this field cannot be read; call again for the next.
            EndOfSourceError: a finite source is exhausted.
            CameraError: the device is absent or has stopped.
        """

    @abstractmethod
    def close(self) -> None:
        """Gives the device back; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_camera(name: str, **settings: object) -> Camera:
    """Opens a camera by its registered name.

    Raises:
        CameraError: no such camera, or it is absent.
    """
    if name not in CAMERAS:
        raise CameraError(f"no camera {name!r}; this program knows {', '.join(sorted(CAMERAS))}")
    module, _, kind = CAMERAS[name].partition(":")
    camera: Camera = getattr(import_module(module), kind)(**settings)
    return camera
