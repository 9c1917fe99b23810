"""A network without branches, read as a chain: convolution, batch norm, ReLU, and a map at its end.

It says what a network of the same chain with other widths would cost, without building it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge.contract.errors import DataError

# Measured on INT8 files of plain networks of 2 to 8 layers: what a layer and one output channel
# (its bias, scale and zero points) take beside the weights, and what any file takes.
_BYTES_PER_FILE = 2200
_BYTES_PER_LAYER = 430
_BYTES_PER_CHANNEL = 28


@dataclass(frozen=True, eq=False)
class Chain:
    """The layers that hold weights, in order.

    Attributes:
        convolutions: Keras layers without bias; the output channels can be cut.
        norms: the batch norm after each.
        limits: upper limit of the ReLU after each, infinite where it has none.
        places: output positions of each, and of the map: height times width.
        cam: the 1x1 convolution that gives the map.
    """

    convolutions: tuple[Any, ...]
    norms: tuple[Any, ...]
    limits: tuple[float, ...]
    places: tuple[int, ...]
    cam: Any

    @property
    def widths(self) -> tuple[int, ...]:
        """Output channels of each convolution."""
        return tuple(int(layer.kernel.shape[3]) for layer in self.convolutions)

    @property
    def n_outputs(self) -> int:
        """Channels of the map."""
        return int(self.cam.kernel.shape[3])

    def macs(self, widths: Sequence[int]) -> int:
        """Multiply-accumulates of one image with these widths, as `train.models.cost` counts."""
        return sum(p * k for p, k in zip(self.places, self._kernels(widths), strict=True))

    def int8_bytes(self, widths: Sequence[int]) -> int:
        """Estimated bytes of the INT8 TFLite file with these widths; within 2 %."""
        channels = sum(widths) + self.n_outputs
        overhead = _BYTES_PER_FILE + _BYTES_PER_LAYER * len(widths) + _BYTES_PER_CHANNEL * channels
        return sum(self._kernels(widths)) + overhead

    def _kernels(self, widths: Sequence[int]) -> list[int]:
        """Kernel values of each convolution and of the map."""
        areas = [math.prod(layer.kernel.shape[:2]) for layer in (*self.convolutions, self.cam)]
        first = int(self.convolutions[0].kernel.shape[2])
        inputs, outputs = [first, *widths], [*widths, self.n_outputs]
        return [a * i * o for a, i, o in zip(areas, inputs, outputs, strict=True)]


def read_chain(model: Any) -> Chain:
    """The chain of a Keras model.

    Raises:
        DataError: the network has a branch, a layer with weights that is none of the chain's, or
            no class activation map; the layer is named.
    """
    convolutions: list[Any] = []
    norms: list[Any] = []
    limits: list[float] = []
    cam = None
    for layer in model.layers:
        _check_single(layer, model)
    for layer in model.layers:
        kind = type(layer).__name__
        if layer.name == "cam":
            cam = layer
        elif kind == "Conv2D" and layer.groups == 1 and not layer.use_bias:
            convolutions.append(layer)
        elif kind == "BatchNormalization" and len(norms) < len(convolutions) and layer.center:
            norms.append(layer)
        elif kind == "ReLU" and not layer.negative_slope and not layer.threshold:
            limits.append(math.inf if layer.max_value is None else float(layer.max_value))
        elif layer.weights or kind in ("Activation", "ReLU"):
            raise DataError(
                f"layer {layer.name!r} is a {kind}: channels are cut only of convolutions without "
                "bias or groups, each followed by batch norm and ReLU, as in plain_cnn"
            )
    if cam is None:
        raise DataError(f"network {model.name!r} has no class activation map; see plain_cnn")
    if not len(convolutions) == len(norms) == len(limits) > 0:
        raise DataError(
            f"network {model.name!r} has {len(convolutions)} convolutions, {len(norms)} batch "
            f"norms and {len(limits)} ReLUs; channels are cut where each convolution has both"
        )
    places = tuple(math.prod(layer.output_shape[1:3]) for layer in (*convolutions, cam))
    return Chain(tuple(convolutions), tuple(norms), tuple(limits), places, cam)


def _check_single(layer: Any, model: Any) -> None:
    """Raises DataError where a layer reads several layers, or several read it."""
    for node in layer.inbound_nodes:
        if isinstance(node.inbound_layers, list) and len(node.inbound_layers) > 1:
            raise DataError(
                f"layer {layer.name!r} of {model.name!r} joins {len(node.inbound_layers)} "
                "branches; channels can be cut only of a network without branches, as plain_cnn"
            )
    readers = {node.outbound_layer.name for node in layer.outbound_nodes} & {
        other.name for other in model.layers
    }
    if len(readers) > 1:
        raise DataError(
            f"layer {layer.name!r} of {model.name!r} branches to {', '.join(sorted(readers))}; "
            "channels can be cut only of a network without branches, as plain_cnn"
        )
