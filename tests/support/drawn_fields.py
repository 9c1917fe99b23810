"""Three collections of painted fields in their layouts, and networks of folds that read them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from compress.fields.fold_models import FoldModel, MadeModel, write_fold_models
from edge.contract.images import encode_image
from edge.contract.labels import STAGES
from edge.contract.preprocess import Preprocessing
from tests.edge.runtimes.drawn_bundles import describe
from tests.edge.runtimes.drawn_networks import SIZE_PX, Mix, draw_tflite
from tests.support.painted_field import (
    CLASSIFIER,
    COLUMNS,
    INFECTED,
    RADIUS_PX,
    SPACING_PX,
    paint_field,
)
from train.scores import Scores
from train.splits import fold_of

N_CELLS = 40
# Of a stage: red alone, so that every infected cell is a ring.
STAGE_MIX = Mix(((1, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)), (0.0, 64.0, 64.0, 64.0))
FAMILIES = {
    "malaria-cells": CLASSIFIER,
    "malaria-cells-nih": CLASSIFIER,
    # Its first logit parts them as the classifiers do; the second says that nothing is foreign.
    "malaria-novelty-nih": Mix((*CLASSIFIER.shares, (0, -1, 0)), (*CLASSIFIER.middles, -98.0)),
}


@dataclass(frozen=True)
class DrawnWorld:
    """Where everything lies; iml-fields has a field a fold, of which the first is clean."""

    data: Path
    models: Path


def write_world(root: Path) -> DrawnWorld:
    """Collections and networks; every figure of them is known."""
    data = root / "data"
    _write_iml(data)
    _write_chula(data)
    _write_bccd(data)
    write_models(root / "models")
    return DrawnWorld(data, root / "models")


def cells_of(number: int) -> list[str]:
    """The letters of a field's cells: as many infected ones as its number says."""
    return [INFECTED] * number + [""] * (N_CELLS - number)


def box_of(index: int) -> dict[str, int]:
    """Where `paint_field` puts a cell."""
    row, column = divmod(index, COLUMNS)
    left, top = 40 + SPACING_PX * column - RADIUS_PX, 40 + SPACING_PX * row - RADIUS_PX
    side = 2 * RADIUS_PX + 1
    return {"left_px": left, "top_px": top, "width_px": side, "height_px": side}


def write_models(folder: Path) -> None:
    """Drawn networks of five folds, with the scores of cells that they would part."""
    made = []
    for fold in range(5):
        for family, mix in FAMILIES.items():
            labels = ("uninfected", "parasitised")
            made.append(_model(family, fold, labels, mix, _scores(fold)))
        made.append(_model("malaria-stages-student", fold, STAGES, STAGE_MIX, None))
    write_fold_models(folder, made)


def _model(
    family: str, fold: int, labels: tuple[str, ...], mix: Mix, scores: Scores | None
) -> MadeModel:
    content = draw_tflite(mix)
    file = f"{family}/fold{fold}.tflite"
    weights = replace(describe(content, "tflite", len(mix.middles)), file=file)
    threshold = None if scores is None else 0.5
    spec = Preprocessing(SIZE_PX)
    model = FoldModel(family, fold, f"{family}/fold{fold}", labels, spec, weights, threshold)
    return MadeModel(model, content, scores, "nih-cells")


def _scores(fold: int) -> Scores:
    label = np.tile([0, 1], 20).astype(np.int8)
    return Scores(
        np.array([f"{fold}-{n}" for n in range(40)]),
        np.array([f"C{fold}{n % 4}" for n in range(40)]),
        label,
        (0.6 * label - 0.3).astype(np.float32),
    )


def _write_image(folder: Path, name: str, cells: list[str]) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    image = paint_field(cells).image
    (folder / "images" / name).write_bytes(encode_image(image, ".jpg", quality=98))


def _write_iml(data: Path) -> None:
    folder, of_block = data / "iml-fields", fold_of("iml-cells")
    content = []
    for fold in range(5):
        block = next(name for name, of in of_block.items() if of == fold)
        cells, name = cells_of(fold), f"F{fold}.JPG"
        _write_image(folder, name, cells)
        labelled = [
            box_of(index) | {"label": "ring" if cell else "red blood cell"}
            for index, cell in enumerate(cells)
        ]
        number = int(block.removeprefix("block"))
        content.append({"file": name, "block": number, "cells": labelled})
    (folder / "cells.json").write_text(json.dumps(content))


def _write_chula(data: Path) -> None:
    folder, lines = data / "chula-fields", ["file,x_px,y_px,rbc_type"]
    for name in ("1.jpg", "2.jpg"):
        _write_image(folder, name, cells_of(0))
        for index in range(N_CELLS):
            box = box_of(index)
            lines.append(f"{name},{box['left_px'] + RADIUS_PX},{box['top_px'] + RADIUS_PX},0")
    (folder / "points.csv").write_text("\n".join(lines) + "\n")


def _write_bccd(data: Path) -> None:
    folder, content = data / "bccd-fields", []
    for name in ("B1.jpg", "B2.jpg"):
        _write_image(folder, name, cells_of(0))
        cells = [box_of(index) | {"label": "RBC"} for index in range(N_CELLS)]
        # A platelet that is not painted, so not found.
        cells.append(box_of(N_CELLS + 5) | {"label": "Platelets"})
        content.append({"file": name, "cells": cells})
    (folder / "cells.json").write_text(json.dumps(content))
