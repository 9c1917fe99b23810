"""One specimen on a supervised camera: its fields, one after the other.

A live camera shows the same place until the slide is moved. By itself a field is taken when the
slide has been moved, stands still and can be read; or, so that the record says why, when it still
cannot be read after a while. A person may take one at any moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from edge.cameras.base import Camera
from edge.cameras.control import CaptureControl
from edge.cameras.desk import Preview
from edge.cameras.status import Patience
from edge.cameras.supervised import SupervisedCamera
from edge.cameras.views import same_view, view_of
from edge.contract.errors import EndOfSourceError
from edge.contract.types import Frame, U8Array

MOVE_ON = "Move the slide to the next field and leave it there."
HOLD_STILL = "Hold the slide still."
FOCUS = "A new field. It is taken as soon as it can be read."
BY_HAND = "Take the field when the picture is sharp."
PAUSED = "Paused. No field is taken."
# Of a beat: two pictures that are compared lie so far apart, also while they come faster.
_BEAT_SHARE = 0.9


class SpecimenCamera(Camera):
    """Lends a supervised camera for one specimen; `close` gives it back and leaves it open.

    While it is lent, exposure and colours are held. A camera that stalls or is unplugged is waited
    for; a capture then ends with a CameraError after `Patience.wait_s`.

    Args:
        camera: live.
        control: what a person asks; None takes every field by itself.
    """

    def __init__(self, camera: SupervisedCamera, control: CaptureControl | None = None) -> None:
        self.name = camera.name
        inner = camera.camera
        self.live = bool(inner and inner.live)
        self.endless = inner is None or inner.endless
        self._camera = camera
        self._control = control or CaptureControl()
        self._taken: U8Array | None = None
        self._taken_readable = False
        self._seen = 0
        self._compared_s = 0.0
        camera.hold()

    def capture(self) -> Frame:
        """The next field."""
        try:
            if self.live:
                self._wait_for_field()
            return self._camera.capture(stopped=self._control.ended)
        finally:
            self._camera.waiting = ""

    def close(self) -> None:
        """Gives the camera back."""
        self._camera.waiting = ""
        self._camera.release()

    def _wait_for_field(self) -> None:
        """Until a field is to be taken; what the slide shows then counts as taken."""
        idle_since = still_since = time.monotonic()
        before = self._next_view()
        while True:
            now = self._next_view()
            if self._control.claim():
                break
            if self._control.paused:
                self._wait_while_paused()
                idle_since = still_since = time.monotonic()
                now = self._next_view()
            elif not same_view(before[1], now[1]):
                still_since = time.monotonic()
                self._camera.waiting = HOLD_STILL
            elif self._is_ripe(*now, time.monotonic() - still_since):
                break
            self._check_patience(idle_since)
            before = now
        self._taken = now[1]
        self._taken_readable = self._is_readable(now[0])

    def _wait_while_paused(self) -> None:
        self._camera.waiting = PAUSED
        if not self._control.wait_while_paused():
            raise EndOfSourceError("stopped during a pause")

    def _check_patience(self, idle_since: float) -> None:
        if self._control.stopped:
            raise EndOfSourceError("stopped while waiting for the slide to be moved")
        if time.monotonic() - idle_since > self._camera.patience.idle_s:
            raise EndOfSourceError("the slide was not moved on")

    def _next_view(self) -> tuple[Preview, U8Array]:
        earliest_s = self._compared_s + _BEAT_SHARE * self._camera.patience.beat_s
        while True:
            preview = self._camera.next_preview(self._seen, stopped=self._control.ended)
            self._seen = preview.number
            if preview.came_s >= earliest_s:
                self._compared_s = preview.came_s
                return preview, view_of(preview.image)

    def _is_ripe(self, preview: Preview, view: U8Array, still_s: float) -> bool:
        """Whether a view that stands still is a field to be taken; says what it waits for."""
        if not self._control.automatic:
            self._camera.waiting = BY_HAND
            return False
        is_new = self._taken is None or not same_view(view, self._taken)
        if not is_new and self._taken_readable:
            self._camera.waiting = MOVE_ON
            return False
        if self._is_readable(preview):
            return True
        self._camera.waiting = FOCUS if is_new else MOVE_ON
        return is_new and still_s >= self._camera.patience.settle_s

    def _is_readable(self, preview: Preview) -> bool:
        return self._camera.judge(preview).usable


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
