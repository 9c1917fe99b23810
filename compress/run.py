"""One run of `train fit` to the folder that `pack` makes a bundle of.

Operating points are chosen on validation patients and figures taken on held-out patients, both with
the INT8 model on the runtime that the device uses.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compress.parity import check_parity, measure_parity
from compress.quantise import describe_weights, quantise_int8
from compress.representative import choose_representatives
from edge.contract.errors import ConfigError
from edge.contract.manifest import Evaluation, Metric, OperatingPoint, Weights
from edge.contract.records import to_plain
from edge.contract.types import F32Array
from edge.runtimes.litert import LiteRTRuntime
from train.batches import predict_logits
from train.datasets.base import Example, labels_of, list_examples, load_crops
from train.evaluate import evaluate
from train.fit import split_for
from train.networks import WEIGHTS_FILE, load_network
from train.operating_point import choose_operating_point
from train.recipe import Recipe
from train.splits import Split

RECORD_FILE = "compressed.json"


@dataclass(frozen=True, eq=False)
class Measured:
    """Crops of one part with both models' logits, (N,) each."""

    examples: list[Example]
    float_logits: F32Array
    int8_logits: F32Array

    @property
    def labels(self) -> F32Array:
        """(N,) 0 or 1."""
        return np.array([example.label for example in self.examples], np.float32)

    @property
    def patients(self) -> list[str]:
        """(N,) ids."""
        return [example.patient for example in self.examples]

    @property
    def scores(self) -> F32Array:
        """P(positive) of the INT8 model, (N,)."""
        return np.asarray(1 / (1 + np.exp(-self.int8_logits.astype(np.float64))), np.float32)


def compress_run(run_dir: Path, out_dir: Path, *, data: Path | None = None) -> Path:
    """Quantises, chooses, measures; writes weights, ids and one JSON record into `out_dir`.

    Raises:
        ConfigError: no finished fit, or one that leaves no patients to choose thresholds on.
        DataError: parity fails, an op is not quantised, a class is too small.
    """
    recipe, model = load_network(run_dir)
    if recipe.fit.use_validation:
        raise ConfigError(
            f"{run_dir} was fitted on its validation part too (fit.use_validation), so no patients "
            "are left to choose thresholds on; fit without it"
        )
    examples = list_examples(recipe.dataset, data)
    split = split_for(recipe, examples)
    cache = run_dir.parent / "cache"
    chosen = choose_representatives(
        split.part_of(examples, "train"), labels_of(recipe.dataset), recipe.seed
    )
    scale = recipe.preprocessing.scale
    content = quantise_int8(model, load_crops(chosen.examples, recipe.preprocessing, cache), scale)
    parent = hashlib.sha256((run_dir / WEIGHTS_FILE).read_bytes()).hexdigest()
    file = f"{recipe.task}.int8.tflite"
    weights = describe_weights(content, file=file, parent=parent, scale=scale)
    runtime = LiteRTRuntime(content, weights)
    parts = {
        name: _measure(recipe, model, runtime, split.part_of(examples, name), cache)
        for name in ("validation", "test")
    }
    record = _record(recipe, split, weights, parts) | {
        "representative_set": to_plain(chosen.describe())
    }
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / file).write_bytes(content)
    chosen.write_ids(out_dir / "representative_ids.txt")
    (out_dir / RECORD_FILE).write_text(json.dumps(record, indent=1) + "\n")
    return out_dir


def _measure(
    recipe: Recipe, model: Any, runtime: LiteRTRuntime, examples: list[Example], cache: Path
) -> Measured:
    crops = load_crops(examples, recipe.preprocessing, cache)
    float_logits = predict_logits(model, crops, recipe.preprocessing.scale)
    return Measured(examples, float_logits, runtime.run(crops).logits)


def _record(
    recipe: Recipe, split: Split, weights: Weights, parts: dict[str, Measured]
) -> dict[str, Any]:
    validation, test = parts["validation"], parts["test"]
    points = [
        _operating_point(recipe, validation, target)
        for target in (
            recipe.operating_targets.crop_sensitivity,
            recipe.operating_targets.field_sensitivity,
        )
    ]
    threshold = points[0].threshold
    parity = measure_parity(
        test.float_logits,
        test.int8_logits,
        test.labels > 0.5,
        float(np.log(threshold / (1 - threshold))),
    )
    check_parity(parity)
    return {
        "recipe": to_plain(recipe),
        "weights": to_plain(weights),
        "operating_point": to_plain(points[0]),
        "field_operating_point": to_plain(points[1]),
        "parity": to_plain(parity),
        "evaluation": [to_plain(_evaluate(recipe, split, test, threshold))],
    }


def _operating_point(recipe: Recipe, part: Measured, target: float) -> OperatingPoint:
    return choose_operating_point(
        part.scores,
        part.labels,
        part.patients,
        target_sensitivity=target,
        chosen_on=f"{recipe.dataset}, validation patients of fold {recipe.held_out_fold}",
    )


def _evaluate(recipe: Recipe, split: Split, part: Measured, threshold: float) -> Evaluation:
    # As `classify --csv` writes scores, so that its file gives the same figures.
    scores = np.round(part.scores.astype(np.float64), 6)
    metrics: dict[str, Metric] = evaluate(
        scores, [example.label for example in part.examples], part.patients, threshold
    )
    slides = {example.name.rsplit("_cell_", 1)[0].split("_IMG_")[0] for example in part.examples}
    return Evaluation(
        dataset=recipe.dataset,
        role=f"held-out fold {recipe.held_out_fold}, INT8",
        labels="raw",
        n_patients=len(split.test),
        n_slides=len(slides),
        n_cells=len(part.examples),
        metrics=metrics,
        command=(
            f"clinicscope classify $CLINICSCOPE_DATA/{recipe.dataset} --csv scores.csv && "
            f"clinicscope train evaluate --scores scores.csv --fold {recipe.held_out_fold} "
            f"--threshold {threshold}"
        ),
    )
