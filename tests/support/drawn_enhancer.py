"""A tiny enhancer whose answers can be computed by hand, as INT8 TFLite and as ONNX.

Each of the four pixels that one becomes is the mean of its neighbours, as bilinear enlargement has
it: 9/16 of the nearest, 3/16 of each beside it, 1/16 across. The weights are whole 64ths, so INT8
gives them exactly; outside of a tile it sees black.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.bundle import MANIFEST, Bundle, open_bundle
from edge.contract.manifest import (
    SCHEMA_VERSION,
    Enhancer,
    EnhancerParity,
    EnhancerRuntimeParity,
    Evaluation,
    Golden,
    Manifest,
    Metric,
    RepresentativeSet,
    TensorSpec,
    Weights,
)
from edge.contract.manifest_json import format_manifest
from edge.contract.preprocess import Preprocessing
from edge.contract.types import U8Array
from tests.edge.runtimes.drawn_networks import pack_tflite, tflite_tensor

TILE_PX, MARGIN_PX = 16, 2
SCALE, ZERO = 1 / 255, -128
SHARES = np.array([[[4, 12, 0], [12, 36, 0], [0, 0, 0]]])


def draw_pictures(count: int, seed: int = 0, side_px: int = TILE_PX) -> U8Array:
    """(count, side_px, side_px, 3) uint8, rough and smooth places both."""
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (count, side_px, side_px, 3))
    rough[:, : side_px // 2] = rng.integers(0, 256, (count, 1, 1, 3))
    return np.asarray(rough, np.uint8)


def _kernel() -> np.ndarray:
    """(12, 3, 3, 3) in 64ths: 4 places of 3 channels; rows, columns, channels in."""
    corner = SHARES[0]
    places = (corner, corner[:, ::-1], corner[::-1], corner[::-1, ::-1])
    kernel = np.zeros((12, 3, 3, 3), np.int8)
    for place, share in enumerate(places):
        for channel in range(3):
            kernel[3 * place + channel, :, :, channel] = share
    return kernel


def expected_pictures(batch: U8Array) -> U8Array:
    """What the network must give for (N,h,w,3), by NumPy alone: (N,2h,2w,3)."""
    n, height, width, _ = batch.shape
    padded = np.pad(batch.astype(np.int64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    out = np.zeros((n, height, width, 12), np.int64)
    for row in range(3):
        for column in range(3):
            seen = padded[:, row : row + height, column : column + width]
            out += seen @ _kernel()[:, row, column].T.astype(np.int64)
    places = ((out + 32) // 64).reshape(n, height, width, 2, 2, 3)
    return np.asarray(
        places.transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * height, 2 * width, 3), np.uint8
    )


def draw_tflite_enhancer() -> bytes:
    """Conv2D and DepthToSpace, INT8 from input to output."""
    from ai_edge_litert import schema_py_generated as schema

    kinds, builtin, kind = schema.TensorType, schema.BuiltinOperator, schema.BuiltinOptions
    model, side = schema.ModelT(), TILE_PX
    model.version, model.buffers = 3, [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors = [
        _quantised(tflite_tensor(schema, model, *tensor), scale, zero)
        for *tensor, scale, zero in (
            ("image", (1, side, side, 3), kinds.INT8, None, SCALE, ZERO),
            ("kernel", (12, 3, 3, 3), kinds.INT8, _kernel(), 1 / 64, 0),
            ("bias", (12,), kinds.INT32, np.zeros(12, np.int32), SCALE / 64, 0),
            ("places", (1, side, side, 12), kinds.INT8, None, SCALE, ZERO),
            ("enlarged", (1, 2 * side, 2 * side, 3), kinds.INT8, None, SCALE, ZERO),
        )
    ]
    graph.inputs, graph.outputs = [0], [4]
    conv, spread = schema.Conv2DOptionsT(), schema.DepthToSpaceOptionsT()
    conv.padding, conv.strideW, conv.strideH = schema.Padding.SAME, 1, 1
    spread.blockSize = 2
    steps = [
        (builtin.CONV_2D, kind.Conv2DOptions, conv, [0, 1, 2], [3]),
        (builtin.DEPTH_TO_SPACE, kind.DepthToSpaceOptions, spread, [3], [4]),
    ]
    return pack_tflite(schema, model, graph, steps)


def _quantised(tensor: Any, scale: float, zero: int) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero]
    return tensor


def draw_onnx_enhancer(output: str = "enlarged") -> bytes:
    """The same with a uint8 input and output, which is called `output`."""
    from onnx import TensorProto, checker, helper, numpy_helper

    kernel = (_kernel().transpose(0, 3, 1, 2) / 64).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["chw"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["chw", "kernel"], ["places"], pads=[1, 1, 1, 1]),
        helper.make_node("DepthToSpace", ["places"], ["large"], blocksize=2),
        helper.make_node("Round", ["large"], ["whole"]),
        helper.make_node("Transpose", ["whole"], ["hwc"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["hwc"], [output], to=TensorProto.UINT8),
    ]
    image, enlarged = (
        helper.make_tensor_value_info(name, TensorProto.UINT8, ["n", side, side, 3])
        for name, side in (("image", TILE_PX), (output, 2 * TILE_PX))
    )
    graph = helper.make_graph(
        nodes, "drawn", [image], [enlarged], [numpy_helper.from_array(kernel, "kernel")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def describe_enhancer(content: bytes, format_: str, tile_px: int = TILE_PX) -> Weights:
    """The manifest's entry of the drawn enhancer."""
    dtype, scale, zero = ("int8", SCALE, ZERO) if format_ == "tflite" else ("uint8", None, None)
    side = tile_px
    return Weights(
        "enhancer",
        format_,
        f"enhancer.{format_}",
        hashlib.sha256(content).hexdigest(),
        len(content),
        "0" * 64,
        (TensorSpec("image", (-1, side, side, 3), dtype, 0, scale, zero),),
        (TensorSpec("enlarged", (-1, 2 * side, 2 * side, 3), dtype, 0, scale, zero),),
    )


def draw_section(**changes: Any) -> Enhancer:
    """The manifest's section of the drawn enhancer."""
    runs = (EnhancerRuntimeParity("onnx", "onnx", 34.9, 3.0),)
    parity = EnhancerParity(8, 35.0, 34.9, 33.4, runs)
    content = {"factor": 2, "tile_px": TILE_PX, "margin_px": MARGIN_PX, "parity": parity}
    return Enhancer(**content | changes)


def draw_enhancer_manifest(weights: tuple[Weights, ...], **changes: Any) -> Manifest:
    """A manifest of an enhancer, unless `changes` says otherwise."""
    metrics = {
        "psnr_db": Metric(34.9, 34.5, 35.2),
        "psnr_gain_db": Metric(1.5, 1.4, 1.6),
        "ssim": Metric(0.95, 0.94, 0.96),
    }
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "bundle_id": "drawn-superres-1",
        "version": 1,
        "created_utc": "2026-01-02T00:00:00+00:00",
        "source_revision": "drawn",
        "intended_use": "Tests.",
        "limitations": ("It invents pixels.",),
        "task": "malaria-superres",
        "weights": weights,
        "preprocessing": Preprocessing(TILE_PX, mask="none", padding="none"),
        "enhancer": draw_section(),
        "evaluation": (Evaluation("drawn", "enhancer", "raw", 2, 2, 8, metrics, "none"),),
        "representative_set": RepresentativeSet("0" * 64, {}),
        "golden": Golden("golden/input.npy", {"image": "golden/image.npy"}, {"image": 1.0}),
        "files": {},
    }
    return Manifest(**content | changes)


def write_enhancer_bundle(folder: Path, **changes: Any) -> Bundle:
    """A bundle of the drawn enhancer, TFLite and ONNX, with golden tensors by NumPy."""
    pictures = draw_pictures(3, 7)
    golden = {"input": pictures, "image": expected_pictures(pictures)}
    files = {f"golden/{name}.npy": _npy(array) for name, array in golden.items()}
    listed = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    weights = []
    for format_, data in (("tflite", draw_tflite_enhancer()), ("onnx", draw_onnx_enhancer())):
        weights.append(describe_enhancer(data, format_))
        files[weights[-1].file] = data
    manifest = draw_enhancer_manifest(tuple(weights), **{"files": listed} | changes)
    files[MANIFEST] = format_manifest(manifest).encode()
    for name, data in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(data)
    return open_bundle(folder)


def _npy(array: np.ndarray) -> bytes:
    buffer = BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
