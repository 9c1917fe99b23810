"""Bundles of drawn networks, with manifests that say as much as a test needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from edge.contract.bundle import MANIFEST, Bundle, open_bundle
from edge.contract.manifest import (
    SCHEMA_VERSION,
    ErrorRate,
    Golden,
    Manifest,
    Novelty,
    OperatingPoint,
    Parity,
    RepresentativeSet,
    RuntimeParity,
    ScoreCalibration,
    TensorSpec,
    Weights,
)
from edge.contract.manifest_json import format_manifest
from edge.contract.preprocess import Preprocessing
from tests.edge.runtimes.drawn_networks import (
    SIZE_PX,
    Mix,
    draw_cells,
    draw_onnx,
    draw_tflite,
    expected_scores,
)


def describe(content: bytes, format_: str, n_outputs: int, role: str = "classifier") -> Weights:
    """The manifest's entry of a drawn network."""
    side = SIZE_PX // 2
    return Weights(
        role,
        format_,
        f"drawn.{format_}" if role == "classifier" else f"{role}.{format_}",
        hashlib.sha256(content).hexdigest(),
        len(content),
        "0" * 64,
        (TensorSpec("image", (-1, SIZE_PX, SIZE_PX, 3), "uint8", 0),),
        (
            TensorSpec("cam", (-1, side, side, n_outputs), "float32", 0),
            TensorSpec("logit", (-1, n_outputs), "float32", 1),
        ),
    )


def draw_manifest(weights: tuple[Weights, ...], **changes: Any) -> Manifest:
    """A manifest of three kinds of X-ray, unless `changes` says otherwise."""
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "bundle_id": "drawn-1",
        "version": 1,
        "created_utc": datetime(2026, 1, 2, tzinfo=UTC).isoformat(),
        "source_revision": "drawn",
        "intended_use": "Tests.",
        "limitations": (),
        "task": "cxr-covid",
        "labels": ("normal", "pneumonia", "covid"),
        "score_meaning": "P of the label called",
        "weights": weights,
        "preprocessing": Preprocessing(SIZE_PX, mask="none"),
        "score_calibration": ScoreCalibration(),
        "novelty_threshold": None,
        "evaluation": (),
        "representative_set": RepresentativeSet("0" * 64, {}),
        "golden": Golden("input.npy", {}, {}),
        "parity": Parity(
            8, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, (RuntimeParity("onnx", "onnx", 8, 0.01, 1.0),)
        ),
        "files": {},
    }
    return Manifest(**content | changes)


def draw_point(threshold: float = 0.5) -> OperatingPoint:
    rate = ErrorRate(0.95, 1000, 20, 100.0)
    return OperatingPoint(threshold, "drawn", "half way", 0.95, rate, rate)


def draw_novelty(**changes: Any) -> Novelty:
    """The manifest's section of a drawn novelty network."""
    rate = ErrorRate(0.01, 1000, 20, 100.0)
    content: dict[str, Any] = {
        "foreign_threshold": 0.6,
        "most_foreign_share": 0.5,
        "chosen_on": "drawn",
        "rule": "half way",
        "target_false_alarm": 0.02,
        "false_alarm": rate,
        "false_refusal": rate,
        "golden": Golden("golden/input.npy", {}, {}),
        "representative_set": RepresentativeSet("0" * 64, {}),
        "parity": Parity(8, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0),
    }
    return Novelty(**content | changes)


def write_bundle(
    folder: Path,
    mix: int | Mix = 3,
    novelty: Mix | None = None,
    novelty_settings: Mapping[str, Any] = MappingProxyType({}),
    **changes: Any,
) -> Bundle:
    """A bundle of drawn networks, TFLite and ONNX, with golden tensors by NumPy.

    Args:
        novelty: of a second network.
        novelty_settings: changes of its section, see `draw_novelty`.
    """
    mixes = {"classifier": mix} | ({"novelty": novelty} if novelty else {})
    files = {f"golden/{name}.npy": _npy(array) for name, array in _golden_tensors(mixes).items()}
    listed = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    weights = []
    for role, each in mixes.items():
        n_outputs = each if isinstance(each, int) else len(each.middles)
        for name, data in (("tflite", draw_tflite(each)), ("onnx", draw_onnx(each))):
            weights.append(describe(data, name, n_outputs, role))
            files[weights[-1].file] = data
    content = {"golden": _golden(""), "files": listed}
    if novelty:
        section = draw_novelty(**{"golden": _golden("novelty-")} | novelty_settings)
        content |= {"novelty": section, "novelty_threshold": 0.5}
    files[MANIFEST] = format_manifest(draw_manifest(tuple(weights), **content | changes)).encode()
    for name, data in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(data)
    return open_bundle(folder)


def _golden_tensors(mixes: dict[str, Any]) -> dict[str, np.ndarray]:
    cells = draw_cells(5, 7)
    tensors = {"input": cells}
    for role, mix in mixes.items():
        scores, prefix = expected_scores(cells, mix), "" if role == "classifier" else f"{role}-"
        tensors |= {f"{prefix}logit": scores.logits, f"{prefix}cam": scores.cams}
    return tensors


def _golden(prefix: str) -> Golden:
    outputs = {name: f"golden/{prefix}{name}.npy" for name in ("logit", "cam")}
    return Golden("golden/input.npy", outputs, dict.fromkeys(outputs, 1e-3))


def _npy(array: np.ndarray) -> bytes:
    buffer = BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def write_two_label_bundle(folder: Path, **changes: Any) -> Bundle:
    """A drawn bundle of two labels, which reads no fields unless `changes` says so."""
    two = {
        "task": "cxr-pneumonia",
        "labels": ("normal", "pneumonia"),
        "positive_label": "pneumonia",
        "operating_point": draw_point(),
    }
    return write_bundle(folder, 1, **two | changes)
