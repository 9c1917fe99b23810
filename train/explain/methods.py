"""The registry of methods: a method is a function (network, images, targets) -> maps (N,H,W)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from edge.contract.errors import ConfigError
from edge.contract.types import F32Array
from train.explain.network import Network

MapFunction = Callable[[Network, F32Array, np.ndarray], F32Array]


@dataclass(frozen=True)
class Method:
    """One way to make a map.

    Attributes:
        title: for the reader.
        words: what the map shows, in a sentence.
        where: "module:function", imported when it is used.
        sums: the map of an image sums to logit(image) - logit(baseline).
    """

    title: str
    words: str
    where: str
    sums: bool = False

    @property
    def function(self) -> MapFunction:
        """The function itself."""
        module, name = self.where.split(":")
        found: MapFunction = getattr(import_module(module), name)
        return found


METHODS = {
    "cam": Method(
        "Own activation map",
        "The map whose mean is the network's logit; coarse, and exact by construction.",
        "train.explain.cam:own_cam",
    ),
    "grad_cam": Method(
        "Grad-CAM",
        "The last feature map, weighed by its gradient; shows what speaks for the class only.",
        "train.explain.cam:grad_cam",
    ),
    "occlusion": Method(
        "Occlusion",
        "How much the logit falls when a square around the pixel is hidden.",
        "train.explain.occlusion:occlusion",
    ),
    "integrated_gradients": Method(
        "Integrated gradients",
        "Each pixel's share of the logit's way from the baseline to the image.",
        "train.explain.integrated_gradients:integrated_gradients",
        sums=True,
    ),
    "shap": Method(
        "SHAP",
        "Shares of rectangles, averaged over the orders in which they could be uncovered.",
        "train.explain.shapley:shapley",
        sums=True,
    ),
    "lime": Method(
        "LIME",
        "A linear model of the logit over superpixels that are hidden at random.",
        "train.explain.superpixels:lime",
    ),
}


def chosen(names: Sequence[str], network: Network) -> dict[str, Method]:
    """The named methods; with no name, all that this network allows.

    Raises:
        ConfigError: an unknown name, or a method that this network does not allow.
    """
    unknown = [name for name in names if name not in METHODS]
    if unknown:
        raise ConfigError(f"methods {unknown} are unknown; known: {', '.join(METHODS)}")
    if "cam" in names and not network.has_cam:
        raise ConfigError(
            f"network {network.model.name} has no class activation map of its own; leave cam out "
            "of --methods"
        )
    named = names or [name for name in METHODS if name != "cam" or network.has_cam]
    return {name: METHODS[name] for name in METHODS if name in named}
