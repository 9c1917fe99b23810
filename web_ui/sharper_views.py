"""The enhancer behind the pages: it follows what is active for its task, without a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edge.contract.errors import ClinicScopeError, NotFoundError
from edge.installed import has_enhancer, load_enhancer

if TYPE_CHECKING:
    from edge.config import DeviceConfig
    from edge.enhancement.enhancer import Enhancer

log = logging.getLogger(__name__)

T = TypeVar("T")


class SharperViews:
    """One enhancer at a time, or none.

    Args:
        home: the data directory.
        enhancer: that is open; closed here once another is.
    """

    def __init__(self, home: Path, enhancer: Enhancer | None = None) -> None:
        self._home = home
        # Held while a picture is made, so that none is made by a network that is closed.
        self._using = threading.Lock()
        self._enhancer = enhancer

    @property
    def current(self) -> Enhancer | None:
        """What makes the sharper views now; None where the device has nothing for it."""
        return self._enhancer

    def make(self, draw: Callable[[Enhancer], T]) -> T:
        """Draws with it. Raises NotFoundError where there is none."""
        with self._using:
            if self._enhancer is None:
                raise NotFoundError("this device has no enhancer")
            return draw(self._enhancer)

    def reopen(self, config: DeviceConfig) -> None:
        """Takes what is active now."""
        opened = open_enhancer(self._home, config)
        with self._using:
            before, self._enhancer = self._enhancer, opened
            if before is not None:
                before.close()


def open_enhancer(home: Path, config: DeviceConfig) -> Enhancer | None:
    """What makes sharper views; None where there is none, or where it fails its golden tensors.

    Screening does not need it, so a broken one is said in the log and by `doctor`.
    """
    try:
        return load_enhancer(home, config) if has_enhancer(home, config) else None
    except ClinicScopeError as error:
        log.warning("the page shows no sharper views: %s", error)
        return None
