"""The Pi's own cameras, by picamera2, which is imported when one is opened.

One configuration gives both: frames at full resolution (`main`) and a small picture beside each
(`lores`). So nothing is switched between preview and capture, and exposure stays as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as JobTimeoutError
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, TypeVar

from edge.cameras.base import Camera
from edge.cameras.picamera2_formats import (
    PiSettings,
    choose_size,
    held_controls,
    held_values,
    preview_size,
    to_rgb,
)
from edge.cameras.stream import live_name
from edge.contract.errors import CameraError
from edge.contract.types import Frame, U8Array

log = logging.getLogger(__name__)
T = TypeVar("T")

_FOCUS_S = 5.0


class PiCamera(Camera):
    """A camera of the Pi.

    Raises:
        CameraError: picamera2 is not installed, no camera is attached, or it does not start.
    """

    name = "picamera2"
    live = True
    settings_type = PiSettings

    def __init__(self, settings: PiSettings | None = None) -> None:
        self._settings = settings or PiSettings()
        self._camera: Any = _open(self._settings.index)
        try:
            self._start()
        except CameraError:
            self.close()
            raise
        except (RuntimeError, OSError, KeyError, IndexError) as error:
            self.close()
            raise CameraError(f"the Pi camera does not start: {error}; {_ADVICE}") from error

    def _start(self) -> None:
        camera = self._camera
        size = choose_size(camera.sensor_modes, self._settings)
        configuration = camera.create_still_configuration(
            main={"format": "BGR888", "size": size},
            lores={"format": "YUV420", "size": preview_size(size)},
            sensor={"output_size": size},
            buffer_count=3,
            # Whoever asks waits for a new frame; none is kept from before.
            queue=False,
        )
        camera.configure(configuration)
        self.has_autofocus = "AfMode" in camera.camera_controls
        camera.start()

    def capture(self) -> Frame:
        """A frame that the sensor began after the call."""
        image, metadata = self._picture("main", flush=True)
        moment = datetime.now(UTC)
        exposure_us = metadata.get("ExposureTime")
        return Frame(
            image,
            live_name(self.name, moment),
            moment.isoformat(),
            self._settings.um_per_px,
            exposure_us / 1000 if exposure_us else None,
        )

    def preview(self) -> U8Array:
        """The small picture of the newest frame."""
        return self._picture("lores", flush=None)[0]

    def focus(self) -> bool:
        """One cycle of the camera's autofocus."""
        if not self.has_autofocus:
            return False
        job = self._call(lambda: self._camera.autofocus_cycle(wait=False))
        return bool(self._wait(job, _FOCUS_S))

    def hold(self, values: Mapping[str, float] | None = None) -> Mapping[str, float]:
        """Switches automatic exposure and white balance off, at what they are now."""
        held = dict(values or held_values(self._picture("lores", flush=None)[1]))
        self._call(lambda: self._camera.set_controls(held_controls(held)))
        return held

    def release(self) -> None:
        """Switches them on again."""
        self._call(lambda: self._camera.set_controls({"AeEnable": True, "AwbEnable": True}))

    def close(self) -> None:
        """Stops and closes the camera."""
        camera, self._camera = self._camera, None
        if camera is not None:
            try:
                camera.close()
            except RuntimeError as error:
                log.warning("the Pi camera does not close: %s", error)

    def _picture(self, stream: str, flush: bool | None) -> tuple[U8Array, Mapping[str, Any]]:
        job = self._call(lambda: self._camera.capture_request(wait=False, flush=flush))
        request = self._wait(job, self.stall_s)
        try:
            array, metadata = request.make_array(stream), request.get_metadata()
        finally:
            request.release()
        made = self._camera.camera_configuration()[stream]
        return to_rgb(array, made["format"], tuple(made["size"])), metadata

    def _wait(self, job: Any, timeout_s: float) -> Any:
        try:
            return self._call(lambda: self._camera.wait(job, timeout=timeout_s))
        except (TimeoutError, JobTimeoutError) as error:
            raise CameraError(
                f"the Pi camera gives no picture for {timeout_s:g} s; {_ADVICE}"
            ) from (error)

    def _call(self, act: Callable[[], T]) -> T:
        if self._camera is None:
            raise CameraError("camera picamera2 is closed; open it again")
        try:
            return act()
        except RuntimeError as error:
            raise CameraError(f"the Pi camera has failed: {error}; {_ADVICE}") from error


_ADVICE = "check its ribbon cable at both ends, then restart the device"


def _open(index: int) -> Any:
    try:
        driver = import_module("picamera2").Picamera2
    except ImportError as error:
        raise CameraError(
            f"picamera2 cannot be imported ({error}); on a Pi install the package "
            "python3-picamera2, or the extra: pip install 'clinicscope[pi]'"
        ) from error
    try:
        found = driver.global_camera_info()
        if index >= len(found):
            models = ", ".join(str(camera.get("Model", "?")) for camera in found)
            raise CameraError(
                f"no Pi camera number {index} is attached (found: {models or 'none'}); check its "
                "ribbon cable at both ends with the power off; `rpicam-hello --list-cameras` lists "
                "what the system sees"
            )
        return driver(index)
    except (RuntimeError, OSError, IndexError) as error:
        raise CameraError(f"the Pi camera cannot be opened: {error}; {_ADVICE}") from error
