"""What every camera promises; a camera's test writes only how to make it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import parse_qsl

import cv2
import numpy as np
import pytest

from edge.cameras.base import (
    CAMERAS,
    PREVIEW_SIDE_PX,
    Camera,
    camera_class,
    open_camera,
    read_settings,
)
from edge.cameras.replay import ReplayCamera
from edge.cameras.simulated import SimulatedCamera
from edge.cameras.smear import SmearSettings, draw_field
from edge.contract.errors import (
    CameraError,
    ConfigError,
    EndOfSourceError,
    FrameError,
    SourceError,
)
from edge.contract.images import encode_image
from tests.support.mjpeg_server import SMALL, MjpegServer
from tests.support.rtsp_server import rtsp_server
from tests.support.videos import write_video


class CameraContract(ABC):
    """Every camera runs these; `make` gives one with at least three fields."""

    @abstractmethod
    def make(self, folder: Path) -> Camera: ...

    def test_frames_are_rgb_bytes_with_unique_names(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as camera:
            frames = [camera.capture() for _ in range(3)]
        assert len({frame.name for frame in frames}) == 3
        for frame in frames:
            assert frame.image.dtype == np.uint8
            assert frame.image.ndim == 3
            assert frame.image.shape[2] == 3
            assert frame.image.flags.c_contiguous

    def test_colours_are_those_of_a_stained_smear(self, tmp_path: Path) -> None:
        """Red before blue: a camera that mixes up its channels shows blue cells."""
        with self.make(tmp_path) as camera:
            red, _, blue = camera.capture().image.reshape(-1, 3).mean(axis=0)
        assert red > blue + 3

    def test_close_may_be_called_twice(self, tmp_path: Path) -> None:
        camera = self.make(tmp_path)
        camera.close()
        camera.close()

    def test_preview_is_small_and_takes_no_field(self, tmp_path: Path) -> None:
        with self.make(tmp_path / "a") as camera, self.make(tmp_path / "b") as other:
            small = camera.preview()
            camera.preview()
            assert small is not None
            assert small.dtype == np.uint8 and small.ndim == 3 and small.shape[2] == 3
            assert max(small.shape[:2]) <= PREVIEW_SIDE_PX
            if not camera.live:
                assert camera.capture().name == other.capture().name

    def test_it_can_be_held_and_released(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as camera:
            held = camera.hold()
            assert dict(camera.hold(held)) == dict(held)
            camera.release()
            camera.capture()

    def test_focusing_without_autofocus_does_nothing(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as camera:
            assert camera.has_autofocus or camera.focus() is False

    def test_it_is_registered(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as camera:
            assert camera.name in CAMERAS
            assert camera_class(camera.name) is type(camera)


class FiniteContract(CameraContract):
    """Of a source with exactly three fields."""

    def test_end_of_a_finite_source_is_said_again_and_again(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as camera:
            for _ in range(3):
                camera.capture()
            for _ in range(2):
                with pytest.raises(EndOfSourceError):
                    camera.capture()

    def test_two_cameras_of_a_kind_do_not_share_state(self, tmp_path: Path) -> None:
        with self.make(tmp_path / "a") as first, self.make(tmp_path / "b") as second:
            one = first.capture()
            assert np.array_equal(one.image, second.capture().image)


class LiveContract(CameraContract):
    """Of a camera that shows what lies under the lens now."""

    def test_frames_say_when_they_were_taken(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as camera:
            assert camera.live and camera.endless
            assert camera.capture().captured_utc.endswith("+00:00")

    def test_a_closed_camera_says_so(self, tmp_path: Path) -> None:
        camera = self.make(tmp_path)
        camera.close()
        for act in (camera.capture, camera.preview):
            with pytest.raises(CameraError, match="is closed; open it again"):
                act()

    def test_every_setting_can_be_given_as_text(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as camera:
            kind = type(camera).settings_type
        assert kind is not None
        given = {field.name: _text_of(field.default) for field in fields(kind)}
        if "url" in given:
            given["url"] = "rtsp://host/live"
        assert set(read_settings(camera.name, given)) == set(given)

    def test_a_wrong_setting_is_named(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as camera:
            name = camera.name
        with pytest.raises(
            ConfigError, match=rf"camera {name} has no setting 'zoom'; it takes .*um"
        ):
            read_settings(name, {"zoom": "3"})
        with pytest.raises(ConfigError, match="um_per_px is 'wide'; give a number"):
            read_settings(name, {"um_per_px": "wide"})
        with pytest.raises(ConfigError, match=r"unknown keys \['zoom'\]"):
            open_camera(name, zoom=3)


def _text_of(value: object) -> str:
    return "0.1" if value is None else str(value)


class TestSimulated(FiniteContract):
    def make(self, folder: Path) -> Camera:
        return SimulatedCamera(seed=4, settings=SMALL, fields=3)


class TestReplayOfImages(FiniteContract):
    def make(self, folder: Path) -> Camera:
        folder.mkdir(exist_ok=True)
        for index in range(3):
            image = draw_field(SMALL, 4, index).image
            (folder / f"field-{index}.png").write_bytes(encode_image(image))
        return ReplayCamera([folder])


class TestReplayOfAVideo(FiniteContract):
    def make(self, folder: Path) -> Camera:
        folder.mkdir(exist_ok=True)
        images = [draw_field(SMALL, 4, index).image for index in range(3)]
        path = write_video(folder / "slide.mp4", [image for image in images for _ in range(4)], 4)
        return open_camera("replay", path=str(path))


class TestMjpeg(LiveContract):
    @pytest.fixture(autouse=True)
    def serve(self, mjpeg: MjpegServer) -> None:
        self.server = mjpeg

    def make(self, folder: Path) -> Camera:
        return open_camera("network", url=self.server.url)


class TestMjpegWithoutLengths(TestMjpeg):
    """Cameras that tell the end of a picture by the next boundary alone."""

    def make(self, folder: Path) -> Camera:
        self.server.with_length = False
        return super().make(folder)


class TestRtsp(LiveContract):
    url = ""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def serve(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with rtsp_server(tmp_path_factory.mktemp("rtsp")) as (url, _):
            cls.url = url
            yield

    def make(self, folder: Path) -> Camera:
        return open_camera("network", url=self.url)


@pytest.mark.hardware
class TestAttachedCamera(LiveContract):
    """The contract on a device: CLINICSCOPE_CAMERA names the camera, under it lies a smear."""

    @pytest.fixture(autouse=True)
    def use(self, attached: str) -> None:
        self.source = attached

    def make(self, folder: Path) -> Camera:
        name, _, query = self.source.removeprefix("camera:").partition("?")
        return open_camera(name, **read_settings(name, dict(parse_qsl(query))))

    def test_two_cameras_of_one_device_are_refused(self, tmp_path: Path) -> None:
        with self.make(tmp_path), pytest.raises(CameraError):
            self.make(tmp_path).capture()


def test_unreadable_field_is_named_and_the_next_one_comes(tmp_path: Path) -> None:
    good = encode_image(draw_field(SMALL, 1, 0).image)
    (tmp_path / "a.png").write_bytes(good[: len(good) // 2])
    (tmp_path / "b.png").write_bytes(b"text, not pixels")
    (tmp_path / "c.png").write_bytes(good)
    camera = ReplayCamera([tmp_path])
    for name in ("a.png", "b.png"):
        with pytest.raises(FrameError) as caught:
            camera.capture()
        assert caught.value.name == name
    assert camera.capture().name == "c.png"


def test_missing_and_empty_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        ReplayCamera([tmp_path / "none"])
    with pytest.raises(SourceError, match="holds no PNG"):
        ReplayCamera([tmp_path])
    with pytest.raises(SourceError, match="path is not set"):
        open_camera("replay")


def test_unknown_camera_says_which_are_known() -> None:
    with pytest.raises(CameraError, match=r"no camera 'eyepiece'; .* replay, simulated"):
        open_camera("eyepiece")


def test_large_frames_have_a_small_preview() -> None:
    settings = SmearSettings(width_px=1600, height_px=1200, cells_per_field=20)
    with SimulatedCamera(settings=settings) as camera:
        small, frame = camera.preview(), camera.capture()
    assert small.shape == (480, 640, 3) and frame.image.shape == (1200, 1600, 3)
    again = cv2.resize(frame.image, (640, 480), interpolation=cv2.INTER_AREA)
    assert np.array_equal(small, again)
