"""Fields of a video file: one of each place, where the slide stood or was moved slowly."""

from __future__ import annotations

import math
from pathlib import Path
from typing import BinaryIO

import cv2

from edge.cameras.opencv_source import OpenCvSource
from edge.cameras.views import same_view, view_of
from edge.contract.errors import CameraError, FrameError, ImageError
from edge.contract.types import Frame, U8Array

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"})
_MOST_DAMAGED = 25


class VideoFile:
    """Reads a video in steps of time; a step that shows the place of the last field is left out.

    Args:
        path: an MP4, MOV, AVI, Matroska or WebM file.
        every_s: the step.

    Raises:
        FrameError: it is missing, no such video, or cannot be decoded.
    """

    def __init__(self, path: Path, every_s: float = 1.0) -> None:
        _check_kind(path)
        self._name = path.name
        refused = CameraError(f"{path.name} cannot be decoded; convert it to MP4")
        try:
            # An absolute path: FFmpeg would read other text as one of its protocols.
            self._source = OpenCvSource(
                str(path.resolve()), cv2.CAP_FFMPEG, {}, lambda: refused, "the video has ended"
            )
        except CameraError as error:
            raise FrameError(path.name, str(error)) from error
        fps = self._source.get(cv2.CAP_PROP_FPS)
        self._fps = fps if math.isfinite(fps) and 0 < fps <= 1000 else 25.0
        self._step = max(1, round(self._fps * every_s))
        self._next = 0
        self._last_view: U8Array | None = None

    def read(self) -> Frame | None:
        """The next field; None at the end."""
        while True:
            image = self._decode_step()
            if image is None:
                return None
            view = view_of(image)
            if self._last_view is None or not same_view(view, self._last_view):
                self._last_view = view
                return Frame(image, f"{self._name}@{(self._next - 1) / self._fps:.1f}s")

    def _decode_step(self) -> U8Array | None:
        """The frame at the next step; the one after it where it is damaged. None at the end."""
        for _ in range(_MOST_DAMAGED):
            if not self._skip_to_next():
                return None
            try:
                return self._source.decode()
            except ImageError:
                continue
        return None

    def _skip_to_next(self) -> bool:
        try:
            self._source.grab()
            self._next += 1
            while (self._next - 1) % self._step:
                self._source.grab()
                self._next += 1
        except CameraError:
            return False
        return True

    def close(self) -> None:
        """Closes the file."""
        self._source.close()


def _check_kind(path: Path) -> None:
    """By its first bytes: FFmpeg follows play lists, which name other files and addresses."""
    try:
        with path.open("rb") as file:
            known = _is_video(file)
    except OSError as error:
        raise FrameError(path.name, f"video cannot be read: {error.strerror}") from error
    if not known:
        raise FrameError(path.name, "is no MP4, MOV, AVI, Matroska or WebM video; convert it")


def _is_video(file: BinaryIO) -> bool:
    head = file.read(16)
    return (
        head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
        or head[:4] == b"\x1aE\xdf\xa3"
    )
