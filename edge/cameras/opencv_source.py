"""Pictures by OpenCV's VideoCapture, with the backend named: none is chosen by guessing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from edge.cameras.stream import FrameSource
from edge.contract.errors import CameraError, ImageError
from edge.contract.types import U8Array

# Between two pictures of a stream; other differences of their stamps are jumps of its clock.
_SHORTEST_S, _LONGEST_S = 0.008, 2.0


def has_backend(backend: int) -> bool:
    """Whether this OpenCV was built with a backend (`cv2.CAP_...`)."""
    return bool(cv2.videoio_registry.hasBackend(backend))


class OpenCvSource(FrameSource):
    """A stream through one backend of OpenCV.

    Args:
        address: device, file, URL or pipeline; has been checked by the caller.
        backend: a `cv2.CAP_...` constant.
        params: `cv2.CAP_PROP_...` to values, set at opening.
        refused: makes the error where it cannot be opened.
        lost: what to say when no more pictures come, with advice.
        has_stamps: grabbing is decoding, too, and takes time whether a picture was queued or not;
            how fast they come is then learnt from their stamps.

    Raises:
        CameraError: `refused()`.
    """

    def __init__(
        self,
        address: str,
        backend: int,
        params: Mapping[int, int],
        refused: Callable[[], CameraError],
        lost: str,
        *,
        has_stamps: bool = False,
    ) -> None:
        flat = [number for pair in params.items() for number in pair]
        self._lost = lost
        self._has_stamps = has_stamps
        self._stamp_s = 0.0
        try:
            self._capture: Any = cv2.VideoCapture(address, backend, flat)
            opened = self._capture.isOpened()
        except cv2.error as error:
            raise refused() from error
        if not opened:
            self._capture.release()
            raise refused()

    def grab(self) -> None:
        """Waits for the next picture."""
        try:
            came = self._capture.grab()
        except cv2.error as error:
            raise CameraError(f"{self._lost} ({error.err})") from error
        if not came:
            raise CameraError(self._lost)
        if self._has_stamps:
            self._learn_pace()

    def _learn_pace(self) -> None:
        stamp_s = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        interval_s, self._stamp_s = stamp_s - self._stamp_s, stamp_s
        if _SHORTEST_S < interval_s < _LONGEST_S:
            self.queued_s = interval_s / 2

    def decode(self) -> U8Array:
        """OpenCV's BGR as RGB."""
        try:
            done, image = self._capture.retrieve()
        except cv2.error as error:
            raise ImageError(f"picture is damaged: {error.err}") from error
        if not done or image is None or image.ndim != 3 or image.shape[2] != 3:
            raise ImageError("picture is damaged, or has no colour")
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)

    def get(self, prop: int) -> float:
        """A property of the device; -1 or 0 where it has none, as the backend has it."""
        return float(self._capture.get(prop))

    def set(self, prop: int, value: float) -> bool:
        """Sets a property; False where the device refuses it."""
        return bool(self._capture.set(prop, value))

    def close(self) -> None:
        """Releases the device."""
        self._capture.release()
