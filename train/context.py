"""A cell read beside the other cells of its patient: what a slide says of one of its cells.

A dark spot means less on a slide where every other cell is clearly healthy, and a slide's own
healthy majority tells how healthy cells score there. Both are known without a label. The
correction is a logistic regression of three numbers, fitted for each fold on the out-of-fold scores
of the other folds, so no label of a held-out patient is used.

It leans on how common infection is among the patients at hand: 40 of the 159 of nih-cells have no
infected cell, and half of the others' cells are. Where that differs, so does the gain.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.records import to_plain
from edge.contract.types import F32Array, F64Array
from train.recipe import PATIENT_CONTEXT
from train.runs import Run, read_run, take
from train.scores import Scores, write_scores

# The share of infected cells is drawn to one half by as much as ten cells would.
PRIOR_CELLS = 10
# A slide with fewer healthy-looking cells than this has no majority to compare with.
MIN_HEALTHY = 4


def context_features(logit: F32Array, patient: np.ndarray) -> F64Array:
    """(N,3): the logit, the log odds of infection among the patient's other cells, and the median
    logit of the patient's healthy-looking cells.

    Args:
        logit: (N,) of the positive label.
        patient: (N,) ids.
    """
    z = logit.astype(np.float64)
    probability = 1 / (1 + np.exp(-z))
    names, owner = np.unique(patient, return_inverse=True)
    count = np.bincount(owner)[owner]
    others = np.bincount(owner, probability)[owner] - probability
    share = (others + PRIOR_CELLS / 2) / (count - 1 + PRIOR_CELLS)
    usual = np.median(z[z < 0]) if (z < 0).any() else 0.0
    healthy = np.full(len(names), usual)
    for index in range(len(names)):
        own = z[(owner == index) & (z < 0)]
        if len(own) >= MIN_HEALTHY:
            healthy[index] = np.median(own)
    return np.column_stack([z, np.log(share / (1 - share)), healthy[owner]])


def read_in_context(scores: Scores, fold: np.ndarray) -> F32Array:
    """The logits corrected by context, (N,); each fold's correction is fitted on the others.

    Raises:
        DataError: several classes, one fold, or folds in which a class is missing.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    if scores.logit.ndim > 1:
        raise DataError(f"context is for two classes; these scores have {scores.logit.shape[1]}")
    if len(set(fold.tolist())) < 2:
        raise DataError("context is fitted on other folds, and there is one fold alone")
    features = context_features(scores.logit, scores.patient)
    corrected = np.zeros(len(scores.label), np.float32)
    for held_out in np.unique(fold):
        rest, own = fold != held_out, fold == held_out
        if len(set(scores.label[rest].tolist())) < 2:
            raise DataError(f"the folds besides {held_out} are of one class")
        scaler = StandardScaler().fit(features[rest])
        regression = LogisticRegression(C=10.0).fit(
            scaler.transform(features[rest]), scores.label[rest]
        )
        corrected[own] = regression.decision_function(scaler.transform(features[own]))
    return corrected


def write_in_context(run_dir: Path, out: Path) -> Run:
    """A record of the run's folds with their scores read in context; nothing else is changed.

    Raises:
        ConfigError: the folder exists, or the run is in context already.
        DataError: a record is broken, has no scores, or cannot be corrected.
    """
    run = read_run(run_dir)
    if out.exists():
        raise ConfigError(f"{out} exists; give another --out")
    if run.recipe.context:
        raise ConfigError(f"{run_dir} is read in context already ({run.recipe.context})")
    if run.scores is None:
        raise DataError(f"{run_dir} has no held_out.npz; let its fit finish first")
    scores = replace(run.scores, logit=read_in_context(run.scores, run.fold))
    for fold in run.folds:
        folder = out / f"fold{fold.recipe.held_out_fold}"
        folder.mkdir(parents=True)
        recipe = to_plain(replace(fold.recipe, context=PATIENT_CONTEXT))
        (folder / "recipe.json").write_text(json.dumps(recipe, indent=1) + "\n")
        (folder / "split.json").write_text(json.dumps(to_plain(fold.split)) + "\n")
        shutil.copyfile(fold.folder / "log.csv", folder / "log.csv")
        own = take(scores, run.fold == fold.recipe.held_out_fold)
        write_scores(folder / "held_out.npz", own)
    return read_run(out)
