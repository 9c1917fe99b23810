"""Static INT8 by ai-edge-quantizer, beside TensorFlow's own converter: the same float file in.

It takes ranges that it saw where the converter takes all of ReLU6's, and leaves outputs in INT8.
The image is cast and quantised inside the file (CAST, QUANTIZE); all else is integer.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from typing import Any

import numpy as np

from compress.quantise import pin_range
from compress.tflite import BOUNDARY_OPS, check_integer, output_tensors
from edge.contract.errors import DataError
from edge.contract.types import U8Array

log = logging.getLogger(__name__)

_CALIBRATION_BATCH = 16
_SIGNATURE = "serving_default"


def quantise_second(
    float_content: bytes, representative: U8Array, *, int16_outputs: bool = False
) -> bytes:
    """INT8 weights per channel and INT8 activations, from a float32 file with a uint8 input.

    Args:
        float_content: TFLite of the variant float32.
        representative: (N,H,W,3) uint8 RGB.
        int16_outputs: INT16 activations in the operations that give `logit` and `cam`, so that a
            score has 65,535 values and not 255.

    Raises:
        DataError: an operation stays in float, or the quantiser refuses the network.
    """
    from ai_edge_quantizer import quantizer, recipe

    worker = quantizer.Quantizer(bytearray(float_content), recipe.static_wi8_ai8())
    if int16_outputs:
        _widen_outputs(worker, float_content)
    # It reports its progress on the terminal.
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()) as said:
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        with contextlib.redirect_stdout(said):
            try:
                ranges = _ranges(worker, pin_range(representative))
                content = bytes(worker.quantize(ranges).quantized_model)
            except (ValueError, RuntimeError) as error:
                raise DataError(
                    f"ai-edge-quantizer refuses the network: {str(error)[:300]}; leave out "
                    "int8-second"
                ) from error
    log.info("second INT8 model has %d bytes", len(content))
    check_integer(content, "INT8 by ai-edge-quantizer", BOUNDARY_OPS | {"CAST"}, at_ends_only=False)
    return content


def _widen_outputs(worker: Any, float_content: bytes) -> None:
    from ai_edge_quantizer.qtyping import TFLOperationName

    names = "|".join(re.escape(name) for name in output_tensors(float_content))
    kinds = ("CONV_2D", "FULLY_CONNECTED", "MEAN", "OUTPUT")
    for kind in kinds:
        worker.add_static_config(
            f"({names})", TFLOperationName[kind], activation_num_bits=16, weight_num_bits=8
        )


def _ranges(worker: Any, crops: U8Array) -> dict[str, dict[str, np.ndarray]]:
    """Least and greatest value of every tensor.

    Its own calibration averages the ranges of successive calls, which for a logit, one value a
    call, gives a range that holds neither class; so each call starts anew and is joined here.
    """
    joined: dict[str, dict[str, np.ndarray]] = {}
    for at in range(0, len(crops), _CALIBRATION_BATCH):
        batch = {"image": crops[at : at + _CALIBRATION_BATCH]}
        for name, seen in worker.calibrate({_SIGNATURE: [batch]}, num_threads=1).items():
            known = joined.setdefault(name, dict(seen))
            known["min"] = np.minimum(known["min"], seen["min"])
            known["max"] = np.maximum(known["max"], seen["max"])
    return joined
