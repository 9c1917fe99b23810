"""What a camera's owner thread shares with everyone else: the wish for a frame, and the preview."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from edge.contract.types import Frame, U8Array

# How long one look lasts.
_LOOK_S = 2.0


@dataclass(eq=False)
class Wish:
    """One frame that somebody waits for."""

    frame: Frame | None = None
    error: Exception | None = None
    done: bool = False


@dataclass(frozen=True, eq=False)
class Preview:
    """A small picture: its number, the picture, and when it came by the monotonic clock."""

    number: int
    image: U8Array
    came_s: float


class Desk:
    """Guarded by `changed`; every method takes it by itself.

    What an owner says is taken only while it is the owner: one that was given up because it hung
    may come back at any time, and then has nothing to say.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._owner: object | None = None
        self._wish: Wish | None = None
        self._preview: Preview | None = None
        self._shown = 0
        self._last_beat_s: float | None = None
        self.hold_wanted = False
        self.held: Mapping[str, float] | None = None
        self._looked_at_s = -_LOOK_S

    def appoint(self, owner: object | None) -> None:
        """From now on this one owns the camera; None for nobody."""
        with self.changed:
            self._owner = owner
            self.changed.notify_all()

    def is_owner(self, owner: object) -> bool:
        """Whether it still has something to say."""
        with self.changed:
            return self._owner is owner

    def next_wish(self, timeout_s: float) -> Wish | None:
        """What somebody waits for; None where nobody does by then."""
        with self.changed:
            if self._wish is None:
                self.changed.wait(timeout_s)
            return self._wish

    def fulfil(self, owner: object, wish: Wish, result: Frame | Exception) -> None:
        """Answers a wish."""
        with self.changed:
            if self._owner is not owner or wish.done:
                return
            if isinstance(result, Frame):
                wish.frame = result
            else:
                wish.error = result
            wish.done = True
            if self._wish is wish:
                self._wish = None
            self._beat()

    def show(self, owner: object, image: U8Array | None) -> None:
        """A sign of life, with a preview where there is one."""
        with self.changed:
            if self._owner is not owner:
                return
            if image is not None:
                self._shown += 1
                self._preview = Preview(self._shown, image, time.monotonic())
            self._beat()

    def keep_held(self, owner: object, held: Mapping[str, float] | None) -> None:
        """At what the camera is held; a camera that is opened again is held at the same."""
        with self.changed:
            if self._owner is owner:
                self.held = held

    def _beat(self) -> None:
        self._last_beat_s = time.monotonic()
        self.changed.notify_all()

    def ask(self) -> Wish:
        """Wishes for a frame; the caller has made sure that nobody else does."""
        with self.changed:
            self._wish = Wish()
            self.changed.notify_all()
            return self._wish

    def wait_for(self, wish: Wish, timeout_s: float) -> bool:
        """Waits for an answer; whether there is one."""
        with self.changed:
            if not wish.done:
                self.changed.wait(timeout_s)
            return wish.done

    def withdraw(self, wish: Wish) -> None:
        """Nobody waits for it any more."""
        with self.changed:
            if self._wish is wish:
                self._wish = None

    def next_preview(self, after: int, timeout_s: float) -> Preview | None:
        """The newest preview with a higher number; None where none comes by then."""
        with self.changed:
            if self._preview is None or self._preview.number <= after:
                self.changed.wait(timeout_s)
            found = self._preview
            return found if found is not None and found.number > after else None

    def look(self) -> None:
        """Somebody looks at the pictures now; for a while they come faster."""
        with self.changed:
            self._looked_at_s = time.monotonic()

    def is_looked_at(self) -> bool:
        """Somebody has looked a moment ago."""
        with self.changed:
            return time.monotonic() - self._looked_at_s < _LOOK_S

    def preview(self) -> Preview | None:
        """The newest preview."""
        with self.changed:
            return self._preview

    def forget_preview(self) -> None:
        """What a camera showed before it was lost must not be taken for what it shows now."""
        with self.changed:
            self._preview = None

    def beat_age_s(self) -> float | None:
        """Since the last sign of life; None before the first."""
        with self.changed:
            return None if self._last_beat_s is None else time.monotonic() - self._last_beat_s
