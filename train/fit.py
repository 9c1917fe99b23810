"""Fitting one network: the loop, its log, and resuming to the same result after a kill.

A run folder holds `recipe.json`, `split.json`, `log.csv`, `checkpoint/` and, once done,
`model.weights.h5` and `held_out.npz` (the scores of the held-out part). An epoch's batches and
augmentation depend on (seed, epoch) alone, and the learning rate on the log, so a resumed fit sees
what an undisturbed one would have seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.contract.errors import ConfigError, DataError, ManifestError
from edge.contract.records import from_plain, to_plain
from edge.contract.types import U8Array
from train.batches import LabelledCrops, predict_logits
from train.datasets.base import Example, labels_of, list_examples, load_crops
from train.loop import Loop, check_finite, writing
from train.networks import WEIGHTS_FILE, build_for
from train.recipe import Recipe
from train.scores import Scores, write_scores
from train.splits import Split, check_covered, fold_of, load_split
from train.teacher import teacher_features, teacher_logits

SCORES_FILE = "held_out.npz"


def fit(
    recipe: Recipe,
    run_dir: Path,
    *,
    data: Path | None = None,
    on_epoch: Callable[[dict[str, float]], None] = lambda _row: None,
) -> Path:
    """Fits the recipe's network, or goes on where an earlier call stopped.

    Args:
        data: the folder of data sets; None reads CLINICSCOPE_DATA.
        on_epoch: called with each row of the log.

    Returns:
        The path of the weights.

    Raises:
        ConfigError: the folder holds a run of another recipe, or weights of another network; or a
            data set of one label.
        DataError: a split leaks, an image is unreadable, the loss is not finite, or the disk is
            full; what was written before stays and a later call goes on from it.
    """
    if recipe.context:
        raise ConfigError(f"context is {recipe.context!r}, which `train context` sets, not a fit")
    n_classes = _n_classes(recipe.dataset)
    claim(run_dir, recipe)
    examples = list_examples(recipe.dataset, data)
    split = split_for(recipe, examples)
    with writing(run_dir):
        crops = load_crops(examples, recipe.preprocessing, run_dir.parent / "cache")
        (run_dir / "split.json").write_text(json.dumps(to_plain(split)) + "\n")
    names = {"train": ("train",), "validation": ("validation",)}
    if recipe.fit.use_validation:
        names = {"train": ("train", "validation")}
    parts = {
        name: _part(recipe, examples, crops, split, joined, n_classes)
        for name, joined in names.items()
    }
    fitted = parts["train"] = _taught(recipe, examples, parts["train"], split, names["train"])
    if len(fitted.labels) < recipe.fit.batch_size:
        raise ConfigError(
            f"fit.batch_size is {recipe.fit.batch_size}, more than the {len(fitted.labels)} crops "
            "to fit on"
        )
    model = build_for(recipe, n_classes)
    n_features = fitted.taught[1].shape[1] if len(fitted.taught) > 1 else 0
    Loop(recipe, run_dir, model, n_classes, n_features).run(
        fitted, parts.get("validation"), on_epoch
    )
    rows = split.rows_of(examples, "test")
    logit = predict_logits(model, crops[rows], recipe.preprocessing.scale, recipe.test_views)
    check_finite(logit, "held-out part")
    with writing(run_dir):
        model.save_weights(run_dir / "partial.weights.h5")
        (run_dir / "partial.weights.h5").replace(run_dir / WEIGHTS_FILE)
        write_scores(run_dir / SCORES_FILE, Scores.of([examples[row] for row in rows], logit))
    return run_dir / WEIGHTS_FILE


def _n_classes(dataset: str) -> int:
    labels = labels_of(dataset)
    if len(labels) < 2:
        raise ConfigError(
            f"data set {dataset} has the label {labels[0]!r} alone, and a network tells two apart; "
            "score it with `clinicscope train score`"
        )
    return len(labels)


def split_for(recipe: Recipe, examples: list[Example]) -> Split:
    """The recipe's split of these examples. Raises DataError where it does not cover them."""
    split = load_split(
        recipe.dataset, recipe.held_out_fold, recipe.split, examples=examples, seed=recipe.seed
    )
    check_covered(split, examples)
    return split.holding_out(examples, recipe.held_out_sources)


def claim(run_dir: Path, recipe: Recipe) -> None:
    """Writes the recipe into the folder, or checks that it is the one that is there.

    Raises:
        ConfigError: the folder holds a run of another recipe.
    """
    path, content = run_dir / "recipe.json", json.dumps(to_plain(recipe), indent=1) + "\n"
    if path.is_file() and not _is_recipe(path, recipe):
        raise ConfigError(f"{run_dir} holds a run of another recipe; give another --out")
    run_dir.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def _is_recipe(path: Path, recipe: Recipe) -> bool:
    # By value: a setting that came later and has its default is no other recipe.
    try:
        return from_plain(Recipe, json.loads(path.read_text()), path.name) == recipe
    except (ValueError, ManifestError, ConfigError):
        return False


def _part(
    recipe: Recipe,
    examples: list[Example],
    crops: U8Array,
    split: Split,
    names: tuple[str, ...],
    n_classes: int,
) -> LabelledCrops:
    rows = _rows_of(examples, split, names)
    labels = np.array([examples[row].label for row in rows], np.float32)
    if len(set(labels.tolist())) < n_classes:
        raise DataError(
            f"the {names[0]} part has {len(rows)} crops of {len(set(labels.tolist()))} of "
            f"{n_classes} classes; check the folds"
        )
    source = np.array([examples[row].source for row in rows])
    if unknown := sorted(set(recipe.draws) - set(source.tolist())):
        raise ConfigError(f"draws has {unknown}; known: {sorted(set(source.tolist()))}")
    return LabelledCrops(crops[rows], labels, source)


def _rows_of(examples: list[Example], split: Split, names: tuple[str, ...]) -> list[int]:
    return [row for name in names for row in split.rows_of(examples, name)]


def _taught(
    recipe: Recipe,
    examples: list[Example],
    part: LabelledCrops,
    split: Split,
    names: tuple[str, ...],
) -> LabelledCrops:
    """The part with what the recipe's teacher says of it."""
    if recipe.teacher is None:
        return part
    own = [examples[row] for row in _rows_of(examples, split, names)]
    folds = fold_of(recipe.dataset)
    known = np.array([folds.get(split.id_of(example), -1) for example in own])
    said = [teacher_logits(recipe, own, labels_of(recipe.dataset), known)]
    if recipe.teacher.features:
        said.append(teacher_features(recipe.teacher, own))
    return replace(part, taught=tuple(said))
