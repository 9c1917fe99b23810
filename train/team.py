"""Who fits a network: one process alone, or workers that share each batch.

A team says how a step, a score and a checkpoint are made; what they are is the loop's. Workers hold
the same weights after each step, and are one TensorFlow process each.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.types import F32Array, U8Array
from train.batches import SCORING_BATCH, logit_function, logits_of

Step = Callable[..., tuple[Any, Any]]


class Team:
    """One process, which takes every batch whole.

    Attributes:
        index: of this worker, from 0; the first keeps the run folder.
        size: how many workers there are.
    """

    index, size = 0, 1

    @property
    def keeps(self) -> bool:
        """Whether this worker writes the run folder."""
        return self.index == 0

    def folder(self, run_dir: Path) -> Path:
        """Where this worker writes."""
        return run_dir

    def seed(self, seed: int, epoch: int) -> tuple[int, ...]:
        """What dropout draws from."""
        return (seed, epoch)

    def scope(self) -> AbstractContextManager[Any]:
        """Variables of a fit are made in it."""
        return nullcontext()

    def share(self, loss: Any) -> Any:
        """This worker's part of a loss that is a mean over its own rows."""
        return loss

    def compiled(self, step: Step) -> Step:
        """A step of this worker as one of all: it gives their mean loss and share called right."""
        import tensorflow as tf

        made: Step = tf.function(step, reduce_retracing=True)
        return made

    def settle(self, model: Any) -> None:
        """Brings together what workers keep apart in an epoch: running statistics."""

    def logit_function(self, model: Any, scale: float) -> Any:
        """See `train.batches.logit_function`; `logits` runs it."""
        return logit_function(model, scale)

    def logits(self, run: Any, crops: U8Array) -> F32Array:
        """See `train.batches.logits_of`; each worker scores a part."""
        return logits_of(run, crops)

    def whole(self, model: Any, build: Callable[[], Any]) -> Any:  # noqa: ARG002
        """The fitted network as one that needs no other worker; all call this at once."""
        return model


ALONE = Team()


class Workers(Team):
    """One of several processes, by `tf.distribute.MultiWorkerMirroredStrategy` on processors.

    Made before TensorFlow has computed anything; returns when all workers are there.

    Args:
        addresses: HOST:PORT of each worker, in order.
        index: which of them this process is.
        beat: called at each step.
    """

    def __init__(self, addresses: Sequence[str], index: int, beat: Callable[[], None]) -> None:
        import tensorflow as tf

        self.index, self.size, self._beat = index, len(addresses), beat
        task = {"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": index}}
        os.environ["TF_CONFIG"] = json.dumps(task)
        tf.config.set_visible_devices([], "GPU")
        shared = tf.distribute.experimental
        # Rings add in an order of their own, which is the same in every fit.
        options = shared.CommunicationOptions(
            implementation=shared.CommunicationImplementation.RING
        )
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
        # What all write, since all have to be asked for it, is kept by the first alone.
        self._own = tempfile.TemporaryDirectory(prefix="clinicscope-worker-")
        self._settle: Any = None

    def folder(self, run_dir: Path) -> Path:
        """The run folder for the first worker; for others one that nobody looks at."""
        return run_dir if self.keeps else Path(self._own.name)

    def seed(self, seed: int, epoch: int) -> tuple[int, ...]:
        """Each worker draws for rows of its own."""
        return (seed, epoch, self.index)

    def scope(self) -> AbstractContextManager[Any]:
        """See `Team.scope`."""
        scope: AbstractContextManager[Any] = self._strategy.scope()
        return scope

    def share(self, loss: Any) -> Any:
        """Gradients are added up over the workers, whose shares are of one size."""
        return loss / self.size

    def compiled(self, step: Step) -> Step:
        """See `Team.compiled`."""
        import tensorflow as tf

        @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
        def together(*batch: Any) -> Any:
            own = self._strategy.run(step, batch)
            return self._strategy.reduce(tf.distribute.ReduceOp.MEAN, own, axis=None)

        def told(*batch: Any) -> tuple[Any, Any]:
            self._beat()
            made: tuple[Any, Any] = together(*batch)
            return made

        return told

    def settle(self, model: Any) -> None:
        """Sets running means and variances to their mean over the workers.

        Both move by a share of each batch's statistics, so the mean of them is what the mean of the
        statistics would have made.
        """
        import tensorflow as tf

        if self._settle is None:
            on_read = tf.VariableSynchronization.ON_READ
            apart = [v for v in model.variables if v.synchronization == on_read]
            self._settle = self._settler(apart) if apart else lambda: None
        self._settle()

    def _settler(self, apart: list[Any]) -> Callable[[], Any]:
        import tensorflow as tf

        def own() -> None:
            values = [variable.read_value() for variable in apart]
            together = tf.distribute.get_replica_context().all_reduce(
                tf.distribute.ReduceOp.MEAN, values
            )
            for variable, value in zip(apart, together, strict=True):
                variable.assign(value)

        made: Callable[[], Any] = tf.function(lambda: self._strategy.run(own))
        return made

    def logit_function(self, model: Any, scale: float) -> Any:
        """See `Team.logit_function`; reads this worker's variables and asks nobody."""
        import tensorflow as tf

        def own(crops: Any) -> Any:
            return model(tf.cast(crops, tf.float32) * scale, training=False)["logit"]

        def run(crops: Any) -> Any:
            return self._strategy.run(own, (crops,))

        signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8)]
        return tf.function(run, input_signature=signature)

    def logits(self, run: Any, crops: U8Array) -> F32Array:
        """Each worker scores every so manieth batch, and all get all."""
        starts = range(0, len(crops), SCORING_BATCH)
        parts = [crops[at : at + SCORING_BATCH] for at in starts]
        # Without crops of its own a worker still knows the shape.
        scored = {k: logits_of(run, parts[k]) for k in range(self.index, len(parts), self.size)}
        return self._added(scored, parts, logits_of(run, crops[:1]))

    def _added(self, scored: dict[int, F32Array], parts: list[U8Array], like: F32Array) -> F32Array:
        import tensorflow as tf

        zeros = [np.zeros((len(part), *like.shape[1:]), np.float32) for part in parts]
        own = np.concatenate([scored.get(k, zeros[k]) for k in range(len(parts))])

        def add(values: Any) -> Any:
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

        return np.asarray(self._strategy.run(add, (tf.constant(own),)).numpy(), np.float32)

    def whole(self, model: Any, build: Callable[[], Any]) -> Any:
        """See `Team.whole`."""
        weights = model.get_weights()
        alone = build()
        alone.set_weights(weights)
        return alone
