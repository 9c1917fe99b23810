"""Stored fields as if they were captured now: images of a folder, a list of files, videos."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edge.cameras.base import Camera
from edge.cameras.settings import check_range
from edge.cameras.stream import shrink
from edge.cameras.video import VIDEO_SUFFIXES, VideoFile
from edge.contract.errors import EndOfSourceError, FrameError, ImageError, SourceError
from edge.contract.images import IMAGE_SUFFIXES, list_images, read_image
from edge.contract.types import Frame, U8Array


class ReplayCamera(Camera):
    """Gives stored fields in order, one `capture` each; of a video one of each place.

    Args:
        sources: folders, images or videos.
        path: one of them, where settings are text.
        every_s: the step of time in which videos are read.

    Raises:
        SourceError: a source is missing, or a folder holds neither image nor video.
        ConfigError: every_s is out of range.
    """

    name = "replay"
    endless = False
    # A large image on a slow card.
    stall_s = 20.0

    def __init__(
        self, sources: Sequence[Path | str] = (), path: str = "", every_s: float = 1.0
    ) -> None:
        check_range("every_s", every_s, 0.01, 3600)
        sources = [*sources, *([path] if path else [])]
        if not sources:
            raise SourceError("path is not set; give a folder, an image or a video of fields")
        self._files = [file for source in sources for file in _expand(Path(source))]
        self._every_s = every_s
        self._next = 0
        self._given = 0
        self._video: VideoFile | None = None
        self._ahead: Frame | None = None

    @property
    def most_fields(self) -> int | None:
        """How many fields there are; None where a video is among them."""
        has_video = any(_is_video(file) for file in self._files)
        return None if has_video else len(self._files)

    def capture(self) -> Frame:
        """The next stored field; its name is the file's name."""
        frame = self._ahead or self._read_next()
        self._ahead = None
        self._given += 1
        return frame

    def skip(self, count: int) -> None:
        """Passes over fields; those that cannot be read count, too."""
        for _ in range(count):
            with suppress(FrameError):
                self.capture()

    def preview(self) -> U8Array:
        """The field that the next capture gives, small."""
        if self._ahead is None:
            self._ahead = self._read_next()
        return shrink(self._ahead.image)

    def _read_next(self) -> Frame:
        while True:
            if self._video is not None:
                frame = self._video.read()
                if frame is not None:
                    return frame
                self._end_video()
            if self._next >= len(self._files):
                raise EndOfSourceError(f"all {self._given} fields have been read")
            path = self._files[self._next]
            self._next += 1
            if not _is_video(path):
                return _read(path)
            self._video = VideoFile(path, self._every_s)

    def _end_video(self) -> None:
        if self._video is not None:
            self._video.close()
            self._video = None

    def close(self) -> None:
        """Closes a video."""
        self._end_video()


def _read(path: Path) -> Frame:
    try:
        return Frame(read_image(path), path.name)
    except ImageError as error:
        raise FrameError(path.name, str(error)) from error


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES


def _expand(source: Path) -> list[Path]:
    if source.is_dir():
        files = list_images(source, IMAGE_SUFFIXES | VIDEO_SUFFIXES)
        if not files:
            raise SourceError(
                f"folder {source} holds no PNG, JPEG, WebP or BMP image, and no video"
            )
        return files
    if not source.exists():
        raise SourceError(f"{source} does not exist; give a folder or files of field images")
    return [source]
