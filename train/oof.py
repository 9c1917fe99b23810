"""Out-of-fold logits: every example once, scored by networks that never saw its patient.

The file is what students are distilled from and thresholds are chosen on, so it is refused rather
than written with a gap, a double, or a score that leaks. Arrays `file` (name without ending),
`logit` (of the positive label; (N,K) for more than two classes) and `fold`; nothing pickled.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

from edge.contract.errors import DataError
from train.datasets.base import Example
from train.runs import Run, fold_folders, pool, read_fold
from train.scores import Scores


def read_members(run_dirs: Sequence[Path]) -> list[Run]:
    """Runs from their folders, or from the folders of their folds, which are joined by parent.

    Raises:
        DataError: a record is broken, or folds below one parent are of different recipes.
    """
    groups: dict[Path, list[Path]] = {}
    for run_dir in run_dirs:
        for folder in fold_folders(run_dir):
            groups.setdefault(folder.resolve().parent, []).append(folder)
    return [
        pool(parent.name, [read_fold(path) for path in paths]) for parent, paths in groups.items()
    ]


def join(
    members: Sequence[Run], examples: Sequence[Example] | None = None
) -> dict[str, np.ndarray]:
    """The three arrays, sorted by file name; the members' logits are averaged.

    Args:
        examples: the data set, where its images are at hand; else the patients of the folds
            decide what is missing.

    Raises:
        DataError: a gap, a double, folds that differ between members, data sets that differ, or a
            score of a patient that its network was fitted on.
    """
    first = members[0]
    logits = []
    for member in members:
        scores = _checked(member, examples)
        if member.recipe.dataset != first.recipe.dataset:
            raise DataError(
                f"{member.name} is of data set {member.recipe.dataset}, {first.name} of "
                f"{first.recipe.dataset}; members score the same data"
            )
        order = np.argsort(scores.name)
        names, fold = scores.name[order], member.fold[order]
        if not logits:
            file, of_fold = names, fold
        elif not np.array_equal(names, file) or (fold != of_fold).any():
            raise DataError(f"{member.name} and {first.name} differ in their examples or folds")
        logits.append(scores.logit[order].astype(np.float64))
    mean = np.mean(logits, axis=0).astype(np.float32)
    return {"file": file, "logit": mean, "fold": of_fold}


def write_oof(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes the .npz whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part.npz")
    # np.savez keeps the name `file` for itself, so the archive is written by hand.
    with ZipFile(partial, "w", ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, values, allow_pickle=False)
            # A fixed time, so that the same scores make the same bytes.
            archive.writestr(ZipInfo(f"{name}.npy"), buffer.getvalue(), ZIP_DEFLATED)
    partial.replace(path)


def _checked(member: Run, examples: Sequence[Example] | None) -> Scores:
    """The member's scores, once they are known to be whole and free of leaks."""
    if member.leaks:
        raise DataError(
            f"{member.name} is split by {member.recipe.split!r}, which leaks patients; only folds "
            "by patient give out-of-fold scores"
        )
    for fold in member.folds:
        if fold.scores is None:
            raise DataError(f"{fold.folder} has no held_out.npz; let its fit finish first")
        scored = set(fold.scores.patient.tolist())
        seen = sorted(scored & {*fold.split.train, *fold.split.validation})
        if seen:
            raise DataError(
                f"{fold.folder} scores {len(seen)} patients that it was fitted on, e.g. {seen[:3]}"
            )
        strange = sorted(scored - set(fold.split.test))
        if strange:
            raise DataError(f"{fold.folder} scores patients outside its split, e.g. {strange[:3]}")
    if member.scores is None:
        raise DataError(f"{member.name} has no scores")
    _check_whole(member, member.scores, examples)
    return member.scores


def _check_whole(member: Run, scores: Scores, examples: Sequence[Example] | None) -> None:
    known = {
        patient
        for fold in member.folds
        for part in (fold.split.train, fold.split.validation, fold.split.test)
        for patient in part
    }
    missing = sorted(known - set(scores.patient.tolist()))
    if missing:
        raise DataError(
            f"{member.name} lacks {len(missing)} patients, e.g. {missing[:3]}; are all folds there?"
        )
    if examples is not None:
        names = np.array([example.name for example in examples])
        differ = np.setxor1d(names, scores.name)
        if len(differ):
            raise DataError(
                f"{member.name} and data set {member.recipe.dataset} differ in {len(differ)} "
                f"examples, e.g. {differ[:3].tolist()}"
            )
