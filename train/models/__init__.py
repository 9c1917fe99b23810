"""One file a network. `build(size_px, n_outputs, spec)` gives the network alone: no loss, no loop.

Every network takes (N,size,size,3) float32 RGB and gives a dict with `logit` (N,n_outputs), and
`cam` (N,h,w,n_outputs) where the logit is the mean of a class activation map. Two classes have one
output, the logit of the positive label; K classes have K. Layers of the head are named `head…`,
`cam` or `logit`: two-phase fitting freezes the others.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError
from edge.contract.preprocess import Preprocessing
from train.models.start_weights import RUN_WEIGHTS, load_run_weights

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

MODELS = {
    "colour_autoencoder": "train.models.colour_autoencoder",
    "dual_attention": "train.models.dual_attention",
    "efficientnet_b4": "train.models.efficientnet_b4",
    "efficientnet_lite0": "train.models.efficientnet_lite0",
    "feature_pair": "train.models.feature_pair",
    "grey_autoencoder": "train.models.grey_autoencoder",
    "malaria_cnn": "train.models.malaria_cnn",
    "novelty_cnn": "train.models.novelty_cnn",
    "plain_cnn": "train.models.plain_cnn",
    "regnet": "train.models.regnet",
    "resnet18": "train.models.resnet18",
    "shufflenet_v2": "train.models.shufflenet_v2",
    "transformer_autoencoder": "train.models.transformer_autoencoder",
    "variational_autoencoder": "train.models.variational_autoencoder",
    "xray_cnn": "train.models.xray_cnn",
}
# Networks that give an anomaly score; a recipe with [novelty] takes one of them, and no other.
NOVELTY_MODELS = (
    "colour_autoencoder",
    "feature_pair",
    "grey_autoencoder",
    "novelty_cnn",
    "transformer_autoencoder",
    "variational_autoencoder",
)
# Networks that know weights of their own: "imagenet", or the file of another library.
PRETRAINED = ("efficientnet_b4", "efficientnet_lite0", "feature_pair")
HEAD_LAYERS = ("head", "cam", "logit")


def build_model(spec: ModelSpec, preprocessing: Preprocessing, n_outputs: int = 1) -> Any:
    """The Keras model that a recipe names, with the weights that it starts from.

    Raises:
        ConfigError: an unknown name, or weights that are not there or that the network has not.
        DataError: a weights file of another architecture.
    """
    if spec.name not in MODELS:
        raise ConfigError(f"model.name is {spec.name!r}; known: {', '.join(sorted(MODELS))}")
    build = import_module(MODELS[spec.name]).build
    if spec.weights.endswith(RUN_WEIGHTS):
        model = build(preprocessing.size_px, n_outputs, replace(spec, weights=""))
        load_run_weights(model, Path(spec.weights))
        return model
    if spec.weights and spec.name not in PRETRAINED:
        raise ConfigError(
            f"model.weights is {spec.weights!r}, but {spec.name} starts from random weights or "
            f"from a run's {RUN_WEIGHTS} file; networks with others: {', '.join(PRETRAINED)}"
        )
    return build(preprocessing.size_px, n_outputs, spec)
