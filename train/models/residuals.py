"""What autoencoders of cells share: what they look at, how their error is read, and the score.

Everything is in the graph, of operations that have integer kernels: steps are clipped ramps, since
TFLite rounds and compares in float alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from edge.contract.errors import ConfigError

KINDS = ("squared", "darker", "saturated", "stained")
COLOUR_KINDS = ("saturated", "stained")
# ITU-R BT.601, as OpenCV turns RGB to grey.
_LUMA = (0.299, 0.587, 0.114)
# Brightest channel of the middle of the cell's rim, and how far a step rises round its place.
_RIM_LEVEL, _RAMP = 24 / 255, 0.1
# Of the statistics of healthy cells' scores: they have to follow a fit while its errors shrink.
_MOMENTUM = 0.98


@dataclass(frozen=True)
class ResidualSpec:
    """What is compared with the reconstruction, and which difference counts.

    Attributes:
        kind: "squared"; or than the reconstruction "darker", "saturated", or "stained", which is
            darker in green, where the dyes of a smear take most light. These count the difference
            in their direction alone: dye adds to a cell and nothing takes it away.
        rim_px: width of the cell's rim that does not count, where glass shines through.
        block_px: side of the squares of pixels whose mean is a place of the map; they overlap by
            half.
        threshold: grey value from which on a pixel is plain: it becomes 0, and what is darker
            rises to 1 at black; 0 leaves the image. Of grey images alone.
        levels: grey values that are left when the image is simplified; 0 leaves all.
    """

    kind: str = "squared"
    rim_px: int = 2
    block_px: int = 1
    threshold: float = 0.0
    levels: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"residual.kind is {self.kind!r}; known: {', '.join(KINDS)}")
        if self.levels == 1 or self.levels < 0 or not 0 <= self.threshold <= 1:
            raise ConfigError(
                f"residual.levels is {self.levels}, threshold {self.threshold}; at least 2 levels "
                "or 0 for all, and a grey value from 0 to 1"
            )
        if self.rim_px < 0 or self.block_px < 1:
            raise ConfigError(
                f"residual.rim_px is {self.rim_px}, block_px {self.block_px}; at least 0 and 1 px"
            )


def inside(image: Any, rim_px: int) -> Any:
    """(N,S,S,1) from 0 to 1: what is cell and not its rim, of (N,S,S,3) with black outside."""
    import tensorflow as tf

    outside = 1 - _step(tf.reduce_max(image, axis=-1, keepdims=True), _RIM_LEVEL)
    side = 2 * rim_px + 1
    return 1 - tf.nn.max_pool2d(outside, side, 1, "SAME")


def grey_target(image: Any, cell: Any, threshold: float, levels: int) -> Any:
    """(N,S,S,1) in 0 to 1: the cell in grey, thresholded and simplified where that is asked for.

    Args:
        cell: of `inside`; what is outside is 0.
    """
    import tensorflow as tf

    luma = tf.constant(_LUMA, tf.float32, (1, 1, 3, 1))
    grey = tf.nn.conv2d(image, luma, 1, "VALID")
    if threshold:
        grey = tf.nn.relu(threshold - grey) / threshold
    if levels:
        places = [(level + 0.5) / (levels - 1) for level in range(levels - 1)]
        # One by one: the addition of many has no integer kernel.
        grey = reduce(add, [_step(grey, place) for place in places]) / (levels - 1)
    return grey * cell


def residual_map(target: Any, made: Any, cell: Any, spec: ResidualSpec, dark: bool = True) -> Any:
    """(N,h,w,1): where the target differs from what was made of it, inside the cell.

    Args:
        target, made: (N,S,S,C), C of 3 for COLOUR_KINDS.
        dark: low values are dark; not so where a threshold made dark ones high.
    """
    import tensorflow as tf

    if spec.kind == "saturated":
        missed = tf.nn.relu(_chroma(target) - _chroma(made))
    elif spec.kind == "stained":
        missed = tf.nn.relu(made[..., 1:2] - target[..., 1:2])
    elif spec.kind == "darker":
        missed = tf.nn.relu(made - target if dark else target - made)
    else:
        missed = tf.math.squared_difference(target, made)
    missed = tf.reduce_mean(missed, axis=-1, keepdims=True) * cell
    return tf.nn.avg_pool2d(missed, spec.block_px, max(1, spec.block_px // 2), "SAME")


def anomaly_head(cam: Any, top_k: int) -> dict[str, Any]:
    """`logit` (N,1) and `cam` (N,h,w,1) from a residual map.

    The logit is the mean of the `top_k` highest places, in standard deviations of the healthy cells
    of the fit: 0 is their mean.
    """
    from tf_keras import layers

    pool = layers.Lambda(_highest, arguments={"top_k": top_k}, dtype="float32", name="highest")
    norm = layers.BatchNormalization(
        momentum=_MOMENTUM, epsilon=1e-9, center=False, scale=False, dtype="float32", name="logit"
    )
    return {"logit": norm(pool(cam)), "cam": cam}


def computed(name: str, function: Any, inputs: Any, **arguments: Any) -> Any:
    """A layer without weights, in float32; the function takes the inputs one by one."""
    from tf_keras import layers

    def call(values: Any) -> Any:
        return function(*values, **arguments)

    return layers.Lambda(call, dtype="float32", name=name)(inputs)


def _highest(cam: Any, top_k: int) -> Any:
    """(N,h,w,1) to (N,1)."""
    import tensorflow as tf

    places = tf.reshape(cam, [-1, cam.shape[1] * cam.shape[2]])
    found = tf.math.top_k(places, min(top_k, places.shape[1])).values
    return tf.reduce_mean(found, axis=1, keepdims=True)


def _chroma(image: Any) -> Any:
    """(N,S,S,3) to (N,S,S,1): the brightest channel less the darkest, 0 for grey."""
    import tensorflow as tf

    return tf.reduce_max(image, -1, keepdims=True) - tf.reduce_min(image, -1, keepdims=True)


def _step(values: Any, at: float) -> Any:
    """0 below `at` and 1 above, on a ramp between."""
    import tensorflow as tf

    slope = 6 / _RAMP
    # In this order: TFLite's INT8 converter loses the negative values of (values - at) * slope + 3.
    return tf.nn.relu6(values * slope - (at * slope - 3)) / 6
