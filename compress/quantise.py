"""Float Keras model to a full INT8 TFLite: per-channel weights, grey levels straight in.

Outputs are dequantised in the file, so a reader needs no scale; arithmetic is INT8 throughout.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from compress.tflite import check_integer, converting
from edge.contract.errors import DataError
from edge.contract.manifest import TensorSpec, Weights
from edge.contract.types import U8Array

log = logging.getLogger(__name__)

# Where black lies in an input of grey levels.
_ZERO_OF = {np.uint8: 0, np.int8: -128}


def quantise_int8(
    model: Any, representative: U8Array, scale: float, *, float_outputs: bool = True
) -> bytes:
    """Full INT8, after training or from the ranges that a network trained with quantisation has.

    Args:
        model: Keras model with outputs `logit` and `cam`, or `aware.aware_copy` of one.
        representative: (N,H,W,3) uint8 RGB of training patients.
        scale: from uint8 to the model's range.
        float_outputs: dequantise the outputs in the file; else they are INT8 with a scale.

    Raises:
        DataError: an op stayed in float, or TFLite has none for it; named.
    """
    import tensorflow as tf

    # Cells seldom reach 255; one white pixel outside a cell pins the input's range to the whole of
    # uint8, so that images go in unscaled. An int8 input would save the step inside that turns
    # uint8 into it, a sixth of a call, and runtimes take one; delegates are tried on that step.
    pinned = pin_range(representative)

    def feed() -> Iterator[list[np.ndarray]]:
        for crop in pinned:
            yield [crop[None].astype(np.float32) * scale]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feed
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.float32 if float_outputs else tf.int8
    with converting("full INT8"):
        content: bytes = converter.convert()
    check_integer(content, "full INT8")
    log.info("INT8 model has %d bytes", len(content))
    return content


def pin_range(representative: U8Array) -> U8Array:
    """The crops with one white and one black pixel, so that they span all of uint8."""
    pinned = representative.copy()
    pinned[0, 0, 0], pinned[0, 0, 1] = 255, 0
    return pinned


def describe_weights(content: bytes, *, file: str, parent: str, scale: float) -> Weights:
    """The manifest's entry for a classifier, read back from the file itself.

    Raises:
        DataError: the file has not one input of grey levels and outputs `logit` and `cam`.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    (image,) = interpreter.get_input_details()
    in_scale, in_zero = image["quantization"]
    # Without a scale of its own the input is cast and scaled inside the file.
    unscaled = in_scale == 0
    as_they_are = unscaled and image["dtype"] == np.uint8
    fits = in_zero == _ZERO_OF.get(image["dtype"]) and abs(in_scale - scale) <= scale * 1e-3
    if not (as_they_are or fits):
        raise DataError(
            f"input is {image['dtype'].__name__} with scale {in_scale:.6f} and zero point "
            f"{in_zero}; expected uint8, {scale:.6f}, 0: the inputs must reach 0 and 255"
        )
    outputs = []
    for index, detail in enumerate(interpreter.get_output_details()):
        name = {2: "logit", 4: "cam"}.get(len(detail["shape"]))
        if name is None:
            shape = tuple(int(side) for side in detail["shape_signature"])
            raise DataError(
                f"{file}: output {index} has the shape {shape}; expected `logit` (N,K) and `cam` "
                "(N,h,w,K)"
            )
        outputs.append(_tensor(name, detail, index))
    return Weights(
        "classifier",
        "tflite",
        file,
        hashlib.sha256(content).hexdigest(),
        len(content),
        parent,
        (_tensor("image", image, 0),),
        tuple(outputs),
    )


def _tensor(name: str, detail: Any, index: int) -> TensorSpec:
    scale, zero = detail["quantization"]
    quantised = bool(scale)
    return TensorSpec(
        name,
        tuple(int(side) for side in detail["shape_signature"]),
        np.dtype(detail["dtype"]).name,
        index,
        float(scale) if quantised else None,
        int(zero) if quantised else None,
    )
