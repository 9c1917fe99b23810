"""CSI cameras: the pipeline's text, its refusal without GStreamer, and a real GStreamer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import cv2
import pytest

from edge.cameras.base import open_camera, read_settings
from edge.cameras.csi import CsiSettings, pipeline_of
from edge.cameras.opencv_source import has_backend
from edge.contract.errors import CameraError, ConfigError
from tests.support.rtsp_server import SYSTEM_PYTHON

ROOT = Path(__file__).parents[3]


def test_pipeline_of_a_jetson_camera() -> None:
    settings = CsiSettings(
        sensor_id=1, sensor_mode=2, width_px=3264, height_px=2464, fps=21, flip=2,
        exposure_us=12_000, gain=2.5,
    )  # fmt: skip
    assert pipeline_of(settings) == (
        "nvarguscamerasrc sensor-id=1 sensor-mode=2 wbmode=5 "
        'exposuretimerange="12000000 12000000" gainrange="2.5 2.5" ispdigitalgainrange="1 1" ! '
        "video/x-raw(memory:NVMM),width=3264,height=2464,framerate=21/1,format=NV12 ! "
        "nvvidconv flip-method=2 ! video/x-raw,format=BGRx ! "
        "videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sensor": "videotestsrc ! filesink"}, "sensor is .*; give one of argus, test"),
        ({"white_balance": "5 ! filesink location=/x"}, "white_balance is .*; give one of off"),
        ({"sensor_id": "0 ! filesink location=/x"}, "expected int"),
        ({"fps": 0}, "fps is 0; give 1 to 240"),
        ({"flip": 8}, "flip is 8; give one of 0"),
        ({"width_px": 0, "height_px": 0}, "a CSI camera needs a size"),
        ({"sensor_mode": -2}, "sensor_mode is -2; give -1 to 63"),
        ({"exposure_us": 10**9}, "exposure_us is"),
        ({"gain": float("nan")}, "gain is nan"),
    ],
)
def test_nothing_but_numbers_and_known_words_reaches_the_pipeline(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        open_camera("csi", **settings)


def test_text_that_is_no_number_is_named() -> None:
    with pytest.raises(ConfigError, match="csi: fps is '30 ! fakesink'; give a whole number"):
        read_settings("csi", {"fps": "30 ! fakesink"})


def test_an_opencv_without_gstreamer_is_refused_with_what_to_do() -> None:
    assert not has_backend(cv2.CAP_GSTREAMER), "pip's OpenCV now has GStreamer: test it there"
    with pytest.raises(CameraError, match="this OpenCV has no GStreamer, which a CSI camera needs"):
        open_camera("csi")


IN_THE_SYSTEM = """
import json, sys
sys.path.insert(0, sys.argv[1])
from edge.cameras.base import open_camera
from edge.contract.errors import CameraError
with open_camera("csi", sensor="test", width_px=700, height_px=500, fps=30) as camera:
    frames = [camera.capture() for _ in range(3)]
    small = camera.preview()
try:
    open_camera("csi")
except CameraError as error:
    refused = str(error)
bar = [int(value) for value in frames[0].image[50, 50 + 5 * 100]]
shapes = [frame.image.shape for frame in frames] + [small.shape]
print(json.dumps([shapes, len({frame.name for frame in frames}), bar, refused]))
"""


def test_frames_come_through_a_real_gstreamer() -> None:
    """The system's OpenCV has GStreamer; its test picture has a red bar, the sixth of seven."""
    done = subprocess.run(
        [SYSTEM_PYTHON, "-c", IN_THE_SYSTEM, str(ROOT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr}; run `make rtsp`"
    shapes, names, (red, green, blue), refused = json.loads(done.stdout.splitlines()[-1])
    assert shapes == [[500, 700, 3]] * 3 + [[457, 640, 3]]
    assert names == 3
    assert red > 150 and green < 60 and blue < 60
    assert "GStreamer has no nvarguscamerasrc, nvvidconv; on a Jetson install" in refused
