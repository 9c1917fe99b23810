"""Novelty networks as files: what INT8 costs them, what they weigh, how long a cell takes.

Ranges are set by healthy training cells, half of them with drawn parasites: healthy ones alone
would clip the very scores that matter, and no infected cell may be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compress.measure import Subject, score_variant, time_in_turns
from compress.paired import HeldOut
from compress.representative import PER_CLASS
from compress.variants import Variant, make_variant
from edge.contract.errors import DataError
from edge.contract.types import U8Array
from train.drawn import draw_batch
from train.novelty.curves import Judged, as_figure, auc_rows, pooled
from train.novelty.systems import Cells, Sources, networks_of
from train.objectives import own_logit
from train.parasites import paint_cell
from train.recipe import Recipe
from train.scores import Scores
from train.studies import Study

FORMS = ("float32", "int8", "onnx-float32", "onnx-int8")
COLUMNS = (
    "run",
    "form",
    "bytes",
    "AUC",
    "from",
    "to",
    "less than as fitted",
    "from",
    "to",
    "ms a cell, alone",
    "ms a cell, in 32s",
    "note",
)


@dataclass(frozen=True, eq=False)
class Form:
    """A network in one form, on all folds: files, held-out scores; a note instead where refused."""

    run: str
    name: str
    recipe: Recipe
    variants: tuple[Variant, ...] = ()
    held_out: Judged | None = None
    fitted: Judged | None = None
    note: str = ""


def representatives(recipe: Recipe, healthy: U8Array) -> U8Array:
    """2 * PER_CLASS crops for the ranges: healthy cells, half of them with drawn parasites.

    A network that was fitted on drawn parasites gets a batch of its fit instead.

    Args:
        healthy: (N,S,S,3) uint8 RGB of training patients; a classifier's too.
    """
    rng = np.random.default_rng(recipe.seed)
    chosen = healthy[rng.permutation(len(healthy))[: 2 * PER_CLASS]]
    if recipe.novelty is not None and recipe.novelty.objective == "drawn":
        return draw_batch(chosen, recipe, rng).images
    painted = [paint_cell(cell, rng, parasite=True, harmless=0)[0] for cell in chosen[::2]]
    return np.concatenate([chosen[1::2], np.stack(painted)])


def forms_of(run_dir: Path, names: Sequence[str], sources: Sources) -> list[Form]:
    """The run's networks in every form; what cannot be made has a note that says why.

    Raises:
        DataError, ConfigError: as `train.novelty.systems.networks_of`.
    """
    networks = networks_of(run_dir, sources.folds)
    cells = Cells.load(networks.recipe, replace(sources, away=""))
    return [_form(run_dir.resolve().name, name, cells, networks.by_fold) for name in names]


def _form(run: str, name: str, cells: Cells, models: dict[int, Any]) -> Form:
    recipe, scale = cells.recipe, cells.recipe.preprocessing.scale
    variants, scored, fitted = [], [], []
    for fold, model in models.items():
        examples, crops = cells.part(fold, "test")
        try:
            ranges = representatives(recipe, cells.healthy(fold))
            variant = make_variant(name, model, ranges, scale)
            logit = own_logit(recipe, score_variant(variant, crops, scale))
        except DataError as error:
            return Form(run, name, recipe, note=str(error))
        variants.append(variant)
        scored.append(Judged.of(examples, logit))
        fitted.append(Judged.of(examples, own_logit(recipe, _as_fitted(model, crops, scale))))
    return Form(run, name, recipe, tuple(variants), pooled(scored), pooled(fitted))


def _as_fitted(model: Any, crops: U8Array, scale: float) -> Any:
    from train.batches import predict_logits

    return predict_logits(model, crops, scale)


def forms_study(forms: Sequence[Form], timed: int, command: str) -> Study:
    """A row a form; the files that could be made are timed in turns."""
    made = [form for form in forms if form.held_out is not None]
    times = iter(time_in_turns([_subject(form) for form in made], timed))
    rows = []
    for form in forms:
        if form.held_out is None or form.fitted is None:
            rows.append((form.run, form.name, *[""] * 9, form.note))
            continue
        found, base = auc_rows(form.held_out), auc_rows(form.fitted)
        figures = (as_figure(found, form.held_out), as_figure(base - found, form.held_out))
        values = [
            round(value, 5) + 0.0  # of a loss of nothing, no -0.0
            for figure in figures
            for value in (figure.value, figure.ci_low, figure.ci_high)
        ]
        latencies = [latency.p50_ms for latency in next(times)]
        size = len(form.variants[0].content)
        rows.append((form.run, form.name, size, *values, *latencies, form.variants[0].note))
    return Study(
        title="Novelty networks as files",
        question=(
            "What do the novelty networks weigh and take on one x86 thread, in which forms, and "
            "how much AUC does each form lose on held-out patients?"
        ),
        command=command,
        columns=COLUMNS,
        rows=tuple(rows),
    )


def _subject(form: Form) -> Subject:
    """For the clock alone: scores of no examples."""
    empty = np.empty(0)
    preprocessing = form.recipe.preprocessing
    variant = form.variants[0]
    return Subject(
        f"{form.run} {form.name}",
        variant.format,
        variant.content,
        HeldOut(Scores(empty, empty, empty, np.empty(0, np.float32))),
        preprocessing.size_px,
        preprocessing.scale,
    )
