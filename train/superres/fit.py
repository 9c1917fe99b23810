"""Fitting an enhancer: absolute or squared error on patches, resumable to the same result.

A run folder holds `recipe.json`, `log.csv`, `checkpoint/` and, once done, `model.weights.h5`. An
epoch's patches depend on (seed, epoch) alone. After each epoch patches of validation patients are
enlarged; nothing is chosen by what comes out, it is for a person to see.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.records import to_plain
from edge.contract.types import U8Array
from train.log import as_logged, read_log, write_log
from train.loop import writing
from train.models.start_weights import WEIGHTS_FILE
from train.models.superres import build_enhancer
from train.schedule import learning_rate
from train.superres.networks import INTERPOLATIONS, read_enhancer_recipe
from train.superres.pairs import Patches, load_fields, load_high_res
from train.superres.recipe import EnhancerRecipe

COLUMNS = (
    "epoch", "learning_rate", "loss", "validation_psnr_db", "bicubic_psnr_db", "seconds",
)  # fmt: skip
_VALIDATION_BATCHES = 8
# A grey level, 48 dB: what is nearer than that, nobody sees.
_LEAST_ERROR = 0.1 / 255**2
Row = dict[str, float]


def fit_enhancer(
    recipe: EnhancerRecipe,
    run_dir: Path,
    *,
    data: Path | None = None,
    on_epoch: Callable[[Row], None] = lambda _row: None,
) -> Path:
    """Fits the recipe's network, or goes on where an earlier call stopped.

    Returns:
        The path of the weights.

    Raises:
        ConfigError: the folder holds a run of another recipe, or a damaged checkpoint.
        DataError: an image cannot be read, the loss is not finite, or the disk is full.
    """
    _claim(run_dir, recipe)
    cells = [cell for part in recipe.parts for cell in load_high_res(recipe, part, data)]
    cells += load_fields(recipe, data)
    kept = load_high_res(recipe, "validation", data)
    _Loop(recipe, run_dir).run(Patches(cells, recipe), _validation(kept, recipe), on_epoch)
    return run_dir / WEIGHTS_FILE


def loss_function(name: str) -> Callable[[Any], Any]:
    """Of the error (N,H,W,3) in [-1,1], by a name of `train.superres.recipe.LOSSES`."""
    import tensorflow as tf

    def log_of_each(error: Any) -> Any:
        each = tf.reduce_mean(tf.square(error), axis=(1, 2, 3))
        return tf.reduce_mean(tf.math.log(each + _LEAST_ERROR))

    known = {
        "l1": lambda error: tf.reduce_mean(tf.abs(error)),
        "l2": lambda error: tf.reduce_mean(tf.square(error)),
        "psnr": log_of_each,
    }
    return known[name]


def _claim(run_dir: Path, recipe: EnhancerRecipe) -> None:
    path = run_dir / "recipe.json"
    if path.is_file() and read_enhancer_recipe(run_dir) != recipe:
        raise ConfigError(f"{run_dir} holds a run of another recipe; give another --out")
    with writing(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(to_plain(recipe), indent=1) + "\n")


def _validation(cells: list[Any], recipe: EnhancerRecipe) -> list[tuple[U8Array, U8Array]]:
    short = replace(recipe, steps=_VALIDATION_BATCHES)
    return list(Patches(cells, short).batches(0))


class _Loop:
    def __init__(self, recipe: EnhancerRecipe, run_dir: Path) -> None:
        import tensorflow as tf
        import tf_keras

        self.recipe, self.run_dir = recipe, run_dir
        tf_keras.utils.set_random_seed(recipe.seed)
        self.model = build_enhancer(recipe.model)
        kind = {"adam": tf_keras.optimizers.Adam, "adamw": tf_keras.optimizers.AdamW}
        decay = {"weight_decay": recipe.fit.weight_decay} if recipe.fit.weight_decay else {}
        self.optimiser = kind[recipe.fit.optimiser](recipe.fit.learning_rate, **decay)
        self.optimiser.build(self.model.trainable_variables)
        self.done = tf.Variable(0, dtype=tf.int64)
        parts = {"model": self.model, "optimiser": self.optimiser, "done": self.done}
        self.manager = tf.train.CheckpointManager(
            tf.train.Checkpoint(**parts), str(run_dir / "checkpoint"), max_to_keep=1
        )
        self._restore()

    def _restore(self) -> None:
        import tensorflow as tf

        if path := self.manager.latest_checkpoint:
            try:
                self.manager.checkpoint.restore(path).assert_existing_objects_matched()
            # TensorFlow raises IndexError for a file cut short.
            except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
                raise ConfigError(
                    f"{path} is damaged, or of another network; give another --out"
                ) from error

    def run(
        self,
        patches: Patches,
        validation: list[tuple[U8Array, U8Array]],
        on_epoch: Callable[[Row], None],
    ) -> None:
        log, step = self.run_dir / "log.csv", self._make_step()
        # A kill between checkpoint and log must not leave a row too many.
        history = read_log(log)[: int(self.done.numpy())]
        for epoch in range(int(self.done.numpy()), self.recipe.fit.epochs):
            history.append(as_logged(self._epoch(patches, epoch, step) | self._measure(validation)))
            self.done.assign(epoch + 1)
            with writing(self.run_dir):
                write_log(log, history, COLUMNS)
                self.manager.save()
            on_epoch(history[-1])
        with writing(self.run_dir):
            partial = self.run_dir / "partial.weights.h5"
            self.model.save_weights(partial)
            partial.replace(self.run_dir / WEIGHTS_FILE)

    def _epoch(self, patches: Patches, epoch: int, step: Any) -> Row:
        started, fit, losses, rate = time.monotonic(), self.recipe.fit, [], 0.0
        for index, (low, high) in enumerate(patches.batches(epoch)):
            rate = learning_rate(fit, epoch * self.recipe.steps + index, self.recipe.steps, ())
            self.optimiser.learning_rate.assign(rate)
            losses.append(float(step(low, high)))
            if not math.isfinite(losses[-1]):
                raise DataError(
                    f"loss is {losses[-1]} in epoch {epoch + 1}, step {index + 1}; lower "
                    "fit.learning_rate"
                )
        seconds = round(time.monotonic() - started, 1)
        return {"epoch": epoch + 1, "learning_rate": rate, "loss": float(np.mean(losses))} | {
            "seconds": seconds
        }

    def _make_step(self) -> Any:
        import tensorflow as tf

        variables = self.model.trainable_variables
        loss_of, clip_norm = loss_function(self.recipe.loss), self.recipe.clip_norm

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def step(low: Any, high: Any) -> Any:
            with tf.GradientTape() as tape:
                made = self.model(tf.cast(low, tf.float32) / 255, training=True)
                loss = loss_of(made - tf.cast(high, tf.float32) / 255)
            gradients = tape.gradient(loss, variables)
            if clip_norm:
                gradients, _ = tf.clip_by_global_norm(gradients, clip_norm)
            self.optimiser.apply_gradients(zip(gradients, variables, strict=True))
            return loss

        return step

    def _measure(self, validation: list[tuple[U8Array, U8Array]]) -> Row:
        made = [np.asarray(self.model(low / np.float32(255))) for low, _ in validation]
        bicubic = [
            np.stack([INTERPOLATIONS["bicubic"](one) for one in low]) for low, _ in validation
        ]
        high = [good for _, good in validation]
        return {
            "validation_psnr_db": _mean_psnr([np.clip(one, 0, 1) * 255 for one in made], high),
            "bicubic_psnr_db": _mean_psnr(bicubic, high),
        }


def _mean_psnr(made: list[np.ndarray], good: list[U8Array]) -> float:
    """Of the pooled squared error; patches all black would have no PSNR of their own."""
    error = np.mean(
        [np.mean((a.astype(np.float64) - b) ** 2) for a, b in zip(made, good, strict=True)]
    )
    return float(10 * np.log10(255**2 / max(error, 1e-9)))
