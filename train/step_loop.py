"""A fit by steps, resumable to the same result; what a step does is the caller's.

A run folder holds `log.csv`, `checkpoint/` and, once done, `model.weights.h5`. What an epoch shows
must depend on (seed, epoch) alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError, DataError
from train.log import as_logged, read_log, write_log
from train.models.start_weights import WEIGHTS_FILE
from train.recipe_parts import FitSpec
from train.run_folder import writing
from train.schedule import learning_rate

COLUMNS = ("epoch", "learning_rate", "loss", "seconds")
# What a fit of labels has, and one by steps has not.
_OF_LABELS = (
    "label_smoothing", "class_weights", "use_validation", "keep_best", "stop_patience",
    "frozen_epochs", "unfreeze_last",
)  # fmt: skip
Row = dict[str, float]


def check_fit(fit: FitSpec) -> None:
    """Raises ConfigError where a fit by steps would leave a setting without effect."""
    if unused := [name for name in _OF_LABELS if getattr(fit, name)]:
        raise ConfigError(f"fit has {', '.join(unused)}, which only fits of labels have")
    if fit.schedule == "plateau":
        raise ConfigError("fit.schedule is 'plateau', which waits for a validation loss")
    if fit.precision != "float32":
        raise ConfigError(f"fit.precision is {fit.precision!r}; a fit by steps has 'float32'")


class StepLoop:
    """Fits a model.

    Args:
        model: Keras, as it starts.
        fit: of it epochs, optimiser, learning rate and its schedule, and weight decay.
        steps: of an epoch.
        run_dir: made where it is missing.
        measured: columns that `measure` adds to the log.

    Raises:
        ConfigError: the folder holds a damaged checkpoint, or one of another network.
    """

    def __init__(
        self, model: Any, fit: FitSpec, steps: int, run_dir: Path, measured: Sequence[str] = ()
    ) -> None:
        import tensorflow as tf
        import tf_keras

        self.model, self.fit, self.steps, self.run_dir = model, fit, steps, run_dir
        self.columns = (*COLUMNS[:-1], *measured, COLUMNS[-1])
        kind = {"adam": tf_keras.optimizers.Adam, "adamw": tf_keras.optimizers.AdamW}
        decay = {"weight_decay": fit.weight_decay} if fit.weight_decay else {}
        self.optimiser = kind[fit.optimiser](fit.learning_rate, **decay)
        self.optimiser.build(model.trainable_variables)
        self.done = tf.Variable(0, dtype=tf.int64)
        parts = {"model": model, "optimiser": self.optimiser, "done": self.done}
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
        batches: Callable[[int], Iterable[Sequence[Any]]],
        loss: Callable[..., Any],
        *,
        clip_norm: float = 0.0,
        measure: Callable[[], Row] = dict,
        on_epoch: Callable[[Row], None] = lambda _row: None,
    ) -> Path:
        """Goes through the epochs that are not done yet.

        Args:
            batches: of an epoch, by its number from 0.
            loss: of the parts of one batch, a scalar.
            clip_norm: what the gradients' norm is cut to; 0 leaves them.
            measure: after each epoch, for a person to see.

        Returns:
            The path of the weights.

        Raises:
            DataError: the loss is not finite, or the disk is full.
        """
        log, step = self.run_dir / "log.csv", self._make_step(loss, clip_norm)
        # A kill between checkpoint and log must not leave a row too many.
        history = read_log(log)[: int(self.done.numpy())]
        for epoch in range(int(self.done.numpy()), self.fit.epochs):
            history.append(as_logged(self._epoch(batches(epoch), epoch, step) | measure()))
            self.done.assign(epoch + 1)
            with writing(self.run_dir):
                write_log(log, history, self.columns)
                self.manager.save()
            on_epoch(history[-1])
        with writing(self.run_dir):
            partial = self.run_dir / "partial.weights.h5"
            self.model.save_weights(partial)
            return partial.replace(self.run_dir / WEIGHTS_FILE)

    def _epoch(self, batches: Iterable[Sequence[Any]], epoch: int, step: Any) -> Row:
        started, losses, rate = time.monotonic(), [], 0.0
        for index, batch in enumerate(batches):
            rate = learning_rate(self.fit, epoch * self.steps + index, self.steps, ())
            self.optimiser.learning_rate.assign(rate)
            losses.append(float(step(*batch)))
            if not math.isfinite(losses[-1]):
                raise DataError(
                    f"loss is {losses[-1]} in epoch {epoch + 1}, step {index + 1}; lower "
                    "fit.learning_rate"
                )
        seconds = round(time.monotonic() - started, 1)
        return {"epoch": epoch + 1, "learning_rate": rate, "loss": float(np.mean(losses))} | {
            "seconds": seconds
        }

    def _make_step(self, loss: Callable[..., Any], clip_norm: float) -> Any:
        import tensorflow as tf

        variables = self.model.trainable_variables

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def step(*batch: Any) -> Any:
            with tf.GradientTape() as tape:
                value = loss(*batch)
            gradients = tape.gradient(value, variables)
            if clip_norm:
                gradients, _ = tf.clip_by_global_norm(gradients, clip_norm)
            self.optimiser.apply_gradients(zip(gradients, variables, strict=True))
            return value

        return step
