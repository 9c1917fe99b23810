"""The teacher's word on the examples of a fit: read, checked against the student, lined up.

A teacher has scored each example by a network that never saw its patient (`train/oof`). Teacher
and student are checked against each other before the first step: same labels, same folds, no gap.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.types import F32Array
from train.datasets.base import Example
from train.evaluate import auc
from train.recipe import Recipe
from train.recipe_parts import TeacherSpec

OOF_DIR = Path(__file__).parent / "oof"


def teacher_logits(
    recipe: Recipe, examples: Sequence[Example], labels: Sequence[str], folds: np.ndarray
) -> F32Array:
    """(N,1) logits of the positive label, or (N,K); NaN where the teacher is silent.

    Args:
        examples: those that the student is fitted on.
        labels: the student's, in order.
        folds: (N,) the fold of each example; -1 where it is not known.

    Raises:
        ConfigError: no such file, or a collection that no example is of.
        DataError: the file is broken, lacks an example, has other labels or other folds.
    """
    spec = recipe.teacher
    if spec is None:
        raise ConfigError("the recipe names no teacher")
    found = _read(spec.scores)
    logit, fold = found["logit"].astype(np.float32), found["fold"]
    n_outputs = 1 if len(labels) == 2 else len(labels)
    if logit.reshape(len(logit), -1).shape[1] != n_outputs:
        raise DataError(
            f"teacher {spec.scores} has logits {logit.shape}; a student of {len(labels)} labels "
            f"({', '.join(labels)}) needs {n_outputs} each"
        )
    heard = _heard(spec, examples)
    rows = _rows(spec.scores, found["file"], examples, heard)
    _check_folds(spec, fold[rows[heard]], folds[heard])
    lined_up = np.where(heard[:, None], logit.reshape(len(logit), -1)[rows], np.nan)
    truth = np.array([example.label for example in examples])
    _check_labels(spec, lined_up[heard], truth[heard], labels)
    return np.asarray(lined_up, np.float32)


def teacher_features(spec: TeacherSpec, examples: Sequence[Example]) -> F32Array:
    """(N,D) unit vectors of the teacher's pooled features, NaN where it is silent.

    Raises:
        ConfigError: no such file.
        DataError: the file is broken or lacks an example.
    """
    found = _read(spec.features, ("file", "features"))
    heard = _heard(spec, examples)
    rows = _rows(spec.features, found["file"], examples, heard)
    features = found["features"].astype(np.float32)
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    return np.asarray(np.where(heard[:, None], unit[rows], np.nan), np.float32)


def _read(name: str, keys: Sequence[str] = ("file", "logit", "fold")) -> dict[str, np.ndarray]:
    path = Path(name) if name.endswith(".npz") else OOF_DIR / f"{name}.npz"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in OOF_DIR.glob("*.npz")))
        raise ConfigError(f"no teacher {name!r} at {path}; shipped: {known}; see `train oof`")
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            found = {key: file[key] for key in keys}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is no file of a teacher ({', '.join(keys)}): {error}") from error
    if len({len(values) for values in found.values()}) != 1:
        raise DataError(f"{path}: {', '.join(keys)} differ in length")
    return found


def _rows(
    name: str, files: np.ndarray, examples: Sequence[Example], heard: np.ndarray
) -> np.ndarray:
    """(N,) the row of each example in the teacher's file; any row where it is silent."""
    row_of = {str(file): row for row, file in enumerate(files)}
    rows = np.array([row_of.get(example.name, -1) for example in examples])
    if missing := [examples[index].name for index in np.flatnonzero(heard & (rows < 0))]:
        raise DataError(
            f"teacher {name} has no score of {len(missing)} examples, e.g. {missing[:3]}; score "
            "them, or name their collection in teacher.silent_on"
        )
    return rows


def _heard(spec: TeacherSpec, examples: Sequence[Example]) -> np.ndarray:
    sources = {example.source for example in examples}
    if unknown := sorted(set(spec.silent_on) - sources):
        raise ConfigError(f"teacher.silent_on has {unknown}; known: {sorted(sources)}")
    return np.array([example.source not in spec.silent_on for example in examples])


def _check_folds(spec: TeacherSpec, found: np.ndarray, expected: np.ndarray) -> None:
    differ = int(((expected >= 0) & (found != expected)).sum())
    if differ:
        raise DataError(
            f"teacher {spec.scores} scored {differ} of {len(found)} examples in other folds than "
            "the student's: it may have been fitted on their patients; join its folds again"
        )


def _check_labels(
    spec: TeacherSpec, logit: F32Array, truth: np.ndarray, labels: Sequence[str]
) -> None:
    """Labels in another order show as a teacher that is worse than a coin."""
    for index, label in enumerate(labels):
        if len(labels) == 2 and index == 0:
            continue
        values = logit[:, 0] if len(labels) == 2 else logit[:, index]
        area = auc(values.astype(float), truth == index)
        if area < 0.5:
            raise DataError(
                f"teacher {spec.scores} tells {label!r} with AUC {area:.3f}, worse than a coin: "
                "its labels are in another order than the student's"
            )
