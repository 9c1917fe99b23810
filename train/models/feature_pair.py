"""A student that learns a frozen teacher's features on healthy cells; it fails on what is new.

In the manner of EfficientAD (Batzner 2023, arXiv:2303.14535). There the teacher is a small network
that was distilled on ImageNet; here it is the first blocks of EfficientNet-Lite0 with its ImageNet
weights, which run in INT8 as they are, or random ones. Their autoencoder for logical anomalies and
their penalty on ImageNet are left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edge.contract.errors import ConfigError
from train.models import efficientnet_lite0
from train.models.freezing import freeze
from train.models.plain_cnn import features
from train.models.residuals import anomaly_head, computed, inside, residual_map

if TYPE_CHECKING:
    from train.recipe_parts import ModelSpec

WIDTHS, STRIDES, PATCH = (24, 32, 48, 64), (2, 1, 2, 1), 2
# The last block whose maps are an eighth of the side, (N,S/8,S/8,40).
_TEACHER_END, _TEACHER_STRIDE = "block4_add", 8


def build(size_px: int, _n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` (N,1) and `cam` (N,h,w,1).

    `spec.weights` are the teacher's, as `efficientnet_lite0` takes them. `spec.widths`, `strides`
    and `patch` are the student's, as in `plain_cnn`; together they must shrink the side by 8.

    Raises:
        ConfigError: the student's map is of another size than the teacher's, or a residual other
            than "squared".
    """
    from tf_keras import Model, layers

    if spec.residual.kind != "squared":
        raise ConfigError(f"residual.kind is {spec.residual.kind!r}; features have no direction")
    teacher = efficientnet_lite0.build(size_px, 1, spec)
    freeze(teacher.layers)
    image, seen = teacher.input, teacher.get_layer(_TEACHER_END).output
    # Every channel counts alike: in standard deviations over healthy cells.
    target = layers.BatchNormalization(
        momentum=0.98, center=False, scale=False, dtype="float32", name="target"
    )(seen)
    own = spec if spec.widths else replace(spec, widths=WIDTHS, strides=STRIDES, patch=PATCH)
    x = features(image, size_px, own)
    made = layers.Conv2D(seen.shape[-1], 1, dtype="float32", name="reconstruction")(x)
    if made.shape != target.shape:
        raise ConfigError(
            f"the student of feature_pair gives {made.shape[1:]}, the teacher {target.shape[1:]}; "
            f"patch and strides must shrink the side by {_TEACHER_STRIDE}"
        )
    cell = computed("inside", _inside, [image], rim_px=spec.residual.rim_px)
    cam = computed("cam", residual_map, [target, made, cell], spec=spec.residual)
    return Model(image, anomaly_head(cam, spec.top_k), name="feature_pair")


def _inside(image: Any, rim_px: int) -> Any:
    """(N,S/8,S/8,1): the share of each place that is cell."""
    import tensorflow as tf

    return tf.nn.avg_pool2d(inside(image, rim_px), _TEACHER_STRIDE, _TEACHER_STRIDE, "SAME")
