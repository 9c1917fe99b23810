"""Operating points and figures of the network that ships, on groups that it has not seen.

A student that was fitted on its validation part has no examples of its own left to choose a
threshold on. The students of the other folds then speak for it: same recipe, same teacher, and each
scored patients that it had not seen (docs/adr/0010).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from compress.compressed import NoveltyPoints
from compress.lab_recipe import LabRecipe
from compress.measure import score_variant
from compress.paired import pool_folds
from compress.variant_files import FoldLab, Made
from edge.contract.errors import ConfigError, DataError
from edge.contract.labels import MALARIA_CELLS
from edge.contract.manifest import Evaluation, OperatingPoint
from edge.contract.reference import LogitReference, UncertainBand
from train.datasets.base import Example, labels_of, parts_of
from train.evaluate import as_metric
from train.metrics import measure
from train.operating_point import choose_operating_point
from train.recipe import Recipe
from train.runs import take
from train.scores import Scores
from train.threshold_travel import reference_at_home

log = logging.getLogger(__name__)

# Of each class, cells whose conformal set lacks their label; of a specimen's cells, those that a
# reviewer may be asked about beside the suspect ones.
ERROR_RATE, MOST_UNCERTAIN = 0.02, 0.02
SEVERAL_LABELS_FIGURES = ("macro_auc", "accuracy", "macro_f1", "macro_recall")
TWO_LABELS_FIGURES = ("auc", "accuracy", "sensitivity_cell", "specificity_cell", "mcc")


@dataclass(frozen=True)
class Points:
    """For single pictures, the cells of a field, a novelty network; None where there is none.

    Attributes:
        reference: where the logits lie that the field's point was chosen on.
    """

    single: OperatingPoint | None
    field: OperatingPoint | None
    novelty: NoveltyPoints | None = None
    reference: LogitReference | None = None

    @property
    def single_threshold(self) -> float | None:
        """What single pictures are called at; None of several labels."""
        return self.single.threshold if self.single else None


def of_part(scores: Scores, examples: Sequence[Example], source: str) -> Scores:
    """The scores of one collection's examples; all where `source` is ""."""
    if not source:
        return scores
    names = [example.name for example in examples if example.source == source]
    return take(scores, np.isin(scores.name, names))


def check_left_out(lab: LabRecipe, recipe: Recipe) -> None:
    """Raises ConfigError where the student's fits leave no patients to choose thresholds on."""
    two_labels = len(labels_of(recipe.dataset)) == 2
    if two_labels and recipe.fit.use_validation and len(lab.folds) < 2:
        raise ConfigError(
            f"{lab.student} is fitted on its validation part too (fit.use_validation), so no "
            "patients are left to choose thresholds on; fit other folds as well, or fit without it"
        )


def choose_points(lab: LabRecipe, fold: FoldLab, others: Sequence[Made]) -> Points:
    """Thresholds of the variant that ships.

    Args:
        fold: the one that ships.
        others: the same variant of the other folds; at least one, or a validation part was kept.

    Raises:
        DataError: too few patients, or one class alone.
    """
    recipe = fold.fit.recipe
    if len(labels_of(recipe.dataset)) > 2:
        return Points(None, None)
    scores, chosen_on = _choosing(lab, fold, others)
    targets = recipe.operating_targets

    def choose(target: float) -> OperatingPoint:
        return choose_operating_point(
            np.asarray(scores.probability[:, 1], np.float32),
            np.asarray(scores.label, np.float32),
            scores.patient.tolist(),
            target_sensitivity=target,
            chosen_on=chosen_on,
        )

    if recipe.task != MALARIA_CELLS:
        return Points(choose(targets.crop_sensitivity), None)
    return Points(
        choose(targets.crop_sensitivity),
        choose(targets.field_sensitivity),
        reference=_reference(scores, chosen_on),
    )


def _reference(scores: Scores, chosen_on: str) -> LogitReference | None:
    """Where both classes lie, and which logits leave a cell's label open; None where too few
    patients have cells enough to say how slides differ, so that a device asks about no cell.
    """
    logit, positive = np.asarray(scores.logit, np.float64), scores.label > 0
    try:
        home = reference_at_home(logit, positive, scores.patient)
    except DataError as error:
        log.warning("the bundle says nothing of its logits at home: %s", error)
        return None
    band = UncertainBand(
        healthy_high=round(float(np.quantile(logit[~positive], 1 - ERROR_RATE)), 5),
        infected_low=round(float(np.quantile(logit[positive], ERROR_RATE)), 5),
        error_rate=ERROR_RATE,
        most_share=MOST_UNCERTAIN,
    )
    return replace(home, chosen_on=chosen_on, uncertain=band)


def _choosing(lab: LabRecipe, fold: FoldLab, others: Sequence[Made]) -> tuple[Scores, str]:
    recipe, what = fold.fit.recipe, lab.part or fold.fit.recipe.dataset
    if not recipe.fit.use_validation:
        shipped = next(made for made in fold.make_all() if made.name == lab.tflite)
        examples, crops = fold.given.part("validation", lab.part)
        logits = score_variant(shipped.variant, crops, recipe.preprocessing.scale)
        return Scores.of(examples, logits), (
            f"{what}, validation patients of fold {recipe.held_out_fold}"
        )
    pooled = pool_folds([of_part(m.scores, fold.given.examples, lab.part) for m in others]).scores
    folds = ", ".join(str(made.fold) for made in others)
    return (
        pooled,
        f"{what}, held-out patients of folds {folds}, each scored by its own fold's network",
    )


def evaluate_shipped(fold: FoldLab, shipped: Made, threshold: float | None) -> list[Evaluation]:
    """Figures on the held-out part, one entry a collection."""
    recipe = fold.fit.recipe
    sources = parts_of(recipe.dataset) or ("",)
    return [_evaluate(fold, shipped, source, threshold) for source in sources]


def _evaluate(fold: FoldLab, shipped: Made, source: str, threshold: float | None) -> Evaluation:
    recipe = fold.fit.recipe
    scores = of_part(shipped.scores, fold.given.examples, source)
    dataset = source or recipe.dataset
    # As `classify --csv` writes scores, so that its file gives the same figures.
    probability = np.round(scores.probability, 6)
    several = threshold is None
    figures = measure(
        probability if several else np.column_stack([1 - probability[:, 1], probability[:, 1]]),
        scores.label,
        scores.patient,
        threshold=0.5 if threshold is None else threshold,
    )
    names = SEVERAL_LABELS_FIGURES if several else TWO_LABELS_FIGURES
    return Evaluation(
        dataset=dataset,
        role=f"held-out fold {recipe.held_out_fold}, INT8",
        labels="raw",
        n_patients=len(set(scores.patient.tolist())),
        n_slides=len({_slide_of(name) for name in scores.name.tolist()}),
        n_cells=len(scores.name),
        metrics={name: as_metric(figures.overall[name]) for name in names},
        command=_command(dataset, recipe.held_out_fold, threshold),
    )


def _command(dataset: str, fold: int, threshold: float | None) -> str:
    at = "" if threshold is None else f" --threshold {threshold}"
    return f"clinicscope compress evaluate BUNDLE --dataset {dataset} --fold {fold}{at}"


def _slide_of(name: str) -> str:
    """The slide of a cell of nih-cells; elsewhere the field or picture stands for it."""
    return Path(name).name.rsplit("_cell_", 1)[0].split("_IMG_")[0]
