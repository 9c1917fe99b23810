"""Cameras on a Jetson's CSI connector, by GStreamer through OpenCV.

The pipeline is written here from numbers and fixed words alone: no setting is text that GStreamer
would read.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from edge.cameras.gstreamer import missing_elements
from edge.cameras.opencv_source import OpenCvSource, has_backend
from edge.cameras.settings import check_choice, check_range, check_scale, check_size
from edge.cameras.stream import StreamCamera
from edge.contract.errors import CameraError, ConfigError

# "test" draws GStreamer's own test picture, to try the way from GStreamer to the page.
SENSORS = ("argus", "test")
# Names of nvarguscamerasrc's wbmode, in its order.
WHITE_BALANCES = (
    "off",
    "auto",
    "incandescent",
    "fluorescent",
    "warm-fluorescent",
    "daylight",
    "cloudy-daylight",
    "twilight",
    "shade",
)
FLIPS = (0, 1, 2, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class CsiSettings:
    """A CSI camera.

    Exposure and gain that are given are kept always, so they are the same for every specimen.

    Attributes:
        sensor: "argus" for the camera of a Jetson, "test" for GStreamer's test picture.
        sensor_id: which of several cameras.
        sensor_mode: the sensor's mode; -1 lets the driver choose it by the size.
        width_px: of a frame.
        height_px: of a frame.
        fps: frames a second, whole.
        flip: nvvidconv's flip-method: 0 none, 2 turned by half.
        white_balance: one of nvarguscamerasrc's; "auto" changes with the picture.
        exposure_us: shutter time; 0 leaves it to the camera.
        gain: analogue gain; 0 leaves it to the camera.
        um_per_px: micrometres a pixel of a frame, where known.

    Raises:
        ConfigError: a value out of range.
    """

    sensor: str = "argus"
    sensor_id: int = 0
    sensor_mode: int = -1
    width_px: int = 1920
    height_px: int = 1080
    fps: int = 15
    flip: int = 0
    white_balance: str = "daylight"
    exposure_us: int = 0
    gain: float = 0
    um_per_px: float | None = None

    def __post_init__(self) -> None:
        check_choice("sensor", self.sensor, SENSORS)
        check_range("sensor_id", self.sensor_id, 0, 15)
        check_range("sensor_mode", self.sensor_mode, -1, 63)
        check_size(self.width_px, self.height_px)
        if not self.width_px:
            raise ConfigError("width_px and height_px are 0; a CSI camera needs a size")
        check_range("fps", self.fps, 1, 240)
        check_choice("flip", self.flip, FLIPS)
        check_choice("white_balance", self.white_balance, WHITE_BALANCES)
        check_range("exposure_us", self.exposure_us, 0, 10_000_000)
        check_range("gain", self.gain, 0, 1000)
        check_scale(self.um_per_px)


def pipeline_of(settings: CsiSettings) -> str:
    """GStreamer's pipeline for these settings; frames that nobody fetches are dropped."""
    size = f"width={settings.width_px},height={settings.height_px},framerate={settings.fps}/1"
    if settings.sensor == "test":
        head = f"videotestsrc is-live=true ! video/x-raw,{size}"
    else:
        head = (
            f"{_argus(settings)} ! video/x-raw(memory:NVMM),{size},format=NV12 ! "
            f"nvvidconv flip-method={settings.flip} ! video/x-raw,format=BGRx"
        )
    return (
        f"{head} ! videoconvert ! video/x-raw,format=BGR ! "
        "appsink drop=true max-buffers=1 sync=false"
    )


def _argus(settings: CsiSettings) -> str:
    words = [
        f"nvarguscamerasrc sensor-id={settings.sensor_id} sensor-mode={settings.sensor_mode}",
        f"wbmode={WHITE_BALANCES.index(settings.white_balance)}",
    ]
    if settings.exposure_us:
        exposure_ns = settings.exposure_us * 1000
        words.append(f'exposuretimerange="{exposure_ns} {exposure_ns}"')
    if settings.gain:
        words.append(f'gainrange="{settings.gain:g} {settings.gain:g}" ispdigitalgainrange="1 1"')
    return " ".join(words)


class CsiCamera(StreamCamera):
    """A camera by GStreamer.

    Raises:
        CameraError: this OpenCV has no GStreamer, that lacks an element, or the pipeline does not
            start.
    """

    name = "csi"
    settings_type = CsiSettings

    def __init__(self, settings: CsiSettings | None = None) -> None:
        settings = settings or CsiSettings()
        if not has_backend(cv2.CAP_GSTREAMER):
            raise CameraError(
                "this OpenCV has no GStreamer, which a CSI camera needs; use the system's OpenCV "
                "(JetPack's, or the package python3-opencv) instead of the one from pip"
            )
        missing = missing_elements(pipeline_of(settings))
        if missing:
            raise CameraError(
                f"GStreamer has no {', '.join(missing)}; on a Jetson install JetPack's package "
                "nvidia-l4t-gstreamer, elsewhere a CSI camera cannot be used"
            )
        self._exposure_ms = settings.exposure_us / 1000 or None
        source = OpenCvSource(
            pipeline_of(settings),
            cv2.CAP_GSTREAMER,
            {},
            lambda: _refused(settings),
            f"CSI camera {settings.sensor_id} gives no pictures; check its ribbon cable, and "
            "restart nvargus-daemon",
        )
        super().__init__(source, settings.um_per_px)

    def exposure_ms(self) -> float | None:
        """The exposure that was set."""
        return self._exposure_ms


def _refused(settings: CsiSettings) -> CameraError:
    return CameraError(
        f"CSI camera {settings.sensor_id} does not start with {settings.width_px} x "
        f"{settings.height_px} px at {settings.fps} frames a second; check its ribbon cable and "
        f"try the pipeline: gst-launch-1.0 {pipeline_of(settings)}"
    )
