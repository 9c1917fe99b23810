"""What the camera sees as JPEG bytes for a page."""

from __future__ import annotations

import threading

from edge.cameras.desk import Preview
from edge.contract.images import encode_image

_QUALITY = 70


class PreviewJpegs:
    """The newest preview as JPEG, encoded once however many pages ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._data = b""

    def encode(self, preview: Preview) -> bytes:
        """The bytes of a preview."""
        with self._lock:
            if preview.number != self._number:
                self._data = encode_image(preview.image, ".jpg", quality=_QUALITY)
                self._number = preview.number
            return self._data
