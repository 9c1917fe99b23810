"""A finder to TFLite and ONNX: full INT8, an image of any size in as it is, the grid out.

The files are made from a network of one size, since exporters write a dilated convolution of any
size as a dozen operations; nothing in them depends on it, and a runtime may resize the input.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from compress.export_onnx import OPSET, check_known, exporting, quantise_onnx
from compress.onnx_graph import tidy
from compress.quantise import pin_range
from compress.tflite import check_integer, converting
from edge.contract.cell_grid import CHANNELS
from edge.contract.errors import DataError
from edge.contract.manifest import GRID, TensorSpec, Weights
from edge.contract.types import U8Array

ROLE = "finder"
_SCALE = np.float32(1 / 255)
_DTYPES = {1: "float32", 2: "uint8"}


def _uint8_function(model: Any) -> Any:
    """The network from uint8 (N,H,W,3) to `grid`, scaled inside."""
    import tensorflow as tf

    signature = [tf.TensorSpec(model.input_shape, tf.uint8, name="image")]

    def run(image: Any) -> Any:
        return {GRID: model(tf.cast(image, tf.float32) * _SCALE, training=False)}

    return tf.function(run, input_signature=signature)


def int8_tflite(model: Any, images: U8Array) -> bytes:
    """Full INT8; the output has a scale of its own.

    Args:
        model: Keras, of `train.models.cell_finder`, of the images' size.
        images: (N,H,W,3) uint8 RGB of training blocks, which set the ranges.

    Raises:
        DataError: an operation stays in float, or TFLite has none for it; named.
    """
    import tensorflow as tf

    def feed() -> Iterator[list[np.ndarray]]:
        for image in pin_range(images):
            yield [image[None].astype(np.float32) * _SCALE]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feed
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type, converter.inference_output_type = tf.uint8, tf.int8
    with converting("full INT8"):
        content: bytes = converter.convert()
    check_integer(content, "full INT8")
    return content


def int8_onnx(model: Any, images: U8Array) -> bytes:
    """INT8 with weights per channel, a uint8 image straight in, the grid out in float32.

    Raises:
        DataError: an operation stays in float, or ONNX has none for it; named.
    """
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec(model.input_shape, tf.uint8, name="image")]
    with exporting():
        proto, _ = tf2onnx.convert.from_function(
            _uint8_function(model), input_signature=signature, opset=OPSET
        )
    check_known(proto)
    tidy(proto)
    content = quantise_onnx(bytes(proto.SerializeToString(deterministic=True)), images)
    return _of_any_size(content)


def _of_any_size(content: bytes) -> bytes:
    import onnx

    proto = onnx.load_from_string(content)
    for end in (*proto.graph.input, *proto.graph.output):
        for axis, name in ((1, "H"), (2, "W")):
            end.type.tensor_type.shape.dim[axis].dim_param = f"{end.name}_{name}"
    return bytes(proto.SerializeToString(deterministic=True))


def describe(content: bytes, format_: str, *, file: str, parent: str) -> Weights:
    """The manifest's entry, read back from the file itself.

    Args:
        parent: SHA-256 of the fit's weights.

    Raises:
        DataError: not one uint8 image of any size in and one grid out.
    """
    image, grid = (_of_tflite if format_ == "tflite" else _of_onnx)(content)
    if (
        image.dtype not in ("uint8", "int8")
        or image.shape[1:] != (-1, -1, 3)
        or grid.shape[-1] != CHANNELS
    ):
        raise DataError(
            f"{file} makes {grid.shape} of {image.dtype} {image.shape}; a finder makes grids of "
            f"{CHANNELS} channels of uint8 images of any size"
        )
    digest = hashlib.sha256(content).hexdigest()
    return Weights(ROLE, format_, file, digest, len(content), parent, (image,), (grid,))


def _of_tflite(content: bytes) -> tuple[TensorSpec, TensorSpec]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    ends = interpreter.get_input_details() + interpreter.get_output_details()
    if len(ends) != 2:
        raise DataError(f"{len(ends)} tensors at the ends; a finder has an image and a grid")
    image, grid = (
        TensorSpec(
            name,
            _any_sides(end["shape_signature"]),
            np.dtype(end["dtype"]).name,
            0,
            float(end["quantization"][0]),
            int(end["quantization"][1]),
        )
        for name, end in zip(("image", GRID), ends, strict=True)
    )
    return image, grid


def _of_onnx(content: bytes) -> tuple[TensorSpec, TensorSpec]:
    import onnx

    graph = onnx.load_from_string(content).graph
    ends = [*graph.input, *graph.output]
    if [end.name for end in ends] != ["image", GRID]:
        raise DataError(f"tensors {[end.name for end in ends]}; a finder has 'image' and {GRID!r}")
    image, grid = (
        TensorSpec(
            end.name,
            _any_sides([side.dim_value or -1 for side in end.type.tensor_type.shape.dim]),
            _DTYPES[end.type.tensor_type.elem_type],
            0,
        )
        for end in ends
    )
    return image, grid


def _any_sides(sides: Any) -> tuple[int, ...]:
    """The channels as they are, any batch, height and width."""
    found = tuple(int(side) for side in sides)
    return (-1, -1, -1, found[-1]) if len(found) == 4 else found
