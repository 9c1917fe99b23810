"""A bundle's enhancer on a runtime, proven by its golden tensors: pictures twice as large."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract import manifest
from edge.contract.bundle import Bundle
from edge.contract.errors import BundleError
from edge.contract.labels import MALARIA_SUPERRES
from edge.contract.tiles import enlarge
from edge.contract.types import RanOn, U8Array
from edge.runtimes.base import Runtime, describe_run
from edge.selftest import SelfTest, self_test

# Goes with every picture: its pixels are a network's guess.
NOT_EVIDENCE = "enhanced, not evidence"


def enhancer_of(bundle: Bundle) -> manifest.Enhancer:
    """The manifest's section on the enhancer. Raises BundleError where there is none."""
    if bundle.manifest.enhancer is None:
        raise BundleError(
            f"bundle {bundle.manifest.bundle_id} is for {bundle.manifest.task!r}; enhancing needs "
            f"{MALARIA_SUPERRES!r}"
        )
    return bundle.manifest.enhancer


@dataclass(frozen=True, eq=False)
class Enhancer:
    """A bundle's enhancer on a runtime.

    Raises:
        BundleError: the bundle has none.
        GoldenMismatchError: its golden tensors came out different.
    """

    bundle: Bundle
    runtime: Runtime

    def __post_init__(self) -> None:
        enhancer_of(self.bundle)
        self.self_test()

    @property
    def settings(self) -> manifest.Enhancer:
        """The manifest's section on it."""
        return enhancer_of(self.bundle)

    @property
    def ran_on(self) -> RanOn:
        """What really runs, for the record."""
        return describe_run(self.bundle, self.runtime, fallback=False)

    def self_test(self) -> SelfTest:
        """Replays its golden tensors. Raises GoldenMismatchError."""
        return self_test(self.bundle, self.runtime)

    def enhance(self, image: U8Array) -> U8Array:
        """A picture of any size from 1 x 1, twice as wide and high.

        Args:
            image: (H,W,3) uint8 RGB, (H,W) grey, or (H,W,4) RGBA, whose transparency is enlarged
                by bicubic interpolation.

        Returns:
            The same kind, (2H,2W,...) uint8.
        """
        if image.ndim == 2:
            large = self._enlarge(np.repeat(image[:, :, None], 3, axis=2))
            return np.asarray(cv2.cvtColor(large, cv2.COLOR_RGB2GRAY), np.uint8)
        large = self._enlarge(image[:, :, :3])
        if image.shape[2] == 3:
            return large
        alpha = cv2.resize(image[:, :, 3], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        return np.dstack([large, alpha])

    def _enlarge(self, image: U8Array) -> U8Array:
        settings = self.settings
        return enlarge(image, self.runtime.enlarge, settings.tile_px, settings.margin_px)

    def close(self) -> None:
        """Frees its network; may be called twice."""
        self.runtime.close()
