"""Records of fits with drawn scores, as `train fit` leaves them; no network, no image."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from train.scores import Scores, write_scores

LOG = ("epoch", "loss", "accuracy", "validation_loss", "validation_auc", "validation_accuracy")


def draw_scores(
    patients: list[str],
    n_classes: int = 2,
    cells: int = 12,
    seed: int = 0,
    spread: float = 1.2,
    known_seed: int = 0,
) -> Scores:
    """Cells of patients; every fourth patient has label 0 only. `known_seed` draws the truth."""
    truth, rng = np.random.default_rng(known_seed), np.random.default_rng(seed + 1000)
    owner = np.repeat(np.arange(len(patients)), cells)
    label = truth.integers(0, n_classes, len(owner))
    label[owner % 4 == 3] = 0
    ease = truth.normal(0, 1, (len(owner), n_classes))
    logit = 3.0 * np.eye(n_classes)[label] + ease + rng.normal(0, spread, ease.shape)
    ids = np.array(patients)[owner]
    names = np.array([f"{patient}_cell_{row % cells}" for row, patient in enumerate(ids)])
    values = logit[:, 1] - logit[:, 0] if n_classes == 2 else logit
    return Scores(names, ids, label.astype(np.int8), values.astype(np.float32))


def write_fold(
    folder: Path,
    fold: int = 0,
    *,
    n_folds: int = 5,
    n_patients: int = 40,
    dataset: str = "nih-cells",
    task: str = "malaria-cells",
    model: str = "plain_cnn",
    split: str = "patients",
    n_classes: int = 2,
    seed: int = 0,
) -> Path:
    """One fit's folder: every `n_folds`-th patient is held out."""
    folder.mkdir(parents=True)
    patients = [f"C{number + 1}" for number in range(n_patients)]
    held_out = patients[fold::n_folds]
    rest = [patient for patient in patients if patient not in held_out]
    recipe = {
        "task": task,
        "dataset": dataset,
        "held_out_fold": fold,
        "seed": seed,
        "preprocessing": {"size_px": 32},
        "model": {"name": model},
        "fit": {"epochs": 3, "batch_size": 8, "learning_rate": 0.001},
        "split": split,
    }
    (folder / "recipe.json").write_text(json.dumps(recipe))
    scores = draw_scores(held_out, n_classes, seed=seed * 100 + fold, known_seed=fold)
    parts = {"train": rest[5:], "validation": rest[:5], "test": held_out}
    if split != "patients":
        parts = {"train": ["x"], "validation": ["y"], "test": scores.name.tolist()}
        parts |= {"kind": split, "n_shared_patients": len(held_out)}
    (folder / "split.json").write_text(json.dumps(parts))
    write_scores(folder / "held_out.npz", scores)
    write_drawn_log(folder / "log.csv")
    return folder


def write_folds(run_dir: Path, n_folds: int = 5, **given: object) -> Path:
    """A folder of folds."""
    for fold in range(n_folds):
        write_fold(run_dir / f"fold{fold}", fold, n_folds=n_folds, **given)  # type: ignore[arg-type]
    return run_dir


def write_drawn_log(path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(LOG)
        writer.writerows([n, 1 / n, 1 - 0.3 / n, 1.1 / n, 1 - 0.2 / n, 0.9] for n in (1, 2, 3))
