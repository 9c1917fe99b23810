"""`compress finder`: from a fit to the files that ship, measured on the fields of its fold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from compress.finder.export import describe, int8_onnx, int8_tflite
from compress.finder.fold_finders import FittedFinder, read_fitted
from compress.finder.measure import Compared, compare, parity_of
from compress.finder.record import FinderRecord, write_finder
from edge.contract.manifest import Evaluation, RepresentativeSet, Weights
from train.evaluate import as_metric
from train.fields.truth import FieldTruth, read_fields
from train.finder.fields import FOLDER, FOLDS
from train.finder.fit import load_finder
from train.splits import fold_of

FIGURES = ("recall", "precision", "recall_strict", "precision_strict", "count_error_median")
_MAKERS = {"tflite": int8_tflite, "onnx": int8_onnx}


def compress_finder(
    run_dir: Path,
    out: Path,
    data: Path | None = None,
    tell: Callable[[str], None] = lambda _text: None,
) -> FinderRecord:
    """Quantises a finished fit and measures it.

    Args:
        run_dir: of `train finder fit`.
        out: folder of files and record; made where it is missing.

    Raises:
        ConfigError: no finished run of a finder.
        DataError: a field cannot be read, or INT8 finds other cells than its parent.
    """
    fitted = read_fitted(run_dir, data)
    files = []
    for format_, make in _MAKERS.items():
        content = make(fitted.model, fitted.images)
        name = f"finder.int8.{format_}"
        files.append((describe(content, format_, file=name, parent=fitted.parent), content))
    fold = fitted.recipe.held_out_fold
    held_out = [truth for truth in read_fields(FOLDER, data) if _fold(truth) == fold]
    # The exported network has one size; fields have others.
    _, any_size = load_finder(run_dir)
    compared = compare(any_size, files, fitted.recipe.grid, held_out, tell)
    record = _record(fitted, compared, [entry for entry, _ in files])
    out.mkdir(parents=True, exist_ok=True)
    for entry, content in files:
        (out / entry.file).write_bytes(content)
    write_finder(out, record)
    return record


def _fold(truth: FieldTruth) -> int:
    return fold_of(FOLDS)[truth.group]


def _record(fitted: FittedFinder, compared: Compared, weights: list[Weights]) -> FinderRecord:
    fold = fitted.recipe.held_out_fold
    ids = "\n".join(field.name for field in fitted.fields)
    return FinderRecord(
        grid=fitted.recipe.grid,
        fitted_on=f"{FOLDER}, all blocks but those of fold {fold}",
        weights=tuple(weights),
        parity=parity_of(compared, {"litert": "tflite", "onnx": "onnx"}),
        evaluation=(_evaluation(compared, fold),),
        representative_set=RepresentativeSet(
            hashlib.sha256(ids.encode()).hexdigest(), {"field": len(fitted.fields)}
        ),
    )


def _evaluation(compared: Compared, fold: int) -> Evaluation:
    figures, fields = compared.figures("litert"), compared.fields["litert"]
    blocks = {one.truth.group for one in fields}
    return Evaluation(
        dataset=FOLDER,
        role=f"finder, blocks of held-out fold {fold}, INT8",
        labels="raw",
        n_patients=len(blocks),
        n_slides=len(blocks),
        n_cells=sum(int(one.fair.true_counts.sum()) for one in fields),
        metrics={name: as_metric(figures[name]) for name in FIGURES},
        command=f"clinicscope compress finder train/records/cell-finder/fold{fold} --out FOLDER",
    )
