"""Cameras that send picture after picture: the newest is taken, older ones are dropped.

A driver or a network queues pictures. Whoever takes the first of the queue sees the past, so the
queue is emptied first: the picture that had to be waited for is the newest.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime

import cv2
import numpy as np

from edge.cameras.base import PREVIEW_SIDE_PX, Camera
from edge.contract.errors import CameraError, ImageError
from edge.contract.types import Frame, U8Array

# What a queue may take to be emptied: a stream that is faster than this device has no newest.
_DRAIN_S = 0.6
# Of pictures in a row that cannot be decoded, after which the stream is no use.
_MOST_DAMAGED = 5


class FrameSource(ABC):
    """A stream of pictures, one after the other.

    Attributes:
        queued_s: a grab that takes longer had to wait, so its picture is new; a shorter one found
            its picture in a queue.
    """

    queued_s: float = 0.004

    @abstractmethod
    def grab(self) -> None:
        """Waits for the next picture and keeps it, undecoded.

        Raises:
            CameraError: none came, or the stream has ended.
        """

    @abstractmethod
    def decode(self) -> U8Array:
        """(H,W,3) uint8 RGB of the picture that was grabbed last.

        Raises:
            ImageError: it is damaged.
        """

    @abstractmethod
    def close(self) -> None:
        """Gives the device or connection back; may be called twice."""


def live_name(camera: str, moment: datetime) -> str:
    """A frame's name, unique also when the camera is opened again during a specimen."""
    return f"{camera}-{moment:%Y%m%d-%H%M%S-%f}"


def shrink(image: U8Array, side_px: int = PREVIEW_SIDE_PX) -> U8Array:
    """The picture with its longer side at most `side_px`."""
    scale = side_px / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


class StreamCamera(Camera):
    """A live camera over a `FrameSource`.

    Args:
        source: open, and closed with the camera.
        um_per_px: micrometres a pixel of a frame, None where not known.
        now: tells the time of capture; must give a zone.
    """

    live = True

    def __init__(
        self,
        source: FrameSource,
        um_per_px: float | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._um_per_px = um_per_px
        self._now = now
        self._closed = False

    def capture(self) -> Frame:
        """A picture that was exposed after the call: the one that the sensor was at is dropped."""
        self._take_newest()
        self._grab()
        image = self._decoded()
        moment = self._now()
        name = live_name(self.name, moment)
        return Frame(image, name, moment.isoformat(), self._um_per_px, self.exposure_ms())

    def preview(self) -> U8Array:
        """The newest picture, small."""
        self._take_newest()
        return shrink(self._decoded())

    def exposure_ms(self) -> float | None:
        """The exposure, where the camera tells it."""
        return None

    def close(self) -> None:
        """Closes the stream."""
        self._closed = True
        self._source.close()

    def _grab(self) -> None:
        if self._closed:
            raise CameraError(f"camera {self.name} is closed; open it again")
        self._source.grab()

    def _take_newest(self) -> None:
        start = before = time.monotonic()
        while before - start < _DRAIN_S:
            self._grab()
            now = time.monotonic()
            if now - before > self._source.queued_s:
                return
            before = now

    def _decoded(self) -> U8Array:
        """A damaged picture is no reason to stop; nothing but damaged ones is."""
        for _ in range(_MOST_DAMAGED - 1):
            try:
                return self._source.decode()
            except ImageError:
                self._grab()
        try:
            return self._source.decode()
        except ImageError as error:
            raise CameraError(
                f"camera {self.name} sends pictures that cannot be read ({error}); check its "
                "cable and its format"
            ) from error
