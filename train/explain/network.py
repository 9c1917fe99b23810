"""A fitted network as the explanations see it: scores of a class, gradients, features, baseline.

With one logit z (two classes) the logit of the positive class is z and that of the other is -z;
with K classes each has its own. Images are (N,H,W,3) float32 RGB in the network's own range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError
from edge.contract.types import F32Array
from train.explain.baseline import Baseline
from train.models import HEAD_LAYERS

# About 25 MB of float32 pixels a batch, whatever the size of the input.
_BATCH_PIXELS, _LARGEST_BATCH = 2**21, 128


class Network:
    """A fitted model with what an explanation needs of it.

    Attributes:
        baseline: what stands for "nothing there", the same for every method and measure.
        seed: of the methods that draw at random.
        batch: images a pass, so that memory is bounded.
    """

    def __init__(self, model: Any, baseline: Baseline, seed: int = 0) -> None:
        self.model, self.baseline, self.seed = model, baseline, seed
        size_px = int(model.input_shape[1])
        self.n_outputs = int(model.output["logit"].shape[-1])
        self.batch = max(1, min(_LARGEST_BATCH, _BATCH_PIXELS // size_px**2))

    @property
    def has_cam(self) -> bool:
        """Whether the network gives a class activation map itself."""
        return "cam" in self.model.output

    @cached_property
    def feature_map(self) -> Any:
        """The last convolutional features, symbolic, (N,h,w,C) of more than one place.

        What the layer `cam` reads, where there is one: branches are joined there. Else the last map
        below the head.

        Raises:
            ConfigError: the network has none.
        """
        if self.has_cam:
            return self.model.get_layer("cam").input
        for layer in reversed(self.model.layers):
            shape = getattr(layer, "output_shape", None)
            is_map = isinstance(shape, tuple) and len(shape) == 4 and min(shape[1:3]) > 1
            if is_map and not layer.name.startswith(HEAD_LAYERS) and layer.inbound_nodes:
                return layer.output
        raise ConfigError(
            f"network {self.model.name} has no convolutional feature map; leave grad_cam out of "
            "--methods"
        )

    def score(self, images: F32Array, targets: np.ndarray) -> F32Array:
        """Logit of each image's target class, (N,) float32; `targets` (N,) class indices."""
        return self._in_batches(self._score, images, self._weights(targets))

    def probabilities(self, images: F32Array) -> F32Array:
        """P of each class, (N,K) float32; (N,2) for one logit."""
        logit = self._in_batches(self._logits, images).astype(np.float64)
        if self.n_outputs == 1:
            logit = np.concatenate([np.zeros_like(logit), logit], axis=1)
        shifted = np.exp(logit - logit.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), np.float32)

    def gradients(self, images: F32Array, targets: np.ndarray) -> F32Array:
        """Gradient of the target's logit by the pixels, (N,H,W,3) float32."""
        return self._in_batches(self._gradients, images, self._weights(targets))

    def feature_gradients(self, images: F32Array, targets: np.ndarray) -> tuple[F32Array, F32Array]:
        """The last feature map and the gradient of the target's logit by it, (N,h,w,C) both."""
        both = self._in_batches(self._feature_gradients, images, self._weights(targets))
        features, gradients = np.split(both, 2, axis=-1)
        return features, gradients

    def class_activation(self, images: F32Array, targets: np.ndarray) -> F32Array:
        """The network's own map for each image's target, (N,h,w) float32.

        Raises:
            ConfigError: the network has none.
        """
        if not self.has_cam:
            raise ConfigError(
                f"network {self.model.name} has no class activation map of its own; leave cam out "
                "of --methods"
            )
        return self._in_batches(self._class_activation, images, self._weights(targets))

    def embed(self, images: F32Array) -> F32Array:
        """Penultimate features, (N,C) float32: what the last dense layer reads, else the mean of
        the last feature map over its places."""
        return self._in_batches(self._embed, images)

    @contextmanager
    def randomised(self, seed: int) -> Iterator[None]:
        """Within it, the values of each weight tensor are shuffled; nothing learnt is left.

        Shuffling keeps the size of the weights, so that activations neither die nor explode, which
        a draw from an initialiser does to networks with normalisation.
        """
        rng, kept = np.random.default_rng(seed), self.model.get_weights()
        try:
            self.model.set_weights([rng.permutation(w.ravel()).reshape(w.shape) for w in kept])
            yield
        finally:
            self.model.set_weights(kept)

    def _weights(self, targets: np.ndarray) -> F32Array:
        """(N,outputs) factors whose product with the logits is the target's logit."""
        targets = np.asarray(targets)
        if self.n_outputs == 1:
            return np.where(targets > 0, 1, -1).astype(np.float32)[:, None]
        return np.eye(self.n_outputs, dtype=np.float32)[targets]

    def _in_batches(self, run: Callable[..., Any], *arrays: F32Array) -> F32Array:
        starts = range(0, len(arrays[0]), self.batch)
        parts = [
            run(*(np.asarray(array[at : at + self.batch], np.float32) for array in arrays)).numpy()
            for at in starts
        ]
        return np.concatenate(parts)

    # Each pass is traced once: a free batch size, and variables that `randomised` may set.
    def _traced(self, run: Callable[..., Any], *, weighted: bool = True) -> Callable[..., Any]:
        import tensorflow as tf

        images = tf.TensorSpec((None, *self.model.input_shape[1:]), tf.float32)
        weights = tf.TensorSpec((None, self.n_outputs), tf.float32)
        traced: Callable[..., Any] = tf.function(
            run, input_signature=[images, weights] if weighted else [images]
        )
        return traced

    @cached_property
    def _logits(self) -> Callable[..., Any]:
        return self._traced(lambda x: self.model(x, training=False)["logit"], weighted=False)

    @cached_property
    def _score(self) -> Callable[..., Any]:
        return self._traced(lambda x, w: _chosen(self.model(x, training=False)["logit"], w))

    @cached_property
    def _gradients(self) -> Callable[..., Any]:
        import tensorflow as tf

        def run(x: Any, w: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                score = _chosen(self.model(x, training=False)["logit"], w)
            return tape.gradient(score, x)

        return self._traced(run)

    @cached_property
    def _feature_gradients(self) -> Callable[..., Any]:
        import tensorflow as tf
        import tf_keras

        outputs = [self.feature_map, self.model.output["logit"]]
        tapped = tf_keras.Model(self.model.input, outputs)

        def run(x: Any, w: Any) -> Any:
            with tf.GradientTape() as tape:
                features, logit = tapped(x, training=False)
                score = _chosen(logit, w)
            return tf.cast(tf.concat([features, tape.gradient(score, features)], -1), tf.float32)

        return self._traced(run)

    @cached_property
    def _class_activation(self) -> Callable[..., Any]:
        return self._traced(
            lambda x, w: _chosen(self.model(x, training=False)["cam"], w[:, None, None])
        )

    @cached_property
    def _embed(self) -> Callable[..., Any]:
        import tensorflow as tf
        import tf_keras

        last = self.model.get_layer("logit")
        dense = isinstance(last, tf_keras.layers.Dense)
        tapped = tf_keras.Model(self.model.input, last.input if dense else self.feature_map)

        def run(x: Any) -> Any:
            features = tf.cast(tapped(x, training=False), tf.float32)
            return features if dense else tf.reduce_mean(features, axis=(1, 2))

        return self._traced(run, weighted=False)


def _chosen(logit: Any, weights: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_sum(tf.cast(logit, tf.float32) * weights, axis=-1)
