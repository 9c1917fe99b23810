"""What every camera promises; a camera's test writes only how to make it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import pytest

from edge.cameras.base import CAMERAS, Camera, open_camera
from edge.cameras.replay import ReplayCamera
from edge.cameras.simulated import SimulatedCamera
from edge.cameras.smear import SmearSettings, draw_field
from edge.contract.errors import CameraError, EndOfSourceError, FrameError, SourceError
from edge.contract.images import encode_image

SMALL = SmearSettings(width_px=480, height_px=360, cells_per_field=15)


class CameraContract(ABC):
    """Every camera runs these; `make` gives one with exactly three fields."""

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

    def test_end_of_a_finite_source_is_said_again_and_again(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as camera:
            for _ in range(3):
                camera.capture()
            for _ in range(2):
                with pytest.raises(EndOfSourceError):
                    camera.capture()

    def test_close_may_be_called_twice(self, tmp_path: Path) -> None:
        camera = self.make(tmp_path)
        camera.close()
        camera.close()

    def test_two_cameras_of_a_kind_do_not_share_state(self, tmp_path: Path) -> None:
        with self.make(tmp_path / "a") as first, self.make(tmp_path / "b") as second:
            one = first.capture()
            assert np.array_equal(one.image, second.capture().image)

    def test_it_is_registered(self, tmp_path: Path) -> None:
        with self.make(tmp_path) as camera:
            assert camera.name in CAMERAS


class TestSimulated(CameraContract):
    def make(self, folder: Path) -> Camera:
        return SimulatedCamera(seed=4, settings=SMALL, fields=3)


class TestReplay(CameraContract):
    def make(self, folder: Path) -> Camera:
        folder.mkdir(exist_ok=True)
        for index in range(3):
            image = draw_field(SMALL, 4, index).image
            (folder / f"field-{index}.png").write_bytes(encode_image(image))
        return ReplayCamera([folder])


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


def test_unknown_camera_says_which_are_known() -> None:
    with pytest.raises(CameraError, match=r"no camera 'eyepiece'; .* replay, simulated"):
        open_camera("eyepiece")
