"""Scores of a part: what a fit leaves for reports, so that they need neither weights nor images."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import F32Array
from train.datasets.base import Example


@dataclass(frozen=True, eq=False)
class Scores:
    """Logits with the truth, one row an example.

    Attributes:
        name: (N,) names of the examples.
        patient: (N,) ids of the groups that are resampled.
        label: (N,) class indices.
        logit: (N,) of the positive label, or (N,K).
    """

    name: np.ndarray
    patient: np.ndarray
    label: np.ndarray
    logit: F32Array

    @classmethod
    def of(cls, examples: Sequence[Example], logit: F32Array) -> Scores:
        """Scores of these examples, in order."""
        return cls(
            np.array([example.name for example in examples]),
            np.array([example.patient for example in examples]),
            np.array([example.label for example in examples], np.int8),
            np.asarray(logit, np.float32),
        )

    @property
    def probability(self) -> np.ndarray:
        """(N,K) of each class; (N,2) where there is one logit."""
        logit = self.logit.astype(np.float64)
        if logit.ndim == 1:
            logit = np.stack([np.zeros_like(logit), logit], axis=1)
        shifted = np.exp(logit - logit.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def write_scores(path: Path, scores: Scores) -> None:
    """Writes an .npz whole, or not at all."""
    partial = path.with_suffix(".part.npz")
    np.savez_compressed(
        partial, name=scores.name, patient=scores.patient, label=scores.label, logit=scores.logit
    )
    partial.replace(path)


def read_npz_scores(path: Path) -> Scores:
    """Scores as `write_scores` wrote them.

    Raises:
        DataError: missing, no such file, or arrays that do not belong together.
    """
    try:
        # np.load leaves a file open that is no archive; this one is closed whatever it holds.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            found = Scores(file["name"], file["patient"], file["label"], file["logit"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise DataError(f"{path} holds no scores of a fit: {error}") from error
    if len({len(found.name), len(found.patient), len(found.label), len(found.logit)}) != 1:
        raise DataError(f"{path}: name, patient, label and logit differ in length")
    return found
