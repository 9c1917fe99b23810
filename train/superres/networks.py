"""Enhancers of finished fits, and what a picture becomes with them or without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from edge.contract.errors import ConfigError, DataError
from edge.contract.types import U8Array
from train.models.start_weights import WEIGHTS_FILE
from train.models.superres import FACTOR, STEP_PX, build_enhancer
from train.run_folder import read_run_recipe
from train.superres.recipe import EnhancerRecipe

Enlarge = Callable[[U8Array], U8Array]
_BORDER_PX = 8


def _with_opencv(how: int) -> Enlarge:
    def enlarge(image: U8Array) -> U8Array:
        size = (FACTOR * image.shape[1], FACTOR * image.shape[0])
        return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)

    return enlarge


def _with_pillow(how: Image.Resampling) -> Enlarge:
    def enlarge(image: U8Array) -> U8Array:
        size = (FACTOR * image.shape[1], FACTOR * image.shape[0])
        return np.asarray(Image.fromarray(image).resize(size, how), np.uint8)

    return enlarge


# What a device does without a network is "bicubic"; Pillow's kernels are those of the literature.
INTERPOLATIONS: dict[str, Enlarge] = {
    "bicubic": _with_opencv(cv2.INTER_CUBIC),
    "lanczos": _with_opencv(cv2.INTER_LANCZOS4),
    "bicubic-pillow": _with_pillow(Image.Resampling.BICUBIC),
    "lanczos-pillow": _with_pillow(Image.Resampling.LANCZOS),
}


def read_enhancer_recipe(run_dir: Path) -> EnhancerRecipe:
    """The recipe of a run folder. Raises ConfigError where there is none, or a broken one."""
    return read_run_recipe(EnhancerRecipe, run_dir, "clinicscope train superres fit")


def load_enhancer(run_dir: Path) -> tuple[EnhancerRecipe, Any]:
    """The recipe and the fitted network of a run folder.

    Raises:
        ConfigError: no run, an unfinished one, or weights of another network.
    """
    recipe, path = read_enhancer_recipe(run_dir), run_dir / WEIGHTS_FILE
    if not path.is_file():
        raise ConfigError(f"{run_dir} has no {WEIGHTS_FILE}; fit the recipe to its end first")
    model = build_enhancer(recipe.model)
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path} holds no weights of {recipe.model}: {error}") from error
    return recipe, model


def enhance_with(model: Any) -> Enlarge:
    """What the network makes of one picture, of any size; its edges are continued by reflection."""
    import tensorflow as tf

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def run(batch: Any) -> Any:
        made = model(tf.cast(batch, tf.float32) / 255, training=False)
        return tf.cast(tf.round(255 * tf.clip_by_value(made, 0, 1)), tf.uint8)

    def enlarge(image: U8Array) -> U8Array:
        if image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise DataError(f"image has shape {image.shape}; expected (H,W,3)")
        height, width = image.shape[:2]
        made = run(_padded(image)[None]).numpy()[0]
        start = FACTOR * _BORDER_PX
        return np.ascontiguousarray(
            made[start : start + FACTOR * height, start : start + FACTOR * width]
        )

    return enlarge


def _padded(image: U8Array) -> U8Array:
    """With a border, and sides that every network takes."""
    after = [_BORDER_PX + -length % STEP_PX for length in image.shape[:2]]
    edges = ((_BORDER_PX, after[0]), (_BORDER_PX, after[1]), (0, 0))
    return np.pad(image, edges, "symmetric")
