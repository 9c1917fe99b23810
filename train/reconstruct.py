"""The objective `reconstruct`: a network is to give back what it saw of a healthy cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError

if TYPE_CHECKING:
    from train.recipe import Recipe

_ENDS = ("target", "reconstruction")


def reconstruct(recipe: Recipe, model: Any) -> Any:
    """Mean squared error between the layers `target` and `reconstruction` of the network.

    No gradient reaches the target. Beside the loss it gives the share of the target's variance that
    is explained, at least 0, since healthy cells alone have no share that is called right.

    Raises:
        ConfigError: the network has no such layers, or the recipe waits for a validation loss,
            which an anomaly score has not.
    """
    import tensorflow as tf
    from tf_keras import Model

    fit = recipe.fit
    if fit.keep_best or fit.stop_patience or fit.schedule == "plateau":
        raise ConfigError(
            "keep_best, stop_patience and plateau go by the validation loss, which a network that "
            "reconstructs has not; leave them out"
        )
    if missing := set(_ENDS) - {layer.name for layer in model.layers}:
        raise ConfigError(
            f"objective 'reconstruct' needs a network with the layers {', '.join(_ENDS)}; "
            f"{model.name} lacks {', '.join(sorted(missing))}"
        )
    # With the logit, so that the statistics of healthy scores are kept along the way.
    both = Model(model.input, [*(model.get_layer(end).output for end in _ENDS), model.output])

    def objective(image: Any, _labels: Any) -> tuple[Any, Any]:
        target, made, _ = both(image, training=True)
        target = tf.stop_gradient(target)
        loss = tf.reduce_mean(tf.math.squared_difference(target, made))
        spread = tf.reduce_mean(tf.math.reduce_variance(target, axis=(1, 2)))
        return loss, tf.nn.relu(1 - loss / (spread + 1e-9))

    return objective
