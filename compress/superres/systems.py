"""An enhancer's files as what `train.superres.evaluate` measures: pictures in, pictures out.

All of them, float too, go through the device's tiles, so that they differ in arithmetic alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from compress.parity import FIRST_RUNTIME, LEGACY, has_legacy, run_legacy
from compress.superres.export import LEAST_LEVEL, TileNetwork
from compress.superres.legacy import ENLARGED, IMAGES, MODEL, REQUEST, write_request
from edge.contract.manifest import RESIDUAL, Weights
from edge.contract.residual import add_to_bicubic
from edge.contract.tiles import enlarge
from edge.contract.types import U8Array
from edge.runtimes.base import RUNTIMES, Runtime
from train.models.superres import FACTOR
from train.superres.networks import Enlarge

RunTiles = Callable[[U8Array], U8Array]


def tiled(run: RunTiles, tile_px: int, margin_px: int) -> Enlarge:
    """Pictures of any size through a network of tiles."""
    return lambda image: enlarge(image, run, tile_px, margin_px)


def first_tile(image: U8Array, tile_px: int, margin_px: int) -> U8Array:
    """(T,T,3): the top left of a picture as a device cuts it, its reflection round it."""
    cut: list[U8Array] = []

    def keep(tiles: U8Array) -> U8Array:
        cut.append(tiles)
        return np.zeros((len(tiles), FACTOR * tile_px, FACTOR * tile_px, 3), np.uint8)

    enlarge(image, keep, tile_px, margin_px)
    return cut[0][0]


def float_run(network: TileNetwork) -> RunTiles:
    """A Keras network, rounded to grey levels at its end as a device has them."""
    import tensorflow as tf

    least, model = LEAST_LEVEL[network.output], network.model

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def run(tiles: Any) -> Any:
        made = model(tf.cast(tiles, tf.float32) / 255, training=False)
        return tf.clip_by_value(tf.round(255 * made), least, least + 255)

    return lambda tiles: as_pictures(tiles, run(tiles).numpy(), network.output)


def as_pictures(tiles: U8Array, levels: np.ndarray, output: str) -> U8Array:
    """What a network gave for tiles in whole grey levels, as pictures."""
    if output != RESIDUAL:
        return levels.astype(np.uint8)
    residuals = levels.astype(np.int8)
    return np.stack([add_to_bicubic(*pair) for pair in zip(tiles, residuals, strict=True)])


def open_file(weights: Weights, content: bytes) -> Runtime:
    """A file on the first runtime of its format, one thread.

    Raises:
        RuntimeUnavailableError: it is not installed, or refuses the file.
    """
    module, _, kind = RUNTIMES[FIRST_RUNTIME[weights.format]][0].partition(":")
    opened: Runtime = getattr(import_module(module), kind)(content, weights)
    return opened


def legacy_enlarged(
    content: bytes,
    weights: Weights,
    images: Sequence[U8Array],
    tile_px: int,
    margin_px: int,
    environment: Path = LEGACY,
) -> list[U8Array] | None:
    """What tflite-runtime makes of pictures, in the environment that `make legacy` builds.

    Returns:
        None where there is no such environment.

    Raises:
        DataError: it is there, but cannot run the file.
    """
    if not has_legacy(environment):
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / MODEL).write_bytes(content)
        write_request(folder / REQUEST, weights, tile_px, margin_px)
        np.savez(folder / IMAGES, *images)
        run_legacy("compress.superres.legacy", folder, weights.file, environment)
        with np.load(folder / ENLARGED, allow_pickle=False) as made:
            return [made[f"arr_{index}"] for index in range(len(images))]


def replayed(made: Sequence[U8Array]) -> Enlarge:
    """A system whose answers are known, asked in their order."""
    answers = iter(made)
    return lambda _image: next(answers)
