"""Crops into batches: shuffled and augmented for fitting, plain for scoring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.contract.types import F32Array, U8Array
from train.augment import ALL, augment
from train.augment_image import augment_images
from train.drawn import draw_batch

if TYPE_CHECKING:
    from train.recipe import Recipe

SCORING_BATCH = 128


@dataclass(frozen=True, eq=False)
class LabelledCrops:
    """(N,H,W,3) uint8 RGB and (N,) class indices.

    Attributes:
        source: (N,) the collection of each; None where no recipe draws by it.
        taught: what a teacher says of each, float32 arrays with a row an example, NaN where it is
            silent.
        foreign: (M,H,W,3) uint8 RGB of real objects that are no red cell; None where a recipe
            takes none.
    """

    crops: U8Array
    labels: F32Array
    source: np.ndarray | None = None
    taught: tuple[F32Array, ...] = ()
    foreign: U8Array | None = None


def batches(
    part: LabelledCrops, recipe: Recipe, epoch: int, index: int = 0, of: int = 1
) -> Iterator[tuple[Any, ...]]:
    """Shuffled, augmented batches of one epoch: crops, labels, and each array of `taught`.

    Those of the objective `drawn` are a `DrawnBatch`'s arrays. The incomplete last batch is
    dropped.

    tf.data prepares them on all cores while the step runs. Each batch draws from a generator of its
    own, seeded by (seed, epoch, batch), so the order in which threads finish changes nothing.

    Args:
        index: which share of each batch to give, of
        of: equal ones; all of them joined are the batch.
    """
    import tensorflow as tf

    size = recipe.fit.batch_size
    own = slice(size // of * index, size // of * (index + 1))
    order = _rows_of_epoch(part, recipe, np.random.default_rng((recipe.seed, epoch)))

    def prepare(batch: np.int64) -> tuple[np.ndarray, ...]:
        rows = order[batch * size : (batch + 1) * size]
        rng = np.random.default_rng((recipe.seed, epoch, int(batch)))
        return _prepare(part, rows, recipe, rng, own)

    # One batch outside the pipeline says what shapes and types all have.
    first = prepare(np.int64(0))

    def load(batch: Any) -> tuple[Any, ...]:
        given = tf.numpy_function(prepare, [batch], [a.dtype for a in first])
        return tuple(tf.ensure_shape(a, b.shape) for a, b in zip(given, first, strict=True))

    steps = tf.data.Dataset.range(steps_of(part, recipe))
    prepared = steps.map(load, num_parallel_calls=2, deterministic=True).prefetch(4)
    # Its tuning thread costs a quarter of this work, and was seen to hold a step up for a minute.
    fixed = tf.data.Options()
    fixed.autotune.enabled = False
    return iter(prepared.with_options(fixed))


def _prepare(
    part: LabelledCrops, rows: np.ndarray, recipe: Recipe, rng: np.random.Generator, own: slice
) -> tuple[np.ndarray, ...]:
    if recipe.novelty is not None and recipe.novelty.objective == "drawn":
        drawn = draw_batch(part.crops[rows], recipe, rng, part.foreign)
        return drawn.images[own], drawn.kinds[own], drawn.truth[own]
    others = [values[rows[own]] for values in (part.labels, *part.taught)]
    return (augmented(part.crops[rows], recipe, rng, own), *others)


def augmented(
    crops: U8Array, recipe: Recipe, rng: np.random.Generator, own: slice = ALL
) -> U8Array:
    """As whole pictures where the recipe says how, else as cells on black; the rows `own`."""
    if recipe.image_augmentation is not None:
        return augment_images(crops, recipe.image_augmentation, rng, own)
    return augment(crops, recipe.augmentation, rng, own=own)


def steps_of(part: LabelledCrops, recipe: Recipe) -> int:
    """Steps of an epoch, at least one."""
    drawn = len(part.labels)
    for source, count in recipe.draws.items():
        drawn += count - int((part.source == source).sum())
    return max(1, drawn // recipe.fit.batch_size)


def _rows_of_epoch(part: LabelledCrops, recipe: Recipe, rng: np.random.Generator) -> np.ndarray:
    """All rows, shuffled; of collections that the recipe draws from, so many of each class."""
    drawn = []
    rest = np.ones(len(part.labels), bool)
    for source, count in sorted(recipe.draws.items()):
        own = part.source == source
        rest &= ~own
        classes = np.unique(part.labels[own])
        counts = _counts(count, recipe.shares.get(source) or (1 / len(classes),) * len(classes))
        for label, n in zip(classes, counts, strict=True):
            drawn.append(_draw(np.flatnonzero(own & (part.labels == label)), int(n), rng))
    return rng.permutation(np.concatenate([np.flatnonzero(rest), *drawn]))


def _counts(count: int, shares: tuple[float, ...]) -> np.ndarray:
    """Whole numbers that add up to `count`, in these shares; what is over goes to the first."""
    counts = np.floor(np.array(shares) * count + 1e-6).astype(int)
    counts[: count - counts.sum()] += 1
    return counts


def _draw(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of the rows; each as often as the others, where there are fewer."""
    whole = np.tile(rows, count // len(rows))
    return np.concatenate([whole, rng.choice(rows, count % len(rows), replace=False)])


def predict_logits(model: Any, crops: U8Array, scale: float, views: int = 1) -> F32Array:
    """Float logits of uint8 crops (N,H,W,3): (N,) for one output, else (N,K).

    Args:
        views: 1, or the mean over this many of the eight flips and quarter turns.
    """
    return logits_of(logit_function(model, scale), crops, views)


def logit_function(model: Any, scale: float) -> Any:
    """What `logits_of` runs: uint8 (N,H,W,3) to logits (N,K), traced once for any N."""
    import tensorflow as tf

    signature = [tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8)]
    return tf.function(
        lambda x: model(tf.cast(x, tf.float32) * scale, training=False)["logit"],
        input_signature=signature,
    )


def logits_of(run: Any, crops: U8Array, views: int = 1) -> F32Array:
    """As `predict_logits`, for many calls with the same network."""
    parts = [crops[at : at + SCORING_BATCH] for at in range(0, len(crops), SCORING_BATCH)]
    logits = np.concatenate(
        [
            np.mean([run(np.ascontiguousarray(v)).numpy() for v in turned(part, views)], axis=0)
            for part in parts
        ]
    )
    return np.asarray(logits[:, 0] if logits.shape[1] == 1 else logits, np.float32)


def turned(crops: U8Array, views: int) -> list[U8Array]:
    """The first `views` of: as is, half turn, two flips, and the same a quarter turn on."""
    flips = [crops, crops[:, ::-1, ::-1], crops[:, ::-1], crops[:, :, ::-1]]
    return (flips + [np.rot90(view, axes=(1, 2)) for view in flips])[:views]
