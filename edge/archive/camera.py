"""A camera over a slide's stored fields, wherever they lie; one is held at a time."""

from __future__ import annotations

from collections.abc import Sequence

from edge.archive.places import Entry, Place, join
from edge.cameras.base import Camera
from edge.contract.errors import EndOfSourceError, FrameError, ImageError
from edge.contract.images import MAX_FILE_BYTES, decode_image
from edge.contract.types import Frame


class ArchiveCamera(Camera):
    """Gives a slide's fields in order, one `capture` each.

    What cannot be fetched is an OSError, which ends the slide: it may be there tomorrow. What can,
    and is no picture, is a FrameError, as of any camera.
    """

    name = "archive"
    endless = False

    def __init__(self, place: Place, folder: str, fields: Sequence[Entry]) -> None:
        self._place = place
        self._folder = folder
        self._fields = fields
        self._next = 0

    def capture(self) -> Frame:
        """The next field; its name is the file's."""
        if self._next >= len(self._fields):
            raise EndOfSourceError(f"all {len(self._fields)} fields have been read")
        field = self._fields[self._next]
        self._next += 1
        try:
            if field.size_bytes > MAX_FILE_BYTES:
                raise ImageError(
                    f"file has {field.size_bytes:,} bytes, more than {MAX_FILE_BYTES:,}; not read"
                )
            image = decode_image(self._place.read(join(self._folder, field.name)))
        except ImageError as error:
            raise FrameError(field.name, str(error)) from error
        return Frame(image, field.name)

    def close(self) -> None:
        """Nothing is held."""
