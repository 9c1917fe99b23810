"""From the fits of a novelty network to what ships: files, thresholds, figures.

Quantisation ranges come from healthy cells, the same with drawn parasites, and foreign pictures, as
a batch of the fit has them; no infected cell is looked at. Thresholds are chosen on validation
patients: the novelty one on their healthy cells, the foreign one on all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from compress.compressed import NoveltyPoints
from compress.measure import score_variant
from compress.representative import Representatives, choose_representatives
from compress.variant_files import FoldLab, Made
from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest import ErrorRate, Evaluation
from edge.contract.types import BoolArray, F32Array, U8Array
from train.bootstrap import Figure
from train.datasets.base import Example, labels_of, parts_of
from train.drawn import draw_batch
from train.evaluate import as_metric
from train.metrics import measure
from train.operating_point import MIN_PATIENTS, error_rate

# Of healthy cells that may be flagged, and of red cells of any one collection that may be refused.
TARGET_FALSE_ALARM = 0.01
TARGET_FALSE_REFUSAL = 0.005
# Real fields have far fewer foreign objects among what is found, anything else far more.
MOST_FOREIGN_SHARE = 0.5
FIGURES = ("auc", "sensitivity_cell", "specificity_cell")


@dataclass(frozen=True, eq=False)
class NoveltyLab(FoldLab):
    """One fold of a novelty network at work."""

    @cached_property
    def representatives(self) -> Representatives:
        """Healthy examples of training groups."""
        recipe = self.fit.recipe
        healthy = [
            example
            for example in self.given.split.part_of(self.given.examples, "train")
            if example.label == 0
        ]
        return choose_representatives(
            healthy, labels_of(recipe.dataset)[:1], recipe.seed, 2 * self.lab.per_class
        )

    @cached_property
    def representative_crops(self) -> U8Array:
        """(N,S,S,3) uint8 RGB: a batch of the fit, made of them."""
        recipe = self.fit.recipe
        healthy = self.crops_of(self.representatives.examples)
        return draw_batch(healthy, recipe, np.random.default_rng(recipe.seed)).images


def choose_novelty_points(fold: NoveltyLab, shipped: Made) -> NoveltyPoints:
    """Thresholds of the file that ships, on the validation patients of its fold.

    Raises:
        ConfigError: the fit took its validation part too.
        DataError: too few patients.
    """
    recipe = fold.fit.recipe
    if recipe.fit.use_validation:
        raise ConfigError(
            "a novelty network's thresholds are chosen on validation patients, and the fit took "
            "them too; fit without fit.use_validation"
        )
    examples, crops = fold.given.part("validation")
    logits = score_variant(shipped.variant, crops, recipe.preprocessing.scale)
    novelty, foreign = (_score(logits[:, column]) for column in (0, 1))
    healthy = np.array([example.label == 0 for example in examples])
    groups = _collections(examples, parts_of(recipe.dataset))
    threshold = max(
        _threshold_of(novelty[rows[healthy[rows]]], TARGET_FALSE_ALARM) for rows in groups.values()
    )
    foreign_threshold = max(
        _threshold_of(foreign[rows], TARGET_FALSE_REFUSAL) for rows in groups.values()
    )
    own = np.sort(np.concatenate(list(groups.values())))
    owner = np.array([examples[row].patient for row in own])
    sources = ", ".join(name or recipe.dataset for name in groups)
    return NoveltyPoints(
        threshold=threshold,
        foreign_threshold=foreign_threshold,
        most_foreign_share=MOST_FOREIGN_SHARE,
        chosen_on=f"{sources}: validation patients of fold {recipe.held_out_fold}",
        rule=(
            "lowest thresholds with which, of every collection apart, at most "
            f"{TARGET_FALSE_ALARM:.1%} of the healthy cells are flagged and at most "
            f"{TARGET_FALSE_REFUSAL:.1%} of the red cells refused"
        ),
        target_false_alarm=TARGET_FALSE_ALARM,
        false_alarm=_rate((novelty >= threshold)[own][healthy[own]], owner[healthy[own]]),
        false_refusal=_rate((foreign >= foreign_threshold)[own], owner),
    )


def _score(logit: F32Array) -> F32Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(logit.astype(np.float64), -60, 60))), np.float32)


def _threshold_of(scores: F32Array, share: float) -> float:
    """The lowest threshold at or above which at most that share of the scores is."""
    ranked = np.sort(scores.astype(np.float64))[::-1]
    allowed = math.floor(share * len(ranked))
    # Half way between two scores, so that rounding does not move a cell across.
    above = ranked[allowed - 1] if allowed else 1.0
    return round(min(float(above + ranked[allowed]) / 2, 1 - 1e-6), 6)


def _collections(examples: Sequence[Example], parts: Sequence[str]) -> dict[str, np.ndarray]:
    """Rows of each part of a joined data set; what is no part, unmasked copies, has no say."""
    sources = np.array([example.source for example in examples])
    return {name: np.flatnonzero(sources == name) for name in parts or ("",)}


def _rate(flagged: BoolArray, owners: np.ndarray) -> ErrorRate:
    if len(set(owners.tolist())) < MIN_PATIENTS:
        raise DataError(
            f"{len(set(owners.tolist()))} validation patients; at least {MIN_PATIENTS} are needed"
        )
    return error_rate(np.asarray(flagged), owners)


def evaluate_novelty(fold: NoveltyLab, shipped: Made, threshold: float) -> list[Evaluation]:
    """Figures of the novelty score on the held-out part, one entry a collection with both labels.

    `specificity_cell` is the share of healthy cells that are not flagged.
    """
    recipe = fold.fit.recipe
    found = []
    for source in parts_of(recipe.dataset) or ("",):
        names = {e.name for e in fold.given.part("test", source)[0]}
        rows = np.array([name in names for name in shipped.scores.name.tolist()])
        label = shipped.scores.label[rows]
        if len(set(label.tolist())) < 2:
            continue
        score = np.round(_score(shipped.scores.logit[rows]).astype(np.float64), 6)
        patient = shipped.scores.patient[rows]
        figures: dict[str, Figure] = measure(
            np.column_stack([1 - score, score]), label, patient, threshold=threshold
        ).overall
        found.append(
            Evaluation(
                dataset=source or recipe.dataset,
                role=f"novelty network, held-out fold {recipe.held_out_fold}, INT8",
                labels="raw",
                n_patients=len(set(patient.tolist())),
                n_slides=len(set(patient.tolist())),
                n_cells=len(label),
                metrics={name: as_metric(figures[name]) for name in FIGURES},
                command=f"clinicscope compress evaluate BUNDLE --role novelty --dataset "
                f"{source or recipe.dataset} --fold {recipe.held_out_fold} "
                f"--threshold {threshold}",
            )
        )
    return found
