"""What a network costs: parameters, multiplications, and time for one image."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.errors import DataError
from train.models.units import grouped_convolution

_WARM_UP_RUNS = 5


@dataclass(frozen=True)
class Cost:
    """Figures that depend on the architecture alone.

    Attributes:
        parameters: learnt values as papers count them; no running means and variances.
        macs: multiply-accumulates of convolutions and dense layers for one image. Norms,
            activations and pooling are left out, as papers do.
    """

    parameters: int
    macs: int


def cost_of(model: Any) -> Cost:
    """Walks the layers of a Keras model with fixed input size.

    Raises:
        DataError: a layer multiplies by weights in a way that is not known here.
    """
    return Cost(
        parameters=sum(_parameters(layer) for layer in model.layers),
        macs=sum(_macs(layer) for layer in model.layers),
    )


def ms_per_image(models: Sequence[Any], *, rounds: int = 50, seed: int = 0) -> list[float]:
    """Median milliseconds of one image at a time, float, on this machine.

    The networks take turns, so that whatever else the machine does slows all of them alike.

    Args:
        rounds: timed turns of each, after a few that are not.
        seed: of the noise images.
    """
    runs = [_single_image(model, seed) for model in models]
    taken = np.zeros((_WARM_UP_RUNS + rounds, len(runs)))
    for turn in taken:
        for index, run in enumerate(runs):
            started = time.perf_counter()
            run()
            turn[index] = 1000 * (time.perf_counter() - started)
    return [float(value) for value in np.median(taken[_WARM_UP_RUNS:], axis=0)]


def _single_image(model: Any, seed: int) -> Callable[[], Any]:
    import tensorflow as tf

    noise = np.random.default_rng(seed).random((1, *model.input_shape[1:]), np.float32)
    image, run = tf.constant(noise), tf.function(lambda x: model(x, training=False)["logit"])
    return lambda: run(image).numpy()


def _parameters(layer: Any) -> int:
    from tf_keras import layers

    if isinstance(layer, layers.Normalization):
        return 0
    values = [*layer.weights]
    if isinstance(layer, layers.BatchNormalization):
        values = [v for v in (layer.gamma, layer.beta) if v is not None]
    return sum(math.prod(value.shape) for value in values)


def _macs(layer: Any) -> int:
    """Kernel values times the places where each is used, over all calls of the layer."""
    from tf_keras import layers

    # A depthwise layer is a Conv2D to Keras, with a kernel of another name.
    if isinstance(layer, layers.DepthwiseConv2D):
        kernel = layer.depthwise_kernel
    elif type(layer) in (layers.Conv2D, grouped_convolution(), layers.Dense):
        kernel = layer.kernel
    elif any(len(weight.shape) > 1 for weight in layer.weights):
        raise DataError(f"layer {layer.name} is a {type(layer).__name__}; its cost is not known")
    else:
        return 0
    calls = range(len(layer.inbound_nodes))
    places = sum(math.prod(layer.get_output_shape_at(call)[1:-1]) for call in calls)
    return places * math.prod(kernel.shape)
