"""Videos as sources: files of several kinds, damaged ones, and what only looks like a video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.cameras.base import open_camera
from edge.cameras.replay import ReplayCamera
from edge.cameras.smear import draw_field
from edge.contract.errors import ConfigError, EndOfSourceError, FrameError
from edge.contract.images import encode_image
from edge.contract.types import Frame, U8Array
from tests.support.mjpeg_server import SMALL
from tests.support.videos import write_video


def slide(count: int = 3) -> list[U8Array]:
    return [draw_field(SMALL, 4, index).image for index in range(count)]


def shown(images: list[U8Array], frames_each: int) -> list[U8Array]:
    return [image for image in images for _ in range(frames_each)]


def all_of(camera: ReplayCamera) -> list[Frame]:
    frames = []
    with pytest.raises(EndOfSourceError):
        while True:
            frames.append(camera.capture())
    return frames


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".mov"])
def test_a_video_gives_each_place_once_with_its_time(tmp_path: Path, suffix: str) -> None:
    images = slide()
    path = write_video(tmp_path / f"slide{suffix}", shown(images, 30), 10)
    with ReplayCamera([path]) as camera:
        frames = all_of(camera)
    assert [frame.name for frame in frames] == [f"slide{suffix}@{at}.0s" for at in (0, 3, 6)]
    for frame, image in zip(frames, images, strict=True):
        assert np.abs(frame.image.astype(int) - image).mean() < 6


def test_a_place_between_two_steps_is_found_with_a_smaller_step(tmp_path: Path) -> None:
    path = write_video(tmp_path / "fast.mp4", shown(slide(), 4), 10)
    for every_s, names in ((1.0, ["@0.0s", "@1.0s"]), (0.2, ["@0.0s", "@0.4s", "@0.8s"])):
        with ReplayCamera([path], every_s=every_s) as camera:
            assert [frame.name.removeprefix("fast.mp4") for frame in all_of(camera)] == names
    with pytest.raises(ConfigError, match="every_s is 0"):
        open_camera("replay", path=str(path), every_s=0.0)


def test_videos_and_images_of_a_folder_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_image(slide(1)[0]))
    write_video(tmp_path / "b.mp4", shown(slide(), 4), 4)
    (tmp_path / "c.png").write_bytes(encode_image(slide(1)[0]))
    with ReplayCamera([tmp_path]) as camera:
        assert camera.most_fields is None
        names = [frame.name for frame in all_of(camera)]
    assert names == ["a.png", "b.mp4@0.0s", "b.mp4@1.0s", "b.mp4@2.0s", "c.png"]


def test_a_video_that_was_cut_off_gives_what_it_has(tmp_path: Path) -> None:
    path = write_video(tmp_path / "cut.avi", shown(slide(), 10), 10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with ReplayCamera([path]) as camera:
        frames = all_of(camera)
    assert 1 <= len(frames) < 3 or [frame.name for frame in frames][:1] == ["cut.avi@0.0s"]


PLAYLIST = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PLAYLIST, "is no MP4, MOV, AVI, Matroska or WebM video"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "is no MP4"),
        (b"", "is no MP4"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 500, "cannot be decoded; convert it to MP4"),
        (b"RIFF\0\0\0\0AVI " + b"\xff" * 500, "cannot be decoded"),
    ],
)
def test_what_is_no_video_is_a_refused_field_and_the_next_comes(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    (tmp_path / "b.png").write_bytes(encode_image(slide(1)[0]))
    with ReplayCamera([tmp_path]) as camera:
        with pytest.raises(FrameError, match=message) as caught:
            camera.capture()
        assert caught.value.name == "a.mp4"
        assert camera.capture().name == "b.png"


def test_a_video_that_goes_away_is_a_refused_field(tmp_path: Path) -> None:
    path = write_video(tmp_path / "gone.mp4", slide(), 1)
    camera = ReplayCamera([path])
    path.unlink()
    with pytest.raises(FrameError, match="video cannot be read: No such file"):
        camera.capture()


def test_a_name_is_never_read_as_a_pattern_or_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("concat:x.mp4", "%03d.mp4", "-i.mp4"):
        path = write_video(tmp_path / "plain.mp4", slide(1) * 2, 1)
        path.rename(name)
        with ReplayCamera([name]) as camera:
            assert camera.capture().name == f"{name}@0.0s"
