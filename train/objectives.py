"""What a fit minimises, by name: each takes a batch as `train.batches` makes it for that objective.

`classify`: cross-entropy with the labels, and a teacher's word beside them. `drawn`: healthy cells
apart from the same with drawn parasites, and both apart from foreign pictures. `reconstruct`:
healthy cells given back (`train.reconstruct`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from train.distil import hint_loss, with_teacher
from train.drawn import FOREIGN, PARASITE
from train.reconstruct import reconstruct

if TYPE_CHECKING:
    from edge.contract.types import F32Array
    from train.recipe import Recipe

# (images in the network's range, the batch's other arrays) -> (loss, share called right)
Objective = Callable[..., tuple[Any, Any]]
# A parasite covers little of a cell; without this its pixels would hardly count.
_PARASITE_PIXELS = 4.0


def objective_of(
    recipe: Recipe, model: Any, n_classes: int, class_weights: F32Array, hint: Any = None
) -> Objective:
    """The objective of a recipe for this network.

    Args:
        class_weights: (n_classes,), of `classify`.
        hint: `train.distil.hint_model` of the network, where a teacher's features are learnt.
    """
    if recipe.novelty is not None:
        return _OBJECTIVES[recipe.novelty.objective](recipe, model)
    return _classify(recipe, model, n_classes, class_weights, hint)


def _classify(
    recipe: Recipe, model: Any, n_classes: int, class_weights: F32Array, hint: Any
) -> Objective:
    import tensorflow as tf

    teacher, loss_of = recipe.teacher, _cross_entropy(n_classes, recipe.fit.label_smoothing)

    def objective(image: Any, labels: Any, *taught: Any) -> tuple[Any, Any]:
        classes = tf.cast(labels, tf.int32)
        if hint is None:
            logit = model(image, training=True)["logit"]
        else:
            logit, drawn = hint(image, training=True)
        each = loss_of(classes, logit)
        if teacher is not None:
            each = with_teacher(each, logit, taught[0], teacher)
        loss = tf.reduce_mean(each * tf.gather(class_weights, classes))
        if hint is not None and teacher is not None:
            loss += teacher.features_weight * hint_loss(drawn, taught[1])
        binary = n_classes == 2
        called = tf.cast(logit[:, 0] > 0, tf.int32) if binary else tf.argmax(logit, 1, tf.int32)
        return loss, tf.reduce_mean(tf.cast(called == classes, tf.float32))

    return objective


def _cross_entropy(n_classes: int, smoothing: float) -> Callable[[Any, Any], Any]:
    import tensorflow as tf

    def loss_of(classes: Any, logit: Any) -> Any:
        if n_classes == 2:
            target = tf.cast(classes, tf.float32) * (1 - smoothing) + smoothing / 2
            return tf.nn.sigmoid_cross_entropy_with_logits(target, logit[:, 0])
        target = tf.one_hot(classes, n_classes) * (1 - smoothing)
        return tf.nn.softmax_cross_entropy_with_logits(target + smoothing / n_classes, logit)

    return loss_of


def _drawn(recipe: Recipe, model: Any) -> Objective:
    """Of the novelty logit and its map on smear cells, and of the foreign logit on everything."""
    import tensorflow as tf

    entropy = tf.nn.sigmoid_cross_entropy_with_logits
    settings = recipe.novelty
    map_weight = settings.map_weight if settings else 0.0

    def objective(image: Any, kinds: Any, truth: Any) -> tuple[Any, Any]:
        outputs = model(image, training=True)
        logit, cam = outputs["logit"], outputs["cam"][..., :1]
        is_parasite = tf.cast(kinds == PARASITE, tf.float32)
        is_foreign = tf.cast(kinds == FOREIGN, tf.float32)
        of_cells = 1 - is_foreign
        block = image.shape[1] // cam.shape[1]
        covered = tf.nn.max_pool2d(
            tf.cast(truth, tf.float32)[..., None] / 255, block, block, "VALID"
        )
        pixels = entropy(covered, cam) * (1 + _PARASITE_PIXELS * covered)
        each = entropy(is_parasite, logit[:, 0])
        each += map_weight * tf.reduce_mean(pixels, axis=(1, 2, 3))
        foreign = entropy(is_foreign, logit[:, 1])
        loss = tf.reduce_sum(each * of_cells) / tf.maximum(tf.reduce_sum(of_cells), 1)
        right = tf.where(is_foreign > 0, logit[:, 1] > 0, (logit[:, 0] > 0) == (is_parasite > 0))
        return loss + tf.reduce_mean(foreign), tf.reduce_mean(tf.cast(right, tf.float32))

    return objective


_OBJECTIVES: dict[str, Callable[[Any, Any], Objective]] = {
    "drawn": _drawn,
    "reconstruct": reconstruct,
}
OBJECTIVES = tuple(_OBJECTIVES)


def class_weights_of(recipe: Recipe, labels: F32Array, n_classes: int) -> F32Array:
    """n / (k * n_of_the_class) where the recipe asks for it, else ones."""
    if not recipe.fit.class_weights:
        return np.ones(n_classes, np.float32)
    counts = np.bincount(labels.astype(int), minlength=n_classes)
    return np.asarray(len(labels) / (n_classes * counts), np.float32)


def own_logit(recipe: Recipe, logit: F32Array) -> F32Array:
    """What is compared with the labels: of a novelty network the first of two logits."""
    return logit[:, 0] if recipe.novelty is not None and logit.ndim == 2 else logit
