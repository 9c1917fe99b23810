"""One specimen on a supervised camera: its fields, one after the other.

A live camera shows the same place until the slide is moved. A field is taken when the slide has
been moved and stands still, or when a view that could not be read has become readable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from edge.analysis.quality import assess_quality
from edge.cameras.base import Camera
from edge.cameras.desk import Preview
from edge.cameras.status import Patience
from edge.cameras.supervised import SupervisedCamera
from edge.cameras.views import same_view, view_of
from edge.contract.errors import EndOfSourceError
from edge.contract.types import Frame, U8Array

MOVE_ON = "Move the slide to the next field and leave it there."
HOLD_STILL = "Hold the slide still."


class SpecimenCamera(Camera):
    """Lends a supervised camera for one specimen; `close` gives it back and leaves it open.

    While it is lent, exposure and colours are held. A camera that stalls or is unplugged is waited
    for; a capture then ends with a CameraError after `Patience.wait_s`.

    Args:
        camera: live.
        stopped: ends a wait, as the end of the source.
    """

    def __init__(self, camera: SupervisedCamera, stopped: threading.Event | None = None) -> None:
        self.name = camera.name
        inner = camera.camera
        self.live = bool(inner and inner.live)
        self.endless = inner is None or inner.endless
        self._camera = camera
        self._stopped = stopped
        self._taken: U8Array | None = None
        self._taken_readable = False
        self._seen = 0
        camera.hold()

    def capture(self) -> Frame:
        """The next field."""
        try:
            if self.live:
                self._wait_for_field()
            return self._camera.capture(stopped=self._stopped)
        finally:
            self._camera.waiting = ""

    def close(self) -> None:
        """Gives the camera back."""
        self._camera.waiting = ""
        self._camera.release()

    def _wait_for_field(self) -> None:
        """Until the slide was moved and stands still; what it shows then counts as taken."""
        deadline = time.monotonic() + self._camera.patience.idle_s
        before = self._next_view()
        while True:
            now = self._next_view()
            is_still = same_view(before[1], now[1])
            if is_still and self._is_another(*now):
                self._taken = now[1]
                self._taken_readable = _is_readable(now[0])
                return
            self._camera.waiting = MOVE_ON if is_still else HOLD_STILL
            if self._stopped is not None and self._stopped.is_set():
                raise EndOfSourceError("stopped while waiting for the slide to be moved")
            if time.monotonic() > deadline:
                raise EndOfSourceError("the slide was not moved on")
            before = now

    def _next_view(self) -> tuple[Preview, U8Array]:
        preview = self._camera.next_preview(self._seen, stopped=self._stopped)
        self._seen = preview.number
        return preview, view_of(preview.image)

    def _is_another(self, preview: Preview, view: U8Array) -> bool:
        if self._taken is None or not same_view(view, self._taken):
            return True
        return not self._taken_readable and _is_readable(preview)


def _is_readable(preview: Preview) -> bool:
    return assess_quality(Frame(preview.image, "preview")).usable


class OwnSpecimenCamera(SpecimenCamera):
    """A supervised camera for one specimen alone; `close` closes it."""

    def close(self) -> None:
        """Closes the camera."""
        super().close()
        self._camera.close()


def open_specimen(
    name: str, open_camera: Callable[[], Camera], patience: Patience | None = None
) -> OwnSpecimenCamera:
    """Opens a camera for one specimen, as the command line uses it.

    Raises:
        CameraError: it cannot be opened.
    """
    camera = SupervisedCamera(name, open_camera, patience)
    try:
        camera.wait_until_live()
    except BaseException:
        camera.close()
        raise
    return OwnSpecimenCamera(camera)
