"""The one thread that opens a camera and calls its driver, with a deadline for every call."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from edge.cameras.base import Camera
from edge.cameras.desk import Desk, Wish
from edge.cameras.status import Patience
from edge.contract.errors import ClinicScopeError, EndOfSourceError, FrameError
from edge.pulse import Pulse

log = logging.getLogger(__name__)

# A preview may take this share of the time: a slow device keeps its cores for screening.
_PREVIEW_SHARE = 0.25
# The same while somebody looks at the pictures.
_SHOWN_SHARE = 0.6


class CameraOwner(threading.Thread):
    """Owns one opened camera until it is retired or the camera fails.

    It never looks at its own deadline: a thread that hangs in a driver cannot. Whoever watches it
    does, and retires it. A retired owner whose call returns after all closes its camera and ends.

    Args:
        open_camera: opens the camera; called in this thread.
        desk: where wishes come from and frames go to.
        patience: the deadlines.
    """

    def __init__(self, open_camera: Callable[[], Camera], desk: Desk, patience: Patience) -> None:
        # A thread that hangs must not keep the program from ending.
        super().__init__(name="camera-owner", daemon=True)
        self._open = open_camera
        self._desk = desk
        self._patience = patience
        self._pulse = Pulse()
        self._holding = False
        self.camera: Camera | None = None
        self.problem = ""
        self.has_shown = False

    def overdue(self) -> str:
        """What it hangs in, empty where it does not."""
        hangs_in = self._pulse.overdue()
        return f"the camera hangs in {hangs_in}" if hangs_in else ""

    def run(self) -> None:
        """Opens, serves, closes."""
        try:
            with self._pulse.within(self._patience.open_s, "opening"):
                camera = self._open()
        except Exception as error:
            # The thread's last line of defence: a driver may raise anything.
            self._note(error)
            return
        try:
            self.camera = camera
            self._serve(camera)
        except Exception as error:
            self._note(error)
        finally:
            self._close(camera)

    def _note(self, error: Exception) -> None:
        if isinstance(error, ClinicScopeError):
            self.problem = str(error)
            return
        log.error("a camera's driver has failed", exc_info=error)
        self.problem = f"the camera's driver has failed: {type(error).__name__}: {error}"

    def _close(self, camera: Camera) -> None:
        try:
            with self._pulse.within(self._patience.close_s, "closing"):
                camera.close()
        except Exception as error:
            log.warning("a camera does not close: %s", error)

    def _serve(self, camera: Camera) -> None:
        self._beat(camera, self._patience.open_s)
        pause_s = self._patience.beat_s
        while self._desk.is_owner(self):
            wish = self._desk.next_wish(pause_s)
            self._hold_or_release(camera)
            if wish is not None:
                self._answer(camera, wish)
                pause_s = 0.0
                continue
            took_s = self._beat(camera, camera.stall_s)
            pause_s = self._pause_after(took_s)

    def _pause_after(self, took_s: float) -> float:
        """Until the next preview, after one that took so long."""
        if not self._desk.is_looked_at():
            return max(self._patience.beat_s, took_s / _PREVIEW_SHARE - took_s)
        # Of a stream most of that time is the wait for its next picture.
        return max(self._patience.shown_beat_s - took_s, took_s / _SHOWN_SHARE - took_s)

    def _hold_or_release(self, camera: Camera) -> None:
        if self._desk.hold_wanted == self._holding:
            return
        with self._pulse.within(camera.stall_s, "setting exposure"):
            if self._holding:
                camera.release()
                self._desk.keep_held(self, None)
            else:
                self._desk.keep_held(self, camera.hold(self._desk.held))
        self._holding = not self._holding

    def _beat(self, camera: Camera, budget_s: float) -> float:
        """One preview; how many seconds it took."""
        start = time.monotonic()
        try:
            with self._pulse.within(budget_s, "a preview"):
                image = camera.preview()
        except (FrameError, EndOfSourceError):
            # Said to whoever asks for the frame.
            image = None
        took_s = time.monotonic() - start
        self.has_shown = True
        self._desk.show(self, image)
        return took_s

    def _answer(self, camera: Camera, wish: Wish) -> None:
        if camera.has_autofocus:
            with self._pulse.within(self._patience.focus_s, "focusing"):
                camera.focus()
        try:
            with self._pulse.within(camera.stall_s, "a capture"):
                frame = camera.capture()
        except (FrameError, EndOfSourceError) as error:
            self._desk.fulfil(self, wish, error)
        else:
            self._desk.fulfil(self, wish, frame)
