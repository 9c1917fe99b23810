"""A camera of fields that were drawn beforehand, with faults by plan."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from edge.cameras.base import Camera
from edge.cameras.smear import SmearSettings, draw_field
from edge.contract.errors import CameraError, FrameError
from edge.contract.types import Frame, U8Array
from tests.soak.plan import DARK, STALL, UNPLUG, UNREADABLE, fault_of, name_of

# Small, so that a field is read in hundredths of a second; cells are as in any other field.
SMALL = SmearSettings(width_px=480, height_px=360, um_per_px=0.16, cells_per_field=30)
# More than a specimen has, since a place that is shown twice is refused.
POOL = 60
_OPENINGS_THAT_FAIL = 2


def draw_pool(seed: int = 1) -> list[U8Array]:
    """The fields, (H,W,3) uint8 RGB each."""
    return [draw_field(SMALL, seed, index).image for index in range(POOL)]


class Slide:
    """What lies under the camera, and how often it was looked at; outlives each opening.

    Args:
        first: number of the next capture.
    """

    def __init__(self, pool: Sequence[U8Array], first: int = 0) -> None:
        self.pool = pool
        self.next = first
        self.unplugged = 0
        self.faults = 0

    def open(self) -> Camera:
        """The camera, where it is plugged in.

        Raises:
            CameraError: it is not.
        """
        if self.unplugged:
            self.unplugged -= 1
            raise CameraError("no camera is plugged in")
        return SoakCamera(self)


class SoakCamera(Camera):
    """One opening."""

    name = "soak"
    stall_s = 1.0

    def __init__(self, slide: Slide) -> None:
        self._slide = slide
        self._closed = threading.Event()

    def capture(self) -> Frame:
        """The next field, or its fault."""
        slide, number = self._slide, self._slide.next
        slide.next += 1
        fault = fault_of(number)
        slide.faults += fault in (STALL, UNPLUG)
        if fault == UNPLUG:
            slide.unplugged = _OPENINGS_THAT_FAIL
            raise CameraError("the camera was unplugged")
        if fault == STALL:
            self._closed.wait(3 * self.stall_s)
            raise CameraError("the driver came back")
        if fault == UNREADABLE:
            raise FrameError(name_of(number), "the frame is damaged")
        image = slide.pool[number % len(slide.pool)]
        if fault == DARK:
            image = np.zeros_like(image)
        return Frame(image, name_of(number), um_per_px=SMALL.um_per_px)

    def close(self) -> None:
        self._closed.set()
