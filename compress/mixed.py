"""INT8 with one layer left in float: the one whose return to float mends the logits most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from compress.layer_errors import LayerError, errors_of, open_debugger
from compress.tflite import converting, tflite_outputs, uint8_function
from edge.contract.types import F32Array, U8Array

# Each try quantises the network again: the worst layers only, and not all the crops.
TRIED_LAYERS = 12
MEASURED_CROPS = 96


@dataclass(frozen=True, eq=False)
class Mixed:
    """A file with one float layer.

    Attributes:
        layer: the one in float.
        rmse_int8: of the logits against float, every layer in INT8.
        rmse: the same for this file.
    """

    content: bytes
    layer: str
    rmse_int8: float
    rmse: float

    @property
    def note(self) -> str:
        """One sentence for a table."""
        return (
            f"{self.layer} in float: logits are off by {self.rmse:.4f} (RMSE, representative "
            f"set), {self.rmse_int8:.4f} with it in INT8"
        )


def quantise_mixed(model: Any, representative: U8Array, scale: float) -> Mixed:
    """Tries the worst layers one by one.

    Args:
        representative: (N,H,W,3) uint8 RGB.
        scale: from uint8 to the model's range.

    Raises:
        DataError: TFLite has no such operation; named.
    """
    debugger = open_debugger(model, representative, scale)
    worst = errors_of(debugger, model)[:TRIED_LAYERS]
    # Spread over the set: crops are sorted by name, so that the first ones are of few patients.
    rows = np.linspace(0, len(representative) - 1, min(MEASURED_CROPS, len(representative)))
    crops = representative[rows.astype(int)]
    expected = uint8_function(model, scale)(crops)["logit"].numpy()
    rmse_int8 = _rmse(debugger.get_nondebug_quantized_model(), crops, expected)
    tried = []
    for error in worst:
        content = _with_float(debugger, error)
        tried.append((_rmse(content, crops, expected), error.layer, content))
    rmse, layer, content = min(tried, key=lambda attempt: attempt[0])
    return Mixed(content, layer, rmse_int8, rmse)


def _with_float(debugger: Any, error: LayerError) -> bytes:
    import tensorflow as tf

    with converting(f"INT8 with {error.layer} in float"):
        debugger.options = tf.lite.experimental.QuantizationDebugOptions(
            denylisted_nodes=[error.tensor]
        )
        return bytes(debugger.get_nondebug_quantized_model())


def _rmse(content: bytes, crops: U8Array, expected: F32Array) -> float:
    logits, _ = tflite_outputs(content, crops)
    return float(np.sqrt(np.mean((logits - expected) ** 2)))
