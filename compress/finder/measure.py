"""A finder's files beside their float parent, on the fields that its fold held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.cell_grid import GridSettings
from edge.contract.errors import DataError
from edge.contract.images import read_image
from edge.contract.manifest import FinderParity, FinderRuntimeParity, Weights
from edge.contract.types import F32Array, Frame, U8Array
from edge.runtimes.litert import LiteRTRuntime
from edge.runtimes.onnx import OnnxRuntime
from edge.screening.finder import FinderNetwork
from train.bootstrap import Figure
from train.fields.callers import Field, join
from train.fields.finding import finding_figures
from train.fields.matching import assign, iou
from train.fields.readings import FieldReading
from train.fields.truth import FieldTruth

FLOAT = "float"
# What quantisation may cost of recall or precision, and how many cells it may change.
MAX_LOSS, LEAST_AGREEMENT = 0.01, 0.95
# Two boxes are of one cell.
_SAME_CELL_IOU = 0.7


@dataclass(frozen=True, eq=False)
class KerasGrid:
    """A Keras finder that answers as a `Runtime` does."""

    model: Any

    def grid(self, image: U8Array) -> F32Array:
        """(h,w,CHANNELS) float32 of one (H,W,3) uint8 image."""
        return np.asarray(self.model(image[None].astype(np.float32) / 255))[0]


def read_with(
    grid_of: Any, settings: GridSettings, truths: Sequence[FieldTruth]
) -> list[FieldReading]:
    """Every field with one form of the finder.

    Args:
        grid_of: what has a method `grid`: a runtime, or the float parent.
    """
    network = FinderNetwork(grid_of, settings)
    return [_read(network, truth) for truth in truths]


def _read(network: FinderNetwork, truth: FieldTruth) -> FieldReading:
    image = read_image(truth.path)
    cells = network.find(Frame(image, truth.name))
    boxes = [(one.left_px, one.top_px, one.width_px, one.height_px) for one in cells]
    height_px, width_px = image.shape[:2]
    return FieldReading(
        truth.name,
        -1,
        width_px,
        height_px,
        "",
        np.array(boxes, np.int32).reshape(-1, 4),
        np.array([one.kind for one in cells], "U8"),
        np.array([one.at_border for one in cells], bool),
    )


@dataclass(frozen=True, eq=False)
class Compared:
    """The same fields read by the float parent and by each file on its runtime."""

    fields: dict[str, list[Field]]

    def figures(self, system: str) -> dict[str, Figure]:
        """Recall, precision and the rest of one system; all fields count."""
        fields = self.fields[system]
        return finding_figures(fields, [True] * len(fields))

    def agreement(self, system: str) -> float:
        """Cells found by it and by the float parent, over the mean of what each found."""
        both = found = 0
        for one, other in zip(self.fields[FLOAT], self.fields[system], strict=True):
            first, second = (f.reading.boxes_px[f.reading.red] for f in (one, other))
            overlap = iou(first, second)
            both += len(assign(np.where(overlap >= _SAME_CELL_IOU, overlap, 0.0)))
            found += len(first) + len(second)
        return round(2 * both / max(found, 1), 5)


def compare(
    model: Any,
    files: Sequence[tuple[Weights, bytes]],
    settings: GridSettings,
    truths: Sequence[FieldTruth],
    tell: Callable[[str], None] = lambda _text: None,
) -> Compared:
    """Reads the fields with the float parent and with each file on its runtime.

    Raises:
        RuntimeUnavailableError: LiteRT or ONNX Runtime refuses its file.
    """
    kinds = {"tflite": LiteRTRuntime, "onnx": OnnxRuntime}
    systems: dict[str, Any] = {FLOAT: KerasGrid(model)}
    for weights, content in files:
        runtime = kinds[weights.format](content, weights, threads=1)
        systems[runtime.name] = runtime
    fields = {}
    for name, system in systems.items():
        tell(f"{name}: {len(truths)} fields")
        fields[name] = join(truths, read_with(system, settings, truths))
    return Compared(fields)


def parity_of(compared: Compared, formats: dict[str, str]) -> FinderParity:
    """The manifest's section; `formats` of each runtime.

    Raises:
        DataError: a file finds other cells than its parent, or fewer; nothing is packed of it.
    """
    figures = {name: compared.figures(name) for name in compared.fields}
    runtimes = tuple(
        FinderRuntimeParity(name, format_, compared.agreement(name))
        for name, format_ in formats.items()
    )
    worst = {
        key: min(figures[name][key].value for name in formats) for key in ("recall", "precision")
    }
    for key, value in worst.items():
        if figures[FLOAT][key].value - value > MAX_LOSS:
            raise DataError(
                f"INT8 has a {key} of {value:.4f}, its float parent {figures[FLOAT][key].value:.4f}"
                f"; at most {MAX_LOSS} less ships: use more representative fields"
            )
    for run in runtimes:
        if run.cells_agree_fraction < LEAST_AGREEMENT:
            raise DataError(
                f"{run.runtime} finds {run.cells_agree_fraction:.2%} of its parent's cells; at "
                f"least {LEAST_AGREEMENT:.0%} ship: use more representative fields"
            )
    fields = compared.fields[FLOAT]
    return FinderParity(
        n_fields=len(fields),
        n_cells=sum(int(one.fair.true_counts.sum()) for one in fields),
        recall_float=round(figures[FLOAT]["recall"].value, 5),
        recall_int8=round(worst["recall"], 5),
        precision_float=round(figures[FLOAT]["precision"].value, 5),
        precision_int8=round(worst["precision"], 5),
        runtimes=runtimes,
    )
