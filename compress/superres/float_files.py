"""Float files of an enhancer on one thread: bytes in and out, turned to float and back.

They are only compared with, never shipped, so no device runtime opens them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from compress.superres.export import LEAST_LEVEL
from compress.superres.systems import RunTiles, as_pictures
from edge.contract.types import F32Array, U8Array

_SCALE = np.float32(1 / 255)


def run_float_tflite(content: bytes, output: str) -> RunTiles:
    """A file of `export.float_tflite` under LiteRT; `output` of its `TileNetwork`."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    image = interpreter.get_input_details()[0]["index"]
    made = interpreter.get_output_details()[0]["index"]

    def one(tile: F32Array) -> F32Array:
        interpreter.set_tensor(image, tile)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(made), np.float32)

    return lambda tiles: _each(tiles, one, output)


def run_float_onnx(content: bytes, output: str) -> RunTiles:
    """A file of `onnx_files.float_onnx` under ONNX Runtime; `output` of its `TileNetwork`."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def one(tile: F32Array) -> F32Array:
        return np.asarray(session.run([output], {"image": tile})[0], np.float32)

    return lambda tiles: _each(tiles, one, output)


def _each(tiles: U8Array, one: Callable[[F32Array], F32Array], output: str) -> U8Array:
    made = []
    for tile in tiles:
        levels = np.rint(one(tile[None] * _SCALE) * np.float32(255))
        least = LEAST_LEVEL[output]
        np.clip(levels, least, least + 255, out=levels)
        made.append(as_pictures(tile[None], levels, output))
    return made[0] if len(made) == 1 else np.concatenate(made)
