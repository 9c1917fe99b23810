"""Fitting one student: the loop, its log, and resuming to the same result after a kill.

A run folder holds `recipe.json`, `split.json`, `log.csv`, `checkpoint/` and, once done,
`model.weights.h5`. An epoch's batches and augmentation depend on (seed, epoch) alone, so a resumed
fit sees what an undisturbed one would have seen.
"""

from __future__ import annotations

import csv
import json
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.records import to_plain
from edge.contract.types import F32Array, U8Array
from train.augment import Augmentation, augment
from train.datasets.base import list_examples, load_crops
from train.models import build_model
from train.recipe import Recipe
from train.splits import Split, check_covered, load_split

LOG_COLUMNS = ("epoch", "loss", "accuracy", "validation_auc", "validation_accuracy", "seconds")


@dataclass(frozen=True, eq=False)
class LabelledCrops:
    """(N,H,W,3) uint8 RGB and (N,) labels 0 or 1."""

    crops: U8Array
    labels: F32Array


def fit(
    recipe: Recipe,
    run_dir: Path,
    *,
    data: Path | None = None,
    on_epoch: Callable[[dict[str, float]], None] = lambda _row: None,
) -> Path:
    """Fits the recipe's student, or goes on where an earlier call stopped.

    Args:
        data: the folder of data sets; None reads CLINICSCOPE_DATA.
        on_epoch: called with each row of the log.

    Returns:
        The path of the weights.

    Raises:
        ConfigError: the folder holds a run of another recipe.
        DataError: a split leaks, an image is unreadable, or the loss is not finite.
    """
    _claim(run_dir, recipe)
    examples = list_examples(recipe.dataset, data)
    split = load_split(recipe.dataset, recipe.held_out_fold)
    check_covered(split, examples)
    crops = load_crops(examples, recipe.preprocessing, run_dir.parent / "cache")
    parts = [_part(examples, crops, split, name) for name in ("train", "validation")]
    (run_dir / "split.json").write_text(json.dumps(to_plain(split)) + "\n")
    return _run(recipe, run_dir, parts[0], parts[1], on_epoch)


def _claim(run_dir: Path, recipe: Recipe) -> None:
    path, content = run_dir / "recipe.json", json.dumps(to_plain(recipe), indent=1) + "\n"
    if path.is_file() and path.read_text() != content:
        raise ConfigError(f"{run_dir} holds a run of another recipe; give another --out")
    run_dir.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def _part(examples: list[Any], crops: U8Array, split: Split, name: str) -> LabelledCrops:
    patients = set(getattr(split, name))
    rows = [row for row, example in enumerate(examples) if example.patient in patients]
    labels = np.array([examples[row].label for row in rows], np.float32)
    if len(set(labels.tolist())) < 2:
        raise DataError(f"the {name} part has {len(rows)} crops of one class; check the folds")
    return LabelledCrops(crops[rows], labels)


def _run(
    recipe: Recipe,
    run_dir: Path,
    train: LabelledCrops,
    validation: LabelledCrops,
    on_epoch: Callable[[dict[str, float]], None],
) -> Path:
    import tensorflow as tf
    import tf_keras

    tf_keras.utils.set_random_seed(recipe.seed)
    model = build_model(recipe.model, recipe.preprocessing)
    optimiser = _optimiser(recipe, len(train.labels) // recipe.fit.batch_size)
    optimiser.build(model.trainable_variables)
    epochs_done = tf.Variable(0, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(model=model, optimiser=optimiser, epochs_done=epochs_done)
    manager = tf.train.CheckpointManager(checkpoint, str(run_dir / "checkpoint"), max_to_keep=1)
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).assert_existing_objects_matched()
    step = _make_step(model, optimiser, recipe)
    for epoch in range(int(epochs_done.numpy()), recipe.fit.epochs):
        row = _fit_epoch(recipe, step, train, epoch) | _validate(
            model, validation, recipe.preprocessing.scale
        )
        epochs_done.assign(epoch + 1)
        manager.save()
        _append_log(run_dir / "log.csv", row)
        on_epoch(row)
    weights = run_dir / "model.weights.h5"
    model.save_weights(run_dir / "partial.weights.h5")
    (run_dir / "partial.weights.h5").replace(weights)
    return weights


def _optimiser(recipe: Recipe, steps: int) -> Any:
    import tf_keras

    schedule = tf_keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, round(steps * (recipe.fit.epochs - recipe.fit.warmup_epochs))),
        warmup_target=recipe.fit.learning_rate,
        warmup_steps=max(1, round(steps * recipe.fit.warmup_epochs)),
    )
    return tf_keras.optimizers.AdamW(schedule, weight_decay=recipe.fit.weight_decay)


def _make_step(model: Any, optimiser: Any, recipe: Recipe) -> Any:
    import tensorflow as tf
    import tf_keras

    loss_of = tf_keras.losses.BinaryCrossentropy(True, recipe.fit.label_smoothing)
    scale = recipe.preprocessing.scale

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(crops: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logit = model(tf.cast(crops, tf.float32) * scale, training=True)["logit"][:, 0]
            loss = loss_of(labels, logit)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimiser.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss, tf.reduce_mean(tf.cast((logit > 0) == (labels > 0.5), tf.float32))

    return step


def _fit_epoch(recipe: Recipe, step: Any, train: LabelledCrops, epoch: int) -> dict[str, float]:
    started = time.monotonic()
    seen = np.array(
        [
            [float(value) for value in step(crops, labels)]
            for crops, labels in batches(
                train, recipe.augmentation, recipe.fit.batch_size, (recipe.seed, epoch)
            )
        ]
    )
    loss, accuracy = seen.mean(axis=0)
    if not math.isfinite(loss):
        raise DataError(f"loss is {loss} in epoch {epoch + 1}; lower fit.learning_rate")
    seconds = time.monotonic() - started
    return {"epoch": epoch + 1, "loss": loss, "accuracy": accuracy, "seconds": round(seconds, 1)}


def batches(
    part: LabelledCrops, settings: Augmentation, batch_size: int, seed: tuple[int, int]
) -> Iterator[tuple[U8Array, F32Array]]:
    """Shuffled, augmented batches of one epoch, prepared ahead by a thread; the rest is dropped."""
    ready: queue.Queue[Any] = queue.Queue(maxsize=4)

    def produce() -> None:
        try:
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(part.labels))
            for start in range(0, len(order) - batch_size + 1, batch_size):
                rows = order[start : start + batch_size]
                ready.put((augment(part.crops[rows], settings, rng), part.labels[rows]))
            ready.put(None)
        except Exception as error:  # handed over, and raised again by the consumer
            ready.put(error)

    threading.Thread(target=produce, daemon=True).start()
    while (item := ready.get()) is not None:
        if isinstance(item, Exception):
            raise item
        yield item


def predict_logits(model: Any, crops: U8Array, scale: float, batch_size: int = 256) -> F32Array:
    """Float logits (N,) of uint8 crops (N,H,W,3)."""
    return np.concatenate(
        [
            model(crops[at : at + batch_size].astype(np.float32) * scale, training=False)[
                "logit"
            ].numpy()[:, 0]
            for at in range(0, len(crops), batch_size)
        ]
    )


def _validate(model: Any, validation: LabelledCrops, scale: float) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    logit = predict_logits(model, validation.crops, scale)
    return {
        "validation_auc": float(roc_auc_score(validation.labels, logit)),
        "validation_accuracy": float(np.mean((logit > 0) == (validation.labels > 0.5))),
    }


def _append_log(path: Path, row: dict[str, float]) -> None:
    new = not path.is_file()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, LOG_COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow({key: round(row[key], 5) for key in LOG_COLUMNS})
