"""From the fits on record to the INT8 networks of every fold, with their thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compress.fields.fold_models import FoldModel, FoldModels, MadeModel, write_fold_models
from compress.fits import Fit
from compress.lab_recipe import LabRecipe, load_lab_recipe
from compress.novelty import NoveltyLab
from compress.points import of_part
from compress.quantise import describe_weights
from compress.variant_files import FoldLab
from edge.contract.errors import ConfigError
from train.datasets.base import labels_of
from train.fields.thresholds import field_point
from train.models.start_weights import KEPT_DIR
from train.networks import load_network

TASKS = ("malaria-cells", "malaria-cells-nih", "malaria-novelty-nih", "malaria-stages")


@dataclass(frozen=True)
class MakeSettings:
    """Where everything comes from and goes to.

    Attributes:
        folder: the networks, their scores and the index.
        work: variants and prepared crops, kept between calls.
        records: `STUDENT/fold<k>`, runs with their weights.
        data: folder of data sets; None reads CLINICSCOPE_DATA.
    """

    folder: Path
    work: Path
    records: Path = KEPT_DIR
    data: Path | None = None
    tell: Callable[[str], None] = lambda _text: None


def make_fold_models(tasks: Sequence[str], settings: MakeSettings) -> FoldModels:
    """Networks of all folds of these tasks, written beside those that the folder has.

    Args:
        tasks: recipes of `compress/recipes`, or .toml files of that kind.

    Raises:
        ConfigError: no such task, or a run that is missing or of another fold.
        DataError: a network cannot be quantised, or a data set is missing.
    """
    made: list[MadeModel] = []
    for task in tasks:
        lab = _untuned(load_lab_recipe(task))
        made += _with_thresholds([_make_fold(lab, fold, settings) for fold in lab.folds])
    return write_fold_models(settings.folder, made)


def _untuned(lab: LabRecipe) -> LabRecipe:
    """Of the plain fits what ships on a device, and nothing else."""
    return replace(lab, variants=(), onnx="", aware=None, zeros=None, channels=None)


def _make_fold(lab: LabRecipe, fold: int, settings: MakeSettings) -> MadeModel:
    name = Path(lab.student).stem
    run = settings.records / name / f"fold{fold}"
    recipe, network = load_network(run)
    if recipe.held_out_fold != fold:
        raise ConfigError(f"{run} holds out fold {recipe.held_out_fold}, not {fold}")
    # Its crops are in memory for as long as it lives: one fold at a time.
    kind = FoldLab if recipe.novelty is None else NoveltyLab
    one = kind(lab, Fit(run, recipe, network), settings.work, settings.data, settings.tell)
    made = one.make(lab.tflite)
    weights = describe_weights(
        made.variant.content,
        file=f"{name}/fold{fold}.tflite",
        parent=one.parent,
        scale=recipe.preprocessing.scale,
    )
    settings.tell(f"{name}, fold {fold}: {weights.bytes:,} bytes")
    labels = labels_of(recipe.dataset)
    source = "/".join(run.parts[-2:])
    model = FoldModel(name, fold, source, labels, recipe.preprocessing, weights)
    if len(labels) > 2:
        return MadeModel(model, made.variant.content)
    if recipe.novelty is not None:
        # Nothing is called by it alone; its threshold is one of a sum.
        return MadeModel(model, made.variant.content, made.scores, recipe.dataset)
    scores = of_part(made.scores, one.given.examples, lab.part)
    return MadeModel(model, made.variant.content, scores, lab.part or recipe.dataset)


def _with_thresholds(parts: Sequence[MadeModel]) -> list[MadeModel]:
    """Each fold's threshold, by the others' held-out cells (ADR 10)."""
    return [replace(part, model=_with_threshold(part, parts)) for part in parts]


def _with_threshold(part: MadeModel, parts: Sequence[MadeModel]) -> FoldModel:
    others = {
        one.model.fold: one.scores
        for one in parts
        if one.model.fold != part.model.fold and one.scores is not None
    }
    if part.scores is None or part.model.n_logits > 1:
        return part.model
    chosen_on = (
        f"{part.dataset}, held-out patients of folds {', '.join(map(str, others))}, each scored by "
        "its own fold's network"
    )
    point = field_point(list(others.values()), chosen_on)
    return replace(part.model, threshold=point.threshold, chosen_on=point.chosen_on)
