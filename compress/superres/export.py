"""An enhancer to TFLite: full INT8, a tile of bytes in and four out, or float as it was fitted.

Both ends have the step of a grey level (scale 1/255), so that a device flips the top bit of each
byte and copies: uint8 ends would cost a QUANTIZE at full size, which takes longer than the network.
A network that gives pictures has the zero point -128 at both ends, one that gives what bicubic
lacks has 0 at its output. What leaves the range saturates, so no operation clips.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from compress.quantise import pin_range
from compress.tflite import check_integer, converting
from edge.contract.errors import DataError
from edge.contract.manifest import ENLARGED, RESIDUAL, TensorSpec, Weights
from edge.contract.types import U8Array
from train.models import plain_superres
from train.models.superres import FACTOR, build_enhancer
from train.superres.recipe import EnhancerRecipe

ROLE = "enhancer"
SCALE = 1 / 255
# Least value of each kind of tensor in grey levels, which INT8 keeps as -128.
LEAST_LEVEL = {"image": 0, ENLARGED: 0, RESIDUAL: -128}
_GIVES_RESIDUAL = "plain_superres"


@dataclass(frozen=True, eq=False)
class TileNetwork:
    """A fitted enhancer as it ships, what is only there for fitting folded away.

    Attributes:
        model: Keras, (N,T,T,3) float [0,1] to (N,2T,2T,3), not clipped.
        output: `ENLARGED` where it gives the picture, `RESIDUAL` where it gives what bicubic lacks.
    """

    model: Any
    output: str


def tile_network(recipe: EnhancerRecipe, model: Any, tile_px: int | None) -> TileNetwork:
    """The network of a fit, for tiles.

    Args:
        recipe: that the model was fitted with.
        tile_px: T, side of the low-resolution tile; None takes any.
    """
    if recipe.model.name == _GIVES_RESIDUAL:
        return TileNetwork(plain_superres.deployed(model, recipe.model, tile_px), RESIDUAL)
    fixed = build_enhancer(recipe.model, tile_px)
    fixed.set_weights(model.get_weights())
    return TileNetwork(fixed, ENLARGED)


def float_tflite(network: TileNetwork) -> bytes:
    """The network in float32, values of 1 for white in and out.

    Raises:
        DataError: TFLite has no such operation; named.
    """
    import tensorflow as tf

    with converting("float32"):
        content: bytes = tf.lite.TFLiteConverter.from_keras_model(network.model).convert()
    return content


def int8_tflite(network: TileNetwork, tiles: U8Array) -> bytes:
    """Full INT8, ranges within from `tiles`, those of both ends exactly the grey levels.

    Args:
        network: of `tile_network`.
        tiles: (N,T,T,3) uint8 RGB of training patients.

    Raises:
        DataError: an operation stays in float, or TFLite has none for it; named.
    """
    import tensorflow as tf

    def feed() -> Iterator[list[np.ndarray]]:
        for tile in pin_range(tiles):
            yield [tile[None].astype(np.float32) * np.float32(SCALE)]

    converter = tf.lite.TFLiteConverter.from_keras_model(_with_exact_ends(network))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feed
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with converting("full INT8"):
        content: bytes = converter.convert()
    check_integer(content, "full INT8", allowed=frozenset())
    return content


def describe_tflite(content: bytes, output: str, *, file: str, parent: str) -> Weights:
    """The manifest's entry, read back from the file itself.

    Args:
        output: of `TileNetwork`.
        parent: SHA-256 of the fit's weights.

    Raises:
        DataError: not one INT8 tile in and one twice as large out, each with the step of a grey
            level.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    ends = [_tensor("image", inputs), _tensor(output, outputs)]
    for end in ends:
        zero = -128 - LEAST_LEVEL[end.name]
        if end.dtype != "int8" or end.zero_point != zero or not _is_level(end.scale):
            raise DataError(
                f"{file}: {end.name} is {end.dtype} with scale {end.scale} and zero point "
                f"{end.zero_point}; expected int8, {SCALE:.6f}, {zero}: make it by `int8_tflite`"
            )
    return weights_entry("tflite", content, *ends, file=file, parent=parent)


def weights_entry(
    format_: str, content: bytes, image: TensorSpec, output: TensorSpec, *, file: str, parent: str
) -> Weights:
    """The manifest's entry of one file. Raises DataError where the sides are not T and 2T."""
    side = image.shape[1]
    expected = [(-1, side, side, 3), (-1, FACTOR * side, FACTOR * side, 3)]
    if [image.shape, output.shape] != expected:
        raise DataError(
            f"{file} makes {output.shape} of {image.shape}; expected a square tile and one of "
            f"{FACTOR} times the side, any number of them"
        )
    digest = hashlib.sha256(content).hexdigest()
    return Weights(ROLE, format_, file, digest, len(content), parent, (image,), (output,))


def _with_exact_ends(network: TileNetwork) -> Any:
    """The network between two fake quantisations, whose ranges the converter takes as they are."""
    from tf_keras import Model, layers

    image = layers.Input(network.model.input_shape[1:], name="image")
    given = {"arguments": {"least": LEAST_LEVEL["image"]}, "name": "levels_in"}
    made = network.model(layers.Lambda(as_grey_levels, **given)(image))
    given = {"arguments": {"least": LEAST_LEVEL[network.output]}, "name": "levels_out"}
    return Model(image, layers.Lambda(as_grey_levels, **given)(made), name="enhancer")


def as_grey_levels(x: Any, least: int) -> Any:
    """Fake quantisation to 256 grey levels from `least` on, in steps of 1/255."""
    import tensorflow as tf

    return tf.quantization.fake_quant_with_min_max_args(x, least / 255, (least + 255) / 255)


def _is_level(scale: float | None) -> bool:
    return scale is not None and abs(scale - SCALE) <= SCALE * 1e-6


def _tensor(name: str, details: list[Any]) -> TensorSpec:
    if len(details) != 1:
        raise DataError(f"{len(details)} tensors stand for {name!r}; an enhancer has one")
    scale, zero = details[0]["quantization"]
    sides = tuple(int(side) for side in details[0]["shape_signature"])
    kind = np.dtype(details[0]["dtype"]).name
    return TensorSpec(name, sides, kind, 0, float(scale), int(zero))
