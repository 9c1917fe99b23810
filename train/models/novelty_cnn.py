"""A small network of two maps: what a cell has that healthy ones have not, and what is no cell.

The first logit is the mean of the highest places of its map, since a parasite covers few. The
second is the mean of a coarser map, each place of which has seen the whole picture: half a cell or
a plank of wood looks like a cell from near by. Layers as in `plain_cnn`, so it quantises as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from train.models.plain_cnn import convolution, features

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

# Of the branch that sees everything; each halves the map.
_FAR_WIDTHS = (32, 32)


def build(size_px: int, _n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` (N,2) and `cam` (N,h,w,2).

    `spec.top_k` is how many places the first logit is the mean of; the rest as `plain_cnn`.

    Raises:
        ConfigError: the patch does not divide the side.
    """
    from tf_keras import Model, layers

    inputs = layers.Input((size_px, size_px, 3), name="image")
    near = features(inputs, size_px, spec)
    far = near
    for width in _FAR_WIDTHS:
        far = convolution(far, width, 2)
    places = layers.Conv2D(1, 1, dtype="float32", name="cam_novelty")(near)
    whole = layers.Conv2D(1, 1, dtype="float32", name="cam_foreign")(far)
    # Bilinear: the fast kernels of small processors know no nearest neighbour.
    factor = near.shape[1] // far.shape[1]
    spread = layers.UpSampling2D(factor, interpolation="bilinear", dtype="float32")(whole)
    cam = layers.Concatenate(dtype="float32", name="cam")([places, spread])
    pool = layers.Lambda(_pool, arguments={"top_k": spec.top_k}, dtype="float32", name="logit")
    return Model(inputs, {"logit": pool([places, whole]), "cam": cam}, name="novelty_cnn")


def _pool(maps: list[Any], top_k: int) -> Any:
    """(N,h,w,1) and (N,v,u,1) to (N,2); the coarse map as it is costs less than spread."""
    import tensorflow as tf

    places, whole = (tf.reshape(one, [-1, one.shape[1] * one.shape[2]]) for one in maps)
    highest = tf.math.top_k(places, min(top_k, places.shape[1])).values
    means = [tf.reduce_mean(values, axis=1, keepdims=True) for values in (highest, whole)]
    return tf.concat(means, axis=1)
