"""What a person asks of the specimen under the camera: pause, go on, this field now, stop."""

from __future__ import annotations

import threading


class CaptureControl:
    """Shared by whoever reads fields and whoever watches; every method is safe from any thread.

    Args:
        automatic: fields are taken by themselves; False takes one for each `take` alone.

    Attributes:
        ended: set once no field is to be taken any more; waits for a camera end with it.
    """

    def __init__(self, *, automatic: bool = True) -> None:
        self.ended = threading.Event()
        self._changed = threading.Condition()
        self._automatic = automatic
        self._paused = self._wanted = False

    @property
    def stopped(self) -> bool:
        """No field is taken any more."""
        return self.ended.is_set()

    @property
    def paused(self) -> bool:
        """No field is taken until somebody goes on."""
        return self._paused

    @property
    def automatic(self) -> bool:
        """Fields are taken by themselves."""
        return self._automatic

    def stop(self) -> None:
        """Ends the specimen after the field at work."""
        with self._changed:
            self.ended.set()
            self._changed.notify_all()

    def pause(self) -> None:
        """Takes no field until `go_on`."""
        with self._changed:
            self._paused, self._wanted = True, False
            self._changed.notify_all()

    def go_on(self) -> None:
        """Ends a pause."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def take(self) -> None:
        """Takes one field now, whatever the picture shows; ends a pause."""
        with self._changed:
            self._wanted, self._paused = True, False
            self._changed.notify_all()

    def take_by_itself(self, automatic: bool) -> None:
        """Whether fields are taken by themselves from now on."""
        with self._changed:
            self._automatic = automatic
            self._changed.notify_all()

    def claim(self) -> bool:
        """Whether somebody asked for a field since the last claim."""
        with self._changed:
            wanted, self._wanted = self._wanted, False
            return wanted

    def wait_for_turn(self) -> bool:
        """Waits until the next field may be taken; False where it was stopped instead.

        For cameras that give another field at each capture; a live one waits for the slide, too.
        """
        with self._changed:
            self._changed.wait_for(self._is_turn)
            self._wanted = False
            return not self.stopped

    def wait_while_paused(self) -> bool:
        """Waits for the end of a pause; False where it was stopped instead."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or not self._paused)
            return not self.stopped

    def _is_turn(self) -> bool:
        return self.stopped or (not self._paused and (self._automatic or self._wanted))
