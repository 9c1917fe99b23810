"""One file a network. `build(...)` gives the network alone: logits, no loss, no loop."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError
from edge.contract.preprocess import Preprocessing

if TYPE_CHECKING:
    from train.recipe import ModelSpec

MODELS = {"plain_cnn": "train.models.plain_cnn"}


def build_model(spec: ModelSpec, preprocessing: Preprocessing) -> Any:
    """The Keras model that a recipe names. Raises ConfigError for an unknown name."""
    if spec.name not in MODELS:
        raise ConfigError(f"model.name is {spec.name!r}; known: {', '.join(sorted(MODELS))}")
    build = import_module(MODELS[spec.name]).build
    return build(preprocessing.size_px, spec.widths, spec.strides)
