"""Labels that a network, which never saw the patient, contradicts with confidence.

Confident learning (Northcutt 2021, arXiv:1911.00068) as cleanlab does it. Probabilities are those
of committed fits where there are some, else of a small classifier that is cross-validated here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.types import F64Array
from train.datasets.base import Example
from train.report.survey import Survey
from train.runs import RECORDS_DIR, find_runs, read_run
from train.scores import Scores
from train.splits import load_split, n_folds_of

OOF_FILES = {"nih-cells": Path(__file__).parent.parent / "oof/malaria-cells.npz"}
# Below this share of the examples a record says too little about the data set.
_MIN_COVERED = 0.95
_FOLDS = 5
_COMPONENTS = 24


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """What was found.

    Attributes:
        rows: indices of suspected examples, the least plausible label first.
        quality: (N,) 0 to 1: how well the label fits the probabilities.
        probability: (N,K) out of fold.
        judged: (N,) bool: examples with a probability.
        judge: which classifier said so, in words.
        accuracy: of the judge's calls against the labels as they are.
    """

    rows: np.ndarray
    quality: F64Array
    probability: F64Array
    judged: np.ndarray
    judge: str
    accuracy: float


def find_label_errors(
    dataset: str, seen: Survey, n_classes: int, *, records: Path = RECORDS_DIR
) -> LabelErrors | None:
    """Suspected labels; None for one label, or too few groups to judge one by the others."""
    if n_classes < 2:
        return None
    found = _committed(dataset, seen.examples, records) or _cross_validated(
        dataset, seen, n_classes
    )
    if found is None:
        return None
    probability, judge = found
    labels = np.array([example.label for example in seen.examples])
    judged = ~np.isnan(probability[:, 0])
    rows, quality = _confident_learning(labels[judged], probability[judged])
    everywhere = np.full(len(labels), np.nan)
    everywhere[judged] = quality
    accuracy = (probability[judged].argmax(axis=1) == labels[judged]).mean()
    return LabelErrors(
        np.flatnonzero(judged)[rows], everywhere, probability, judged, judge, float(accuracy)
    )


def _confident_learning(labels: np.ndarray, probability: F64Array) -> tuple[np.ndarray, F64Array]:
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    rows = find_label_issues(
        labels, probability, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return np.asarray(rows, int), np.asarray(get_label_quality_scores(labels, probability))


def _committed(
    dataset: str, examples: Sequence[Example], records: Path
) -> tuple[F64Array, str] | None:
    """Probabilities of the committed scores that cover most of the examples, and whose they are."""
    best: tuple[F64Array, str] | None = None
    covered = _MIN_COVERED
    for scores, judge in _committed_scores(dataset, records):
        probability = _aligned(scores, examples)
        share = float((~np.isnan(probability[:, 0])).mean())
        if share > covered:
            best, covered = (probability, judge), share
    return best


def _committed_scores(dataset: str, records: Path) -> Iterator[tuple[Scores, str]]:
    """Out-of-fold scores of this data set by patient, the teacher's first."""
    path = OOF_FILES.get(dataset)
    if path and path.is_file():
        with np.load(path, allow_pickle=False) as file:
            names, logit = file["file"], file["logit"]
        unknown = np.zeros(len(names), np.int8)
        yield Scores(names, names, unknown, logit), f"the committed teacher ({path.name})"
    for folder in find_runs(records):
        run = read_run(folder)
        if run.recipe.dataset == dataset and not run.leaks and run.scores is not None:
            yield run.scores, f"the committed fit {run.name}, out of fold"


def _aligned(scores: Scores, examples: Sequence[Example]) -> F64Array:
    place = {name: row for row, name in enumerate(scores.name.tolist())}
    found = np.full((len(examples), scores.probability.shape[1]), np.nan)
    for row, example in enumerate(examples):
        if example.name in place:
            found[row] = scores.probability[place[example.name]]
    return found


def _cross_validated(dataset: str, seen: Survey, n_classes: int) -> tuple[F64Array, str] | None:
    """Probabilities of boosted trees on small pixels, colours and edges, by patient."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingClassifier

    labels = np.array([example.label for example in seen.examples])
    fold = _folds(dataset, seen.examples)
    probability = np.full((len(labels), n_classes), np.nan)
    for number in np.unique(fold):
        held_out = fold == number
        if len(np.unique(labels[~held_out])) < n_classes:
            continue
        components = PCA(
            min(_COMPONENTS, int((~held_out).sum()) - 1), svd_solver="randomized", random_state=0
        ).fit(seen.pixels[~held_out])
        features = np.hstack([components.transform(seen.pixels), seen.spread])
        judge = HistGradientBoostingClassifier(max_iter=150, max_leaf_nodes=15, random_state=0)
        judge.fit(features[~held_out], labels[~held_out])
        probability[held_out] = judge.predict_proba(features[held_out])
    if np.isnan(probability).any():
        return None
    return probability, (
        "boosted trees on 16 px colour images and quantiles of colour and edges, cross-validated "
        f"here in {len(np.unique(fold))} folds by patient (no committed fit covers this data set)"
    )


def _folds(dataset: str, examples: Sequence[Example]) -> np.ndarray:
    """(N,) the fold of each example: the committed ones where they know every patient."""
    patients = np.array([example.patient for example in examples])
    if n_folds := n_folds_of(dataset):
        tested = [load_split(dataset, number).test for number in range(n_folds)]
        known = {patient: number for number, part in enumerate(tested) for patient in part}
        if set(patients) <= set(known):
            return np.array([known[patient] for patient in patients])
    from sklearn.model_selection import StratifiedGroupKFold

    labels = [example.label for example in examples]
    n_folds = min(_FOLDS, len(set(patients)), *Counter(labels).values())
    if n_folds < 2:
        return np.zeros(len(patients), int)
    fold = np.zeros(len(patients), int)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=0)
    for number, (_, held_out) in enumerate(splitter.split(patients, labels, patients)):
        fold[held_out] = number
    return fold
