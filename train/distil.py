"""What a teacher adds to the loss: its scores (Hinton 2015, arXiv:1503.02531) and, where the recipe
asks for it, its features (Romero 2014, arXiv:1412.6550, FitNets, on pooled features).

Rows in which the teacher is silent are NaN and learn from their label alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError

if TYPE_CHECKING:
    from train.recipe_parts import TeacherSpec


def with_teacher(hard: Any, logit: Any, teacher: Any, spec: TeacherSpec) -> Any:
    """(B,) loss: the labels' share of `hard` (B,), and the teacher's.

    Args:
        logit: (B,K') of the student, K' = 1 for two classes.
        teacher: (B,K') of the teacher, NaN where it is silent.
    """
    import tensorflow as tf

    silent = tf.reduce_any(tf.math.is_nan(teacher), axis=1)
    said = tf.where(tf.math.is_nan(teacher), tf.zeros_like(teacher), teacher) / spec.temperature
    own = logit / spec.temperature
    if logit.shape[1] == 1:
        soft = tf.nn.sigmoid_cross_entropy_with_logits(tf.sigmoid(said[:, 0]), own[:, 0])
    else:
        soft = tf.nn.softmax_cross_entropy_with_logits(tf.nn.softmax(said), own)
    # Gradients of softened scores shrink with the square of the temperature (Hinton, section 2.1).
    mixed = (1 - spec.weight) * hard + spec.weight * spec.temperature**2 * soft
    return tf.where(silent, hard, mixed)


def hint_model(model: Any, n_features: int) -> Any:
    """From an image to the student's logit and its pooled features as the teacher's, (B,D).

    The projection is fitted along and thrown away.

    Raises:
        ConfigError: the network has no class activation map to take features from.
    """
    from tf_keras import Model, layers

    if "cam" not in {layer.name for layer in model.layers}:
        raise ConfigError(f"network {model.name!r} has no class activation map to draw features to")
    pooled = layers.GlobalAveragePooling2D(dtype="float32")(model.get_layer("cam").input)
    projected = layers.Dense(n_features, use_bias=False, dtype="float32", name="hint")(pooled)
    return Model(model.input, [model.output["logit"], projected], name="hint")


def hint_loss(projected: Any, teacher: Any) -> Any:
    """Mean of 1 - cosine between (B,D) features, over the rows in which the teacher speaks."""
    import tensorflow as tf

    silent = tf.reduce_any(tf.math.is_nan(teacher), axis=1)
    said = tf.where(silent[:, None], tf.zeros_like(teacher), teacher)
    cosine = tf.reduce_sum(tf.math.l2_normalize(projected, axis=1) * said, axis=1)
    heard = tf.cast(~silent, tf.float32)
    return tf.reduce_sum((1 - cosine) * heard) / tf.maximum(tf.reduce_sum(heard), 1.0)
