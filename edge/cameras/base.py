"""What every camera promises, and how one is opened by name.

A camera has one owner thread: all of its methods are called by the same one. `supervised` is that
owner for cameras that may hang or be unplugged.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from types import TracebackType
from typing import Any, Self

from edge.cameras.settings import build_settings, settings_from_text
from edge.contract.errors import CameraError
from edge.contract.types import Frame, U8Array

CAMERAS = {
    "simulated": "edge.cameras.simulated:SimulatedCamera",
    "replay": "edge.cameras.replay:ReplayCamera",
    "picamera2": "edge.cameras.picamera2:PiCamera",
    "v4l2": "edge.cameras.v4l2:V4l2Camera",
    "csi": "edge.cameras.csi:CsiCamera",
    "network": "edge.cameras.network:NetworkCamera",
}
# A picture of what is under the lens now is no larger than this, for the page and for the focus.
PREVIEW_SIDE_PX = 640


class Camera(ABC):
    """A source of fields of view.

    Attributes:
        name: as it is registered.
        live: shows what lies under the lens now, so that two captures may show the same place;
            False where each capture gives another field.
        endless: False where a source has a last field.
        has_autofocus: `focus` does something.
        stall_s: a capture or preview that takes longer has stalled.
        settings_type: the frozen dataclass that the constructor takes; None where it takes
            keyword arguments.
    """

    name: str
    live: bool = False
    endless: bool = True
    has_autofocus: bool = False
    stall_s: float = 1.5
    settings_type: type[Any] | None = None

    @abstractmethod
    def capture(self) -> Frame:
        """The next field at full resolution, (H,W,3) uint8 RGB; of a live camera one that was
        exposed after the call, as far as the driver tells.

        Raises:
            FrameError: this field cannot be read; call again for the next.
            EndOfSourceError: a finite source is exhausted.
            CameraError: the device is absent or has stopped.
        """

    @abstractmethod
    def close(self) -> None:
        """Gives the device back; may be called twice."""

    def preview(self) -> U8Array | None:
        """(h,w,3) uint8 RGB, at most `PREVIEW_SIDE_PX` long, of what the next capture would show.

        None where there is no picture without a capture. Raises as `capture` does.
        """
        return None

    def focus(self) -> bool:
        """Focuses once where the camera can; False where it cannot or did not find the focus."""
        return False

    def hold(self, values: Mapping[str, float] | None = None) -> Mapping[str, float]:
        """Keeps exposure, gain and white balance as they are now, or at these values.

        Colours of one specimen are then comparable.

        Returns:
            What it is held at, to be given to the same camera after it has been opened again;
            empty where the camera has nothing to hold.
        """
        del values
        return {}

    def release(self) -> None:  # noqa: B027  (most cameras have nothing to release)
        """Ends `hold`."""

    def skip(self, count: int) -> None:  # noqa: B027  (a live camera has nothing to pass over)
        """Passes over fields that were read before; of a source that has them in an order."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def camera_class(name: str) -> type[Camera]:
    """The class of a registered camera; imports its module, opens nothing.

    Raises:
        CameraError: no such camera.
    """
    if name not in CAMERAS:
        raise CameraError(f"no camera {name!r}; this program knows {', '.join(sorted(CAMERAS))}")
    module, _, kind = CAMERAS[name].partition(":")
    found: type[Camera] = getattr(import_module(module), kind)
    return found


def open_camera(name: str, **settings: object) -> Camera:
    """Opens a camera by its registered name.

    Raises:
        CameraError: no such camera, or it is absent.
        ConfigError: a setting that it does not know, or a value out of range.
        TypeError: of a camera that takes keyword arguments, one that it does not know.
    """
    kind = camera_class(name)
    if kind.settings_type is None:
        return kind(**settings)
    return kind(build_settings(name, kind.settings_type, settings))  # type: ignore[call-arg]


def read_settings(name: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Settings for `open_camera` from text, as in `camera:NAME?key=value`; opens nothing.

    Raises:
        CameraError: no such camera.
        ConfigError: a setting that it does not know, or a value that is wrong.
    """
    kind = camera_class(name)
    settings = settings_from_text(name, kind.settings_type or kind, texts)
    if kind.settings_type is not None:
        build_settings(name, kind.settings_type, settings)
    return settings
