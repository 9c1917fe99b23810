"""One file a network. `build(size_px, n_outputs, spec)` gives the network alone: no loss, no loop.

Every network takes (N,size,size,3) float32 RGB and gives a dict with `logit` (N,n_outputs), and
`cam` (N,h,w,n_outputs) where the logit is the mean of a class activation map. Two classes have one
output, the logit of the positive label; K classes have K. Layers of the head are named `head…`,
`cam` or `logit`: two-phase fitting freezes the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError
from edge.contract.preprocess import Preprocessing

if TYPE_CHECKING:
    from train.recipe import ModelSpec

MODELS = {
    "efficientnet_lite0": "train.models.efficientnet_lite0",
    "plain_cnn": "train.models.plain_cnn",
}
HEAD_LAYERS = ("head", "cam", "logit")


def build_model(spec: ModelSpec, preprocessing: Preprocessing, n_outputs: int = 1) -> Any:
    """The Keras model that a recipe names. Raises ConfigError for an unknown name."""
    if spec.name not in MODELS:
        raise ConfigError(f"model.name is {spec.name!r}; known: {', '.join(sorted(MODELS))}")
    build = import_module(MODELS[spec.name]).build
    return build(preprocessing.size_px, n_outputs, spec)
