"""The one thread that computes single pictures and chest X-rays, beside the one that screens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from edge.pulse import Pulse
from edge.screening.classifier import Classifier

log = logging.getLogger(__name__)

T = TypeVar("T")
# An accelerator may compile a network for ten minutes when it sees it first.
OPENING_S = 900.0
# Four radiographs of the largest size, on the slowest board, with a lot in reserve.
WORK_S = 600.0


class PictureWorker:
    """Opens the bundle of a task when it is first asked for, and keeps it open.

    Args:
        load: opens and proves the active bundle of a task.
    """

    def __init__(self, load: Callable[[str], Classifier]) -> None:
        self._load = load
        self._opened: dict[str, Classifier] = {}
        self._pulse = Pulse()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pictures")

    def submit(self, task: str, work: Callable[[Classifier], T]) -> Future[T]:
        """Queues work with the classifier of a task.

        The future carries BundleError or HardwareError where the bundle must not be used.
        """
        return self._pool.submit(lambda: self._do(task, work))

    def hangs(self) -> str:
        """What its thread hangs in; empty where it does not."""
        return self._pulse.overdue()

    def forget(self) -> None:
        """Closes what is open, after the work that waits: later work takes what is active then."""
        self._pool.submit(self._close_all)

    def close(self) -> None:
        """Ends after the work at hand; what waits is cancelled. May be called twice."""
        self._pool.shutdown(cancel_futures=True)
        self._close_all()

    def _do(self, task: str, work: Callable[[Classifier], T]) -> T:
        with self._pulse.within(OPENING_S, f"the opening of the bundle for {task}"):
            classifier = self._classifier(task)
        with self._pulse.within(WORK_S, "the analysis of pictures"):
            return work(classifier)

    def _classifier(self, task: str) -> Classifier:
        if task not in self._opened:
            log.info("opening the bundle for %s", task)
            self._opened[task] = self._load(task)
        return self._opened[task]

    def _close_all(self) -> None:
        while self._opened:
            self._opened.popitem()[1].close()
