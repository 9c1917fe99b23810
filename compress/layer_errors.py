"""Where INT8 loses: the error of every operation's own output against the same one in float.

Each operation is given the quantised values of those before it, so that an error counts where it
is made. TensorFlow's quantisation debugger does the measuring.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compress.quantise import pin_range
from compress.tflite import converting, output_tensors, uint8_converter
from edge.contract.types import U8Array


@dataclass(frozen=True)
class LayerError:
    """The error that one operation adds.

    Attributes:
        layer: name of the Keras layer.
        kind: the operation in TFLite's spelling, "CONV_2D".
        rmse: root of the mean squared difference to float, in the units of the output.
        step: one step of the output's quantisation, same units.
        tensor: name of its output in the file.
    """

    layer: str
    kind: str
    rmse: float
    step: float
    tensor: str

    @property
    def steps(self) -> float:
        """The error in steps; rounding alone gives 1/sqrt(12), .29."""
        return self.rmse / self.step


def layer_errors(model: Any, representative: U8Array, scale: float) -> tuple[LayerError, ...]:
    """The error of each operation of the INT8 network, worst in its own steps first.

    Args:
        representative: (N,H,W,3) uint8 RGB.
        scale: from uint8 to the model's range.

    Raises:
        DataError: TFLite has no such operation; named.
    """
    return errors_of(open_debugger(model, representative, scale), model)


def open_debugger(model: Any, representative: U8Array, scale: float) -> Any:
    """The calibrated network, from which variants are quantised quickly."""
    import tensorflow as tf

    pinned = pin_range(representative)

    def feed() -> Iterator[list[np.ndarray]]:
        for crop in pinned:
            yield [crop[None]]

    converter = uint8_converter(model, scale)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = feed
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with converting("INT8 layer by layer"):
        return tf.lite.experimental.QuantizationDebugger(converter=converter, debug_dataset=feed)


def errors_of(debugger: Any, model: Any) -> tuple[LayerError, ...]:
    """What an opened debugger measures, worst first."""
    debugger.run()
    text = io.StringIO()
    debugger.layer_statistics_dump(text)
    outputs = output_tensors(debugger.get_nondebug_quantized_model())
    rows = csv.DictReader(io.StringIO(text.getvalue()))
    found = [
        LayerError(
            outputs.get(row["tensor_name"]) or layer_of(row["tensor_name"], model.layers),
            row["op_name"],
            math.sqrt(float(row["mean_squared_error"])),
            float(row["scale"]),
            row["tensor_name"],
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda error: -error.steps))


def layer_of(tensor: str, layers: Sequence[Any]) -> str:
    """The Keras layer that a fused tensor's name speaks of, `plain_cnn/re_lu/Relu6;...`.

    Of several, the one that multiplies; the tensor's own name where there is none.
    """
    named = {layer.name: layer for layer in layers}
    found = [part for part in tensor.replace(";", "/").split("/") if part in named]
    multiplying = [name for name in found if hasattr(named[name], "kernel")]
    return (multiplying or found or [tensor])[0]
