"""The fitting loop: steps, epochs, phases, checkpoints and logs of one run folder."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError, DataError
from edge.contract.types import F32Array
from train.batches import LabelledCrops, batches, steps_of
from train.distil import hint_model
from train.evaluate import log_loss, macro_auc
from train.log import LOG_COLUMNS, as_logged, read_log, write_log
from train.models import HEAD_LAYERS
from train.models.freezing import is_frozen_for_good
from train.networks import build_to_load, reseed
from train.objectives import class_weights_of, objective_of, own_logit
from train.recipe import Recipe
from train.run_folder import writing
from train.schedule import best_epoch, is_frozen, learning_rate, stops_early
from train.team import ALONE, Team

BEST_FILE = "best.weights.h5"


class Loop:
    """Fits `model` in `run_dir`, from the last checkpoint on.

    `n_features` are those of a teacher that the student's are drawn to; 0 is none. Of a team each
    worker has a loop of its own, with a model made in the team's scope.
    """

    def __init__(
        self,
        recipe: Recipe,
        run_dir: Path,
        model: Any,
        n_classes: int,
        n_features: int = 0,
        team: Team = ALONE,
    ) -> None:
        import tensorflow as tf

        self.recipe, self.run_dir, self.model, self.n_classes = recipe, run_dir, model, n_classes
        self.team, self.writes_to = team, team.folder(run_dir)
        with team.scope():
            self.hint = hint_model(model, n_features) if n_features else None
            self.optimiser = _optimiser(recipe, self._learning().trainable_variables)
            self.epochs_done = tf.Variable(0, dtype=tf.int64)
        self._steps: dict[bool, Any] = {}
        self._logit_of = team.logit_function(model, recipe.preprocessing.scale)
        parts = {"model": model, "optimiser": self.optimiser, "epochs_done": self.epochs_done}
        if self.hint is not None:
            parts["hint"] = self.hint
        self.checkpoint = tf.train.Checkpoint(**parts)
        self.manager = tf.train.CheckpointManager(
            self.checkpoint, str(self.writes_to / "checkpoint"), max_to_keep=1
        )
        self.board = tf.summary.create_file_writer(str(self.writes_to / "tensorboard"))
        self._restore()

    def _restore(self) -> None:
        import tensorflow as tf

        if path := tf.train.latest_checkpoint(str(self.run_dir / "checkpoint")):
            self._restore_from(path)
        # A kill between the checkpoint and the log, or the reverse, must not leave a row too many.
        path, done = self.run_dir / "log.csv", int(self.epochs_done.numpy())
        self._history = read_log(path)[:done]
        if len(read_log(path)) > done:
            write_log(self.writes_to / "log.csv", self._history)

    def _restore_from(self, path: str) -> None:
        import tensorflow as tf

        try:
            self.checkpoint.restore(path).assert_existing_objects_matched()
        # TensorFlow raises IndexError for a file cut short.
        except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
            raise ConfigError(
                f"{path} is damaged, or a checkpoint of another network than model "
                f"{self.recipe.model.name!r}; give another --out"
            ) from error

    def run(
        self,
        train: LabelledCrops,
        validation: LabelledCrops | None,
        on_epoch: Callable[[dict[str, float]], None],
    ) -> None:
        """All epochs that are left."""
        fit, history = self.recipe.fit, self._history
        for epoch in range(int(self.epochs_done.numpy()), fit.epochs):
            if stops_early(fit, history):
                break
            row = self._epoch(train, epoch, history)
            self.team.settle(self.model)
            row = as_logged(row | self._validate(validation))
            history.append(row)
            self.epochs_done.assign(epoch + 1)
            with writing(self.run_dir):
                self._record(history)
            on_epoch(row)

    def kept(self) -> Any:
        """The network with the weights to keep; all of a team ask for it."""

        def build() -> Any:
            return build_to_load(self.recipe, self.n_classes)

        model = self.team.whole(self.model, build)
        if self.recipe.fit.keep_best and self.team.keeps:
            model.load_weights(self.run_dir / BEST_FILE)
        return model

    def _record(self, history: list[dict[str, float]]) -> None:
        import tensorflow as tf

        if self.recipe.fit.keep_best and best_epoch(history) == len(history) - 1:
            self.model.save_weights(self.writes_to / BEST_FILE)
        write_log(self.writes_to / "log.csv", history)
        self.manager.save()
        with self.board.as_default(step=len(history)):
            for name, value in history[-1].items():
                tf.summary.scalar(name, value)

    def _epoch(
        self, train: LabelledCrops, epoch: int, history: list[dict[str, float]]
    ) -> dict[str, float]:
        started, fit = time.monotonic(), self.recipe.fit
        step, steps = self._step_of(train, epoch), steps_of(train, self.recipe)
        reseed(self.model, self.team.seed(self.recipe.seed, epoch))
        seen, rate, team = [], 0.0, self.team
        for index, batch in enumerate(batches(train, self.recipe, epoch, team.index, team.size)):
            rate = learning_rate(fit, epoch * steps + index, steps, history)
            self.optimiser.learning_rate.assign(rate)
            seen.append([float(value) for value in step(*batch)])
            if not math.isfinite(seen[-1][0]):
                raise DataError(
                    f"loss is {seen[-1][0]} in epoch {epoch + 1}, step {index + 1} at learning "
                    f"rate {rate:.2g}; lower fit.learning_rate"
                )
        loss, accuracy = np.mean(seen, axis=0)
        seconds = round(time.monotonic() - started, 1)
        row = {"epoch": epoch + 1, "learning_rate": rate, "loss": loss, "accuracy": accuracy}
        return row | {"seconds": seconds}

    def _step_of(self, train: LabelledCrops, epoch: int) -> Any:
        # Tracing a deep network takes as long as many steps: once a phase is enough.
        phase = is_frozen(self.recipe.fit, epoch)
        if phase not in self._steps:
            self._set_trainable(epoch)
            self._steps[phase] = self._make_step(train)
        return self._steps[phase]

    def _make_step(self, train: LabelledCrops) -> Any:
        import tensorflow as tf

        variables = self._learning().trainable_variables
        weights = class_weights_of(self.recipe, train.labels, self.n_classes)
        objective = objective_of(self.recipe, self.model, self.n_classes, weights, self.hint)
        scale, model, team = self.recipe.preprocessing.scale, self.model, self.team

        def step(crops: Any, *others: Any) -> Any:
            with tf.GradientTape() as tape:
                loss, right = objective(tf.cast(crops, tf.float32) * scale, *others)
                if model.losses:
                    loss += tf.add_n(model.losses)
                share = team.share(loss)
            self.optimiser.apply_gradients(
                zip(tape.gradient(share, variables), variables, strict=True)
            )
            return loss, right

        return team.compiled(step)

    def _learning(self) -> Any:
        return self.model if self.hint is None else self.hint

    def _set_trainable(self, epoch: int) -> None:
        fit, layers = self.recipe.fit, self.model.layers
        frozen = is_frozen(fit, epoch)
        first = len(layers) - fit.unfreeze_last if fit.unfreeze_last and not frozen else 0
        for index, layer in enumerate(layers):
            is_head = layer.name.startswith(HEAD_LAYERS)
            learns = is_head or (not frozen and index >= first)
            layer.trainable = learns and not is_frozen_for_good(layer)

    def _validate(self, validation: LabelledCrops | None) -> dict[str, float]:
        if validation is None:
            return dict.fromkeys(LOG_COLUMNS[4:7], math.nan)
        logit = own_logit(self.recipe, self.team.logits(self._logit_of, validation.crops))
        check_finite(logit, f"validation after epoch {int(self.epochs_done.numpy()) + 1}")
        labels = validation.labels.astype(int)
        called = logit > 0 if logit.ndim == 1 else logit.argmax(axis=1)
        return {
            "validation_loss": log_loss(logit, labels),
            "validation_auc": macro_auc(logit, labels),
            "validation_accuracy": float(np.mean(called == labels)),
        }


def _optimiser(recipe: Recipe, variables: list[Any]) -> Any:
    import tf_keras

    kind = {"adam": tf_keras.optimizers.Adam, "adamw": tf_keras.optimizers.AdamW}
    decay = {"weight_decay": recipe.fit.weight_decay} if recipe.fit.weight_decay else {}
    optimiser = kind[recipe.fit.optimiser](recipe.fit.learning_rate, **decay)
    optimiser.build(variables)
    return optimiser


def check_finite(logit: F32Array, where: str) -> None:
    """Raises DataError, naming `where`, when the weights have run away."""
    if bad := int((~np.isfinite(logit)).sum()):
        raise DataError(
            f"{bad} of {logit.size} logits of the {where} are not finite; lower fit.learning_rate"
        )
