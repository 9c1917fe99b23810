"""Cameras with the faults of drivers: they hang, fail, vanish, and come back."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping

import numpy as np

from edge.cameras.base import Camera
from edge.contract.errors import CameraError
from edge.contract.types import Frame, U8Array


class Bench:
    """A camera's other end: what happens to it, and what was done with it.

    Attributes:
        fault: "" for none; "hang" in a preview or capture, "hang-open", "hang-capture",
            "hang-close", "unplugged", "crash".
        images: what lies under the lens, one after the other; `at` says which.
        let_go: ends every hang.
    """

    def __init__(self, images: list[U8Array] | None = None) -> None:
        self.fault = ""
        self.images = images or [np.full((60, 80, 3), 120, np.uint8)]
        self.at = 0
        self.let_go = threading.Event()
        self.opened = self.closed = self.focused = self.captured = 0
        self.open_times: list[float] = []
        self.holds: list[Mapping[str, float]] = []
        self.released = 0
        self.exposure = 10.0
        self.failure: Callable[[], Exception] | None = None
        self.threads: set[int] = set()

    def hang(self) -> None:
        assert self.let_go.wait(60)

    def open(self) -> BenchCamera:
        self.open_times.append(time.monotonic())
        if self.fault == "hang-open":
            self.hang()
        if self.fault == "unplugged":
            raise CameraError("no camera at /dev/video0; plug it in")
        self.opened += 1
        return BenchCamera(self)


class BenchCamera(Camera):
    """A live camera that obeys a bench."""

    name = "v4l2"
    live = True
    stall_s = 0.4
    _numbers = itertools.count()

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.held: Mapping[str, float] = {}

    def capture(self) -> Frame:
        if self.bench.fault == "hang-capture":
            self.bench.hang()
        if self.bench.failure is not None:
            failure, self.bench.failure = self.bench.failure, None
            raise failure()
        image = self._look()
        self.bench.captured += 1
        exposure = self.held.get("exposure", self.bench.exposure)
        return Frame(image, f"frame-{next(self._numbers)}", exposure_ms=exposure)

    def preview(self) -> U8Array:
        return self._look()

    def _look(self) -> U8Array:
        self.bench.threads.add(threading.get_ident())
        if self.bench.fault == "hang":
            self.bench.hang()
        if self.bench.fault == "unplugged":
            raise CameraError("the camera gives no pictures; is it unplugged?")
        if self.bench.fault == "crash":
            raise RuntimeError("ioctl failed in the driver")
        time.sleep(0.005)
        return self.bench.images[self.bench.at]

    def focus(self) -> bool:
        self.bench.focused += 1
        return True

    def hold(self, values: Mapping[str, float] | None = None) -> Mapping[str, float]:
        self.held = dict(values or {"exposure": self.bench.exposure})
        self.bench.holds.append(self.held)
        return self.held

    def release(self) -> None:
        self.held = {}
        self.bench.released += 1

    def close(self) -> None:
        if self.bench.fault == "hang-close":
            self.bench.hang()
        self.bench.closed += 1
