"""Float files of an enhancer on one thread: bytes in and out, turned to float and back.

They are only compared with, never shipped, so no device runtime opens them.
"""

from __future__ import annotations

import numpy as np

from compress.superres.systems import RunTiles
from edge.contract.types import F32Array, U8Array

_SCALE = np.float32(1 / 255)


def run_float_tflite(content: bytes) -> RunTiles:
    """A file of `export.float_tflite` under LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    image = interpreter.get_input_details()[0]["index"]
    enlarged = interpreter.get_output_details()[0]["index"]

    def one(tile: F32Array) -> F32Array:
        interpreter.set_tensor(image, tile)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(enlarged), np.float32)

    return lambda tiles: _each(tiles, one)


def run_float_onnx(content: bytes) -> RunTiles:
    """A file of `onnx_files.float_onnx` under ONNX Runtime."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def one(tile: F32Array) -> F32Array:
        return np.asarray(session.run(["enlarged"], {"image": tile})[0], np.float32)

    return lambda tiles: _each(tiles, one)


def _each(tiles: U8Array, one: RunTiles) -> U8Array:
    made = [_as_bytes(one(tile[None] * _SCALE)) for tile in tiles]
    return made[0] if len(made) == 1 else np.concatenate(made)


def _as_bytes(values: F32Array) -> U8Array:
    levels = np.rint(values * np.float32(255))
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)
