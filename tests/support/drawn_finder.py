"""A finder whose answers can be computed by hand, as TFLite and as ONNX, beside a drawn classifier.

One convolution as large as a cell: what is darker in its middle than in its corners is a cell,
and every cell reaches half a diameter to each side. Beyond the image it sees black, so no cell is
there.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.bundle import MANIFEST, Bundle, open_bundle
from edge.contract.cell_grid import CHANNELS, GridSettings
from edge.contract.manifest import (
    GRID,
    Evaluation,
    Finder,
    FinderParity,
    FinderRuntimeParity,
    Golden,
    Metric,
    RepresentativeSet,
    TensorSpec,
    Weights,
)
from edge.contract.manifest_json import format_manifest
from edge.contract.types import F32Array, U8Array
from tests.edge.runtimes.drawn_networks import pack_tflite, tflite_tensor
from tests.support.painted_field import write_first_opinion

SETTINGS = GridSettings(cell_px=24, stride_px=4, least_score=0.4)
INPUT, OUTPUT = "golden/finder-input.npy", "golden/finder-grid.npy"
_PAD = (SETTINGS.cell_px - SETTINGS.stride_px) // 2
# A cell whose green is 88 levels darker than the glass has a logit of 6.8.
_STEEPNESS, _BIAS, _REACH = 40 / 255, -7.0, 2.0


def _kernel() -> F32Array:
    """(CHANNELS, cell_px, cell_px, 3): outputs, rows, columns, channels; of green alone."""
    side = SETTINGS.cell_px
    at = np.arange(side) + 0.5 - side / 2
    away = np.hypot(at[:, None], at[None, :])
    middle, corners = away < 0.38 * side, away > 0.52 * side
    kernel = np.zeros((CHANNELS, side, side, 3), np.float32)
    kernel[0, :, :, 1] = _STEEPNESS * (corners / corners.sum() - middle / middle.sum())
    return kernel


def _bias() -> F32Array:
    return np.array([_BIAS, *[_REACH] * (CHANNELS - 1)], np.float32)


def expected_grid(image: U8Array) -> F32Array:
    """What the network must say of (H,W,3), by NumPy alone: (H/4,W/4,CHANNELS)."""
    side, step = SETTINGS.cell_px, SETTINGS.stride_px
    padded = np.pad(image.astype(np.float32), ((_PAD, _PAD), (_PAD, _PAD), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    places = windows[::step, ::step]
    said = np.einsum("hwcij,oijc->hwo", places, _kernel(), optimize=True)
    return np.asarray(said + _bias(), np.float32)


def draw_view(height_px: int, width_px: int, seed: int = 0) -> U8Array:
    """(height_px,width_px,3) uint8 of rough colours."""
    rng = np.random.default_rng([seed, height_px, width_px])
    small = rng.integers(0, 256, (height_px // 8, width_px // 8, 3), np.uint8)
    return np.asarray(small.repeat(8, axis=0).repeat(8, axis=1))


def draw_tflite_finder() -> bytes:
    """Cast and Conv2D, of images of any size."""
    from ai_edge_litert import schema_py_generated as schema

    kinds, builtin, kind = schema.TensorType, schema.BuiltinOperator, schema.BuiltinOptions
    model, side, places = schema.ModelT(), 32, 32 // SETTINGS.stride_px
    model.version, model.buffers = 3, [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors = [
        tflite_tensor(schema, model, *tensor)
        for tensor in (
            ("image", (1, side, side, 3), kinds.UINT8, None),
            ("float", (1, side, side, 3), kinds.FLOAT32, None),
            ("kernel", _kernel().shape, kinds.FLOAT32, _kernel()),
            ("bias", (CHANNELS,), kinds.FLOAT32, _bias()),
            (GRID, (1, places, places, CHANNELS), kinds.FLOAT32, None),
        )
    ]
    for index in (0, 1, 4):
        graph.tensors[index].shapeSignature[1:3] = [-1, -1]
    graph.inputs, graph.outputs = [0], [4]
    cast, conv = schema.CastOptionsT(), schema.Conv2DOptionsT()
    cast.inDataType, cast.outDataType = kinds.UINT8, kinds.FLOAT32
    conv.padding = schema.Padding.SAME
    conv.strideW = conv.strideH = SETTINGS.stride_px
    steps = [
        (builtin.CAST, kind.CastOptions, cast, [0], [1]),
        (builtin.CONV_2D, kind.Conv2DOptions, conv, [1, 2, 3], [4]),
    ]
    return pack_tflite(schema, model, graph, steps)


def draw_onnx_finder() -> bytes:
    """The same."""
    from onnx import TensorProto, checker, helper, numpy_helper

    step = SETTINGS.stride_px
    kernel = np.ascontiguousarray(_kernel().transpose(0, 3, 1, 2))
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["chw"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "Conv", ["chw", "kernel", "bias"], ["said"], strides=[step, step], pads=[_PAD] * 4
        ),
        helper.make_node("Transpose", ["said"], [GRID], perm=[0, 2, 3, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "drawn",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", "H", "W", 3])],
        [helper.make_tensor_value_info(GRID, TensorProto.FLOAT, ["n", "h", "w", CHANNELS])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(_bias(), "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def describe_finder(content: bytes, format_: str, **changes: Any) -> Weights:
    """The manifest's entry of a drawn finder."""
    entry = Weights(
        "finder",
        format_,
        f"finder.{format_}",
        hashlib.sha256(content).hexdigest(),
        len(content),
        "0" * 64,
        (TensorSpec("image", (-1, -1, -1, 3), "uint8", 0),),
        (TensorSpec(GRID, (-1, -1, -1, CHANNELS), "float32", 0),),
    )
    return replace(entry, **changes)


def draw_finder_section(**changes: Any) -> Finder:
    """The manifest's section of the drawn finder."""
    runs = (
        FinderRuntimeParity("litert", "tflite", 0.99),
        FinderRuntimeParity("onnx", "onnx", 0.98),
    )
    content: dict[str, Any] = {
        "grid": SETTINGS,
        "fitted_on": "nothing: it is drawn",
        "golden": Golden(INPUT, {GRID: OUTPUT}, {GRID: 1e-3}),
        "representative_set": RepresentativeSet("0" * 64, {"field": 3}),
        "parity": FinderParity(5, 1234, 0.95, 0.94, 0.9, 0.89, runs),
    }
    return Finder(**content | changes)


def write_finder_bundle(folder: Path, **changes: Any) -> Bundle:
    """A bundle of painted fields with the drawn finder, TFLite and ONNX.

    Args:
        changes: of the finder's section.
    """
    first = write_first_opinion(folder)
    image = draw_view(64, 96, 7)[None]
    golden = {INPUT: _npy(image), OUTPUT: _npy(expected_grid(image[0])[None])}
    made = {"tflite": draw_tflite_finder(), "onnx": draw_onnx_finder()}
    entries = tuple(describe_finder(data, name) for name, data in made.items())
    metrics = {"recall": Metric(0.94, 0.93, 0.95)}
    manifest = replace(
        first.manifest,
        weights=first.manifest.weights + entries,
        finder=draw_finder_section(**changes),
        evaluation=(Evaluation("drawn", "finder", "raw", 1, 1, 1234, metrics, "none"),),
        files={**first.manifest.files, **{name: _sha256(data) for name, data in golden.items()}},
    )
    files = golden | {entry.file: made[entry.format] for entry in entries}
    files[MANIFEST] = format_manifest(manifest).encode()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return open_bundle(folder)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _npy(array: np.ndarray) -> bytes:
    buffer = BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
