"""Whether the integers say on this device what their float parent says.

Where there is a float file, both see the same cells. Where there is none, all that can be said is
how near the device comes to the bundle's stored answers; that compares the integers with
themselves elsewhere, and is named so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.analysis.cells import find_cells
from edge.bench.bare import BareModel, open_bare
from edge.cameras.smear import draw_field
from edge.cameras.smear_settings import SmearSettings
from edge.contract.errors import DataError
from edge.contract.preprocess import prepare_cells
from edge.contract.types import F32Array, Frame, U8Array
from edge.enhancement.enhancer import Enhancer
from edge.screening.calls import logit_at
from edge.screening.classifier import Classifier
from edge.screening.screener import Screener
from edge.selftest import self_test

FLOAT, GOLDEN = "INT8 against float", "golden tensors"
_SEED = 5


@dataclass(frozen=True)
class Agreement:
    """How near the answers are, in logits (of an enhancer: grey levels).

    Attributes:
        kind: FLOAT or GOLDEN.
        to: what the device's answers were compared with.
        calls_agree: share of the cells that both call alike; None of golden tensors.
        is_parent: whether the float file is the very one that the manifest names as parent.
    """

    kind: str
    to: str
    n_cells: int
    mean_abs: float | None
    most_abs: float
    calls_agree: float | None
    is_parent: bool | None


def measure_agreement(opened: Classifier | Enhancer, float_file: Path | None) -> Agreement:
    """Agreement with the float file, else with the golden tensors.

    Raises:
        DataError: the file cannot be opened, or has other inputs or outputs than the bundle's.
    """
    if float_file is None:
        return _golden(opened)
    if isinstance(opened, Enhancer):
        raise DataError("an enhancer's agreement with float is in its manifest; leave out --float")
    cells = _cells(opened)
    model = open_bare(float_file, opened.runtime.threads)
    found = opened.runtime.run(cells).logits
    expected = _float_logits(model, cells, opened.bundle.manifest.preprocessing.scale, found.shape)
    apart = np.abs(found - expected)
    agree = _calls(opened, found) == _calls(opened, expected)
    return Agreement(
        FLOAT,
        f"{model.name} ({model.sha256[:12]})",
        len(cells),
        round(float(apart.mean()), 5),
        round(float(apart.max()), 5),
        round(float(agree.mean()), 5),
        model.sha256 == opened.runtime.weights.parent,
    )


def _golden(opened: Classifier | Enhancer) -> Agreement:
    passed = self_test(opened.bundle, opened.runtime)
    most = max(passed.differences.values())
    to = "the bundle's own stored answers of the INT8 file; says nothing of float"
    return Agreement(GOLDEN, to, passed.n_cells, None, round(most, 5), None, None)


def _cells(opened: Classifier) -> U8Array:
    """Golden cells; where the bundle reads fields, those of a drawn field, too."""
    manifest = opened.bundle.manifest
    golden = opened.bundle.array(manifest.golden.input_file).astype(np.uint8)
    if not isinstance(opened, Screener):
        return golden
    frame = Frame(draw_field(SmearSettings(parasitaemia_fraction=0.2), _SEED, 0).image, "drawn")
    boxes = [box for box in find_cells(frame) if box.kind == "rbc" and min(box.mask.shape) > 5]
    return np.concatenate([golden, prepare_cells(frame.image, boxes, manifest.preprocessing)])


def _float_logits(
    model: BareModel, cells: U8Array, scale: float, shape: tuple[int, ...]
) -> F32Array:
    """Of each cell alone: a file may know no batches."""
    feed, plain, outputs = model.feed((1, *cells.shape[1:])), model.takes_grey_levels, []
    for cell in cells:
        image = cell[None] if plain else cell[None] * np.float32(scale)
        try:
            logits = [output for output in feed(image) if output.ndim == 2]
        except (ValueError, RuntimeError) as error:
            raise DataError(f"{model.name} does not take the bundle's cells: {error}") from error
        outputs.append(logits)
    counts = {len(found) for found in outputs}
    if counts != {1} or outputs[0][0].size != (shape[1] if len(shape) > 1 else 1):
        raise DataError(f"{model.name} has other outputs than the bundle: one of logits is needed")
    return np.asarray(np.concatenate([found[0] for found in outputs]), np.float32).reshape(shape)


def _calls(opened: Classifier, logits: F32Array) -> np.ndarray:
    manifest = opened.bundle.manifest
    if logits.ndim > 1 or manifest.operating_point is None:
        return np.asarray(logits.argmax(axis=1))
    point = manifest.field_operating_point or manifest.operating_point
    return np.asarray(logits >= logit_at(point.threshold, manifest.score_calibration))
