"""Keras to ONNX, float and INT8 (QDQ): uint8 images in NHWC straight in, `logit` and `cam` out.

INT8 has scales per channel for weights and ranges of the representative set for activations. The
mean over the map stays in float, so that a score has more than 255 values.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from compress.onnx_graph import (
    check_quantised,
    feed_integers,
    kept_in_float,
    plain_resize,
    tidy,
)
from compress.quantise import pin_range
from compress.tflite import uint8_function
from edge.contract.errors import DataError
from edge.contract.manifest import TensorSpec, Weights
from edge.contract.types import U8Array

# Opset 17 is read by ONNX Runtime 1.12 and TensorRT 8.6 on.
OPSET = 17
_CALIBRATION_BATCH = 16
_DTYPES = {1: "float32", 2: "uint8"}


def export_onnx(model: Any, scale: float) -> bytes:
    """The float network, batch norms folded into the convolutions.

    Args:
        model: Keras model with outputs `logit` and `cam`.
        scale: from uint8 to the model's range; a Mul inside the file.

    Raises:
        DataError: ONNX has no such operation; named.
    """
    import tensorflow as tf
    import tf2onnx

    function = uint8_function(model, scale)
    signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8, name="image")]
    with exporting():
        proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    check_known(proto)
    plain_resize(proto.graph)
    tidy(proto)
    return bytes(proto.SerializeToString(deterministic=True))


def check_known(proto: Any) -> None:
    """Raises DataError, naming them, for operations that ONNX has not: the exporter only logs."""
    from onnx import defs

    unknown = sorted({node.op_type for node in proto.graph.node if not defs.has(node.op_type)})
    if unknown:
        raise DataError(
            f"ONNX cannot be made: it has no {', '.join(unknown)}; build the network from other "
            "layers"
        )


def quantise_onnx(content: bytes, representative: U8Array) -> bytes:
    """INT8 by QuantizeLinear and DequantizeLinear round every convolution, outputs in float32.

    Args:
        content: of `export_onnx`.
        representative: (N,H,W,3) uint8 RGB.

    Raises:
        DataError: an operation before the last convolution stays in float; named.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        floats, prepared, quantised = (Path(folder) / f"{name}.onnx" for name in "fpq")
        floats.write_bytes(content)
        quant_pre_process(floats, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            quantised,
            calibration_reader(pin_range(representative)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=kept_in_float(onnx.load(prepared).graph),
        )
        proto = onnx.load(quantised)
    feed_integers(proto.graph)
    tidy(proto)
    check_quantised(proto.graph)
    return bytes(proto.SerializeToString(deterministic=True))


def describe_onnx(content: bytes, *, file: str, parent: str) -> Weights:
    """The manifest's entry for a classifier, read back from the file itself.

    Raises:
        DataError: the file has not a uint8 `image` and float32 `logit` and `cam`.
    """
    import onnx

    graph = onnx.load_from_string(content).graph
    inputs = [_tensor(value, index) for index, value in enumerate(graph.input)]
    outputs = [_tensor(value, index) for index, value in enumerate(graph.output)]
    found = {(spec.name, spec.dtype) for spec in (*inputs, *outputs)}
    expected = {("image", "uint8"), ("logit", "float32"), ("cam", "float32")}
    if found != expected:
        raise DataError(
            f"{file} has the tensors {sorted(found)}; expected {sorted(expected)}: export it with "
            "`export_onnx`"
        )
    return Weights(
        "classifier",
        "onnx",
        file,
        hashlib.sha256(content).hexdigest(),
        len(content),
        parent,
        tuple(inputs),
        tuple(outputs),
    )


@contextmanager
def exporting() -> Iterator[None]:
    """Turns the exporter's complaint into a DataError that names it."""
    try:
        yield
    except (NotImplementedError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0][:300]
        raise DataError(
            f"ONNX cannot be made: {reason}; build the network from other layers"
        ) from error


def calibration_reader(images: np.ndarray) -> Any:
    """What ONNX Runtime takes ranges from: (N,H,W,3) of the kind that the graph's input wants."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Batches of the representative set, once."""

        def __init__(self) -> None:
            starts = range(0, len(images), _CALIBRATION_BATCH)
            self.batches = iter([{"image": images[at : at + _CALIBRATION_BATCH]} for at in starts])

        def get_next(self) -> dict[str, np.ndarray] | None:
            """The next one, None at the end."""
            return next(self.batches, None)

    return Reader()


def _tensor(value: Any, index: int) -> TensorSpec:
    kind = value.type.tensor_type
    sides = tuple(-1 if side.dim_param else side.dim_value for side in kind.shape.dim)
    return TensorSpec(value.name, sides, _DTYPES.get(kind.elem_type, str(kind.elem_type)), index)
