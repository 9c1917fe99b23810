"""Field images from a folder or a list of files, in order, one `capture` each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.cameras.base import Camera
from edge.contract.errors import EndOfSourceError, FrameError, ImageError, SourceError
from edge.contract.images import list_images, read_image
from edge.contract.types import Frame


class ReplayCamera(Camera):
    """Gives stored fields as if they were captured now.

    Raises:
        SourceError: a source is missing, or a folder holds no image.
    """

    name = "replay"

    def __init__(self, sources: Sequence[Path | str]) -> None:
        self._files = [file for source in sources for file in _expand(Path(source))]
        self._next = 0

    def __len__(self) -> int:
        return len(self._files)

    def capture(self) -> Frame:
        """The next stored field; its name is the file's name."""
        if self._next >= len(self._files):
            raise EndOfSourceError(f"all {len(self._files)} fields have been read")
        path = self._files[self._next]
        self._next += 1
        try:
            return Frame(read_image(path), path.name)
        except ImageError as error:
            raise FrameError(path.name, str(error)) from error

    def close(self) -> None:
        """Nothing to give back."""


def _expand(source: Path) -> list[Path]:
    if source.is_dir():
        files = list_images(source)
        if not files:
            raise SourceError(f"folder {source} holds no PNG, JPEG, WebP or BMP image")
        return files
    if not source.exists():
        raise SourceError(f"{source} does not exist; give a folder or files of field images")
    return [source]
