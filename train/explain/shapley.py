"""SHAP (Lundberg 2017, arXiv:1705.07874) by the package's partition explainer.

Its gradient and deep explainers refuse Keras 2 models under TensorFlow 2.21 ("not currently a
supported model type"); the partition explainer asks for scores only, and gives Owen values of
ever smaller rectangles.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from edge.contract.types import F32Array
from train.explain.network import Network

# Passes an image: rectangles down to about a sixteenth of the side.
_PASSES = 500


def shapley(network: Network, images: F32Array, targets: np.ndarray) -> F32Array:
    """Owen values of the target's logit, summed over the colours, (N,H,W) float32, signed.

    A hidden rectangle shows the network's baseline, so an image's values sum to
    logit(image) - logit(baseline).
    """
    explainer, rows = _Explainer(network, images.shape[1:]), range(len(images))
    baselines = network.baseline.of(images)
    return np.stack([explainer.explain(images[n], baselines[n], int(targets[n])) for n in rows])


class _Explainer:
    """One explainer for all images: its tree of rectangles takes seconds to make."""

    def __init__(self, network: Network, shape: tuple[int, ...]) -> None:
        with warnings.catch_warnings():
            # On import the package calls functions that matplotlib and NumPy will drop.
            warnings.simplefilter("ignore")
            import shap

        self.network, self.target = network, 0
        self.masker: Any = shap.maskers.Image(np.zeros(shape, np.float32), shape)
        # Else the score of the first image's baseline would be kept for all.
        self.masker.fixed_background = False
        self.explainer = shap.explainers.PartitionExplainer(self._score, self.masker)

    def explain(self, image: F32Array, baseline: F32Array, target: int) -> F32Array:
        self.masker.mask_value, self.target = baseline.ravel(), target
        found = self.explainer(
            image[None], max_evals=_PASSES, batch_size=self.network.batch, silent=True
        )
        return np.asarray(found.values[0, ..., 0].sum(axis=2), np.float32)

    def _score(self, images: Any) -> F32Array:
        array = np.asarray(images, np.float32)
        return self.network.score(array, np.full(len(array), self.target))[:, None]
