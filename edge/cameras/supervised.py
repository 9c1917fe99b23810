"""A camera that cannot hang its users: watched, found missing, and opened again.

One thread, the owner, calls the driver. Another watches it and never does. An owner that hangs in
the driver is given up: no thread can be ended from outside, so it is left behind, and a new one
opens the camera anew. At most `Patience.most_stuck` are left behind; then the camera is stuck,
until one of them comes back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from edge.analysis.quality import QualitySettings, assess_quality
from edge.cameras.base import Camera
from edge.cameras.desk import Desk, Preview
from edge.cameras.owner import CameraOwner
from edge.cameras.status import (
    CLOSED,
    LIVE,
    LOST,
    OPENING,
    STALLED,
    STUCK,
    CameraStatus,
    Patience,
)
from edge.contract.errors import CameraError, EndOfSourceError
from edge.contract.types import FieldQuality, Frame

log = logging.getLogger(__name__)

_STOP_LOOK_S = 0.1
_CLOSING_S = 5.0
# The watch pauses a few seconds at most.
_WATCH_LATE_S = 60.0
STUCK_FOR_GOOD = "its driver hangs"


class SupervisedCamera:
    """Keeps a camera open from now until `close`.

    Args:
        name: the camera's registered name.
        open_camera: opens it; called again each time it was lost.
        patience: all deadlines and pauses.
    """

    def __init__(
        self,
        name: str,
        open_camera: Callable[[], Camera],
        patience: Patience | None = None,
    ) -> None:
        self.name = name
        self.patience = patience or Patience()
        self._open = open_camera
        self.desk = Desk()
        self.waiting = ""
        self._asking = threading.Lock()
        self._closing = threading.Event()
        self._state, self._problem = OPENING, ""
        self._restarts = 0
        self._left_behind: list[CameraOwner] = []
        self._camera: Camera | None = None
        self._judged: tuple[int, FieldQuality] | None = None
        self._watched_s = time.monotonic()
        self._watch = threading.Thread(target=self._keep_open, name="camera-watch", daemon=True)
        self._watch.start()

    @property
    def camera(self) -> Camera | None:
        """The camera as it was opened last, for its attributes; its methods are the owner's."""
        return self._camera

    def capture(self, wait_s: float | None = None, stopped: threading.Event | None = None) -> Frame:
        """The next field, from the camera or from the one that is opened in its place.

        Args:
            wait_s: how long to wait for it; None for `Patience.wait_s`.
            stopped: ends the wait.

        Raises:
            FrameError: this field cannot be read; call again for the next.
            EndOfSourceError: a finite source is exhausted, or `stopped` was set.
            CameraError: no frame within `wait_s`; with what is wrong and what to do.
        """
        with self._asking:
            wish = self.desk.ask()
            try:
                self._wait(lambda: self.desk.wait_for(wish, _STOP_LOOK_S), wait_s, stopped)
            finally:
                self.desk.withdraw(wish)
        if wish.frame is None:
            raise wish.error or CameraError(self._gone(0.0))
        return wish.frame

    def next_preview(
        self, after: int, wait_s: float | None = None, stopped: threading.Event | None = None
    ) -> Preview:
        """The newest preview with a number above `after`. Arguments and errors as `capture`."""
        found: list[Preview] = []

        def look() -> bool:
            preview = self.desk.next_preview(after, _STOP_LOOK_S)
            found.extend([preview] if preview is not None else [])
            return bool(found)

        self._wait(look, wait_s, stopped)
        return found[0]

    def _wait(
        self, done: Callable[[], bool], wait_s: float | None, stopped: threading.Event | None
    ) -> None:
        budget_s = self.patience.wait_s if wait_s is None else wait_s
        deadline = time.monotonic() + budget_s
        while not done():
            if stopped is not None and stopped.is_set():
                raise EndOfSourceError("stopped while waiting for the camera")
            if self._closing.is_set() or time.monotonic() > deadline:
                raise CameraError(self._gone(budget_s))

    def wait_until_live(self, timeout_s: float | None = None) -> None:
        """Returns once pictures come.

        Raises:
            CameraError: the camera cannot be opened, or no picture came by then.
        """
        timeout_s = self.patience.open_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        with self.desk.changed:
            while self._state == OPENING and (left_s := deadline - time.monotonic()) > 0:
                self.desk.changed.wait(min(left_s, _STOP_LOOK_S))
        if self._state != LIVE:
            raise CameraError(self._gone(timeout_s))

    def _gone(self, waited_s: float) -> str:
        words = self.status().words
        problem = self._problem or f"no picture for {waited_s:g} s"
        return f"{words.title.lower()}: {problem}"

    def status(self, *, judge: bool = False) -> CameraStatus:
        """A snapshot; safe from any thread.

        Args:
            judge: look at the newest preview, too; a few milliseconds, once a preview.
        """
        camera, state = self._camera, self._state
        preview = self.desk.preview() if state == LIVE else None
        quality = self.judge(preview) if judge and preview is not None else None
        return CameraStatus(
            self.name,
            state,
            "" if state == LIVE else self._problem,
            self.desk.beat_age_s(),
            preview.number if preview is not None else 0,
            self._restarts,
            sum(owner.is_alive() for owner in self._left_behind),
            self._waits_for(state),
            bool(camera and camera.has_autofocus),
            quality.focus if quality else None,
            QualitySettings().least_focus,
            quality.reason if quality else "",
            quality.brightness if quality else None,
        )

    def _waits_for(self, state: str) -> str:
        if state == LIVE or not self.desk.hold_wanted:
            return self.waiting
        return f"The specimen waits for it, {self.patience.wait_s:g} seconds at most."

    def hangs(self) -> str:
        """What only a new process helps against; empty where all is well, or helps itself."""
        if self._closing.is_set():
            return ""
        if self._state == STUCK:
            return STUCK_FOR_GOOD
        late = time.monotonic() - self._watched_s > _WATCH_LATE_S
        return "nobody watches the camera any more" if late else ""

    def judge(self, preview: Preview) -> FieldQuality:
        """How well a preview can be read; worked out once a preview."""
        judged = self._judged
        if judged is None or judged[0] != preview.number:
            judged = (preview.number, assess_quality(Frame(preview.image, "preview")))
            self._judged = judged
        return judged[1]

    def hold(self) -> None:
        """Keeps exposure and colours as they are, also when the camera is opened again."""
        self.desk.hold_wanted = True

    def release(self) -> None:
        """Ends `hold`."""
        self.desk.hold_wanted = False

    def close(self) -> None:
        """Closes the camera; returns soon even where its driver hangs."""
        self._closing.set()
        self.desk.appoint(None)
        self._watch.join(_CLOSING_S)

    def _keep_open(self) -> None:
        """The watch: opens, attends, pauses, and again."""
        pause_s = self.patience.retry_s
        while not self._closing.is_set():
            self._watched_s = time.monotonic()
            if self._is_stuck():
                self._closing.wait(self.patience.retry_s)
                continue
            owner = CameraOwner(self._open, self.desk, self.patience)
            self.desk.appoint(owner)
            owner.start()
            self._attend(owner)
            self.desk.forget_preview()
            if owner.has_shown:
                pause_s = self.patience.retry_s
            if self._closing.wait(pause_s):
                break
            pause_s = min(2 * pause_s, self.patience.most_retry_s)
            self._restarts += 1
        self._set(CLOSED)

    def _is_stuck(self) -> bool:
        self._left_behind = [owner for owner in self._left_behind if owner.is_alive()]
        if len(self._left_behind) < self.patience.most_stuck:
            return False
        self._set(STUCK, self._problem)
        return True

    def _attend(self, owner: CameraOwner) -> None:
        """Returns when the owner has ended or hangs, or when the camera is to be closed."""
        while owner.is_alive():
            self._watched_s = time.monotonic()
            if self._closing.is_set():
                self.desk.appoint(None)
                owner.join(self.patience.close_s)
                return
            if hangs_in := owner.overdue():
                self.desk.appoint(None)
                log.error("%s: %s; it is opened again", self.name, hangs_in)
                self._left_behind.append(owner)
                self._set(STALLED, hangs_in)
                return
            if owner.has_shown and self._state != LIVE:
                self._camera = owner.camera
                self._set(LIVE)
            owner.join(self.patience.watch_s)
        if not self._closing.is_set():
            log.warning("%s is lost: %s", self.name, owner.problem)
            self._set(LOST, owner.problem)

    def _set(self, state: str, problem: str = "") -> None:
        with self.desk.changed:
            if problem or state == LIVE:
                self._problem = problem
            if state != self._state:
                self._state = state
                self.desk.changed.notify_all()
