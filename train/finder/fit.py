"""Fitting a finder: focal loss on middles, overlap and distance on the reach; resumable.

A run folder holds `recipe.json`, `split.json`, `log.csv`, `checkpoint/` and, once done,
`model.weights.h5`. An epoch shows each field once; its views depend on (seed, epoch) alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.cell_grid import GridSettings
from edge.contract.errors import ConfigError, DataError
from edge.contract.types import F32Array
from train.finder.fields import FOLDS, BoxedField, load_boxed_fields
from train.finder.recipe import FinderRecipe
from train.finder.targets import make_targets
from train.finder.views import draw_view
from train.models.cell_finder import build_finder
from train.models.start_weights import WEIGHTS_FILE, find_start, load_run_weights
from train.run_folder import claim, read_run_recipe
from train.splits import fold_of
from train.step_loop import Row, StepLoop

# Of a view in cell diameters, as a frame of 1280 x 960 px shows them.
VIEW_CELLS = (16, 12)
_CLIP_NORM = 5.0
# Weights of the parts of the loss.
_OVERLAP, _DISTANCE = 2.0, 0.1


def fit_finder(
    recipe: FinderRecipe,
    run_dir: Path,
    *,
    data: Path | None = None,
    on_epoch: Callable[[Row], None] = lambda _row: None,
) -> Path:
    """Fits the recipe's network, or goes on where an earlier call stopped.

    Returns:
        The path of the weights.

    Raises:
        ConfigError: no such fold, or the folder holds a run of another recipe, or a damaged
            checkpoint.
        DataError: an image cannot be read, too few fields, the loss is not finite, or the disk is
            full.
    """
    import tf_keras

    blocks = training_blocks(recipe)
    claim(run_dir, recipe, {"split.json": {"train": blocks}})
    fields = load_boxed_fields(blocks, data)
    tf_keras.utils.set_random_seed(recipe.seed)
    model = build_finder(recipe.model, recipe.grid)
    if start := recipe.model.weights:
        load_run_weights(model, find_start(start, run_dir, recipe.held_out_fold))
    steps = len(fields) // recipe.fit.batch_size
    if not steps:
        raise DataError(f"{len(fields)} fields fill no batch; lower fit.batch_size")
    return StepLoop(model, recipe.fit, steps, run_dir).run(
        lambda epoch: draw_batches(fields, recipe, epoch),
        lambda image, *targets: finder_loss(model(image, training=True), *targets),
        clip_norm=_CLIP_NORM,
        on_epoch=on_epoch,
    )


def training_blocks(recipe: FinderRecipe) -> list[str]:
    """Blocks of consecutive fields that the fit may see. Raises ConfigError: no such fold."""
    folds = fold_of(FOLDS)
    if recipe.held_out_fold not in folds.values():
        raise ConfigError(
            f"held_out_fold is {recipe.held_out_fold}; {FOLDS} has {sorted(set(folds.values()))}"
        )
    return sorted(block for block, fold in folds.items() if fold != recipe.held_out_fold)


def draw_batches(
    fields: list[BoxedField], recipe: FinderRecipe, epoch: int
) -> Iterator[tuple[F32Array, ...]]:
    """Images and targets of one epoch; the last fields that fill no batch are left out."""
    rng = np.random.default_rng([recipe.seed, epoch])
    order, size = rng.permutation(len(fields)), recipe.fit.batch_size
    for at in range(0, len(fields) - size + 1, size):
        shown = [_shown(fields[index], recipe, rng) for index in order[at : at + size]]
        yield tuple(np.stack(part) for part in zip(*shown, strict=True))


def view_size(grid: GridSettings) -> tuple[int, int]:
    """Width and height of a view, px."""
    return VIEW_CELLS[0] * grid.cell_px, VIEW_CELLS[1] * grid.cell_px


def _shown(
    field: BoxedField, recipe: FinderRecipe, rng: np.random.Generator
) -> tuple[F32Array, ...]:
    grid = recipe.grid
    view = draw_view(field, recipe.views, grid.cell_px, view_size(grid), rng)
    return view.image, *make_targets(view, grid, recipe.infected_weight).parts()


def finder_loss(grid: Any, middle: Any, asked: Any, reach: Any, taught: Any) -> Any:
    """Of what the network said of a batch, (N,h,w,5), beside its targets; a scalar.

    The middles' part is CenterNet's focal loss, the reach's one less the overlap with the true box
    and a share of the distances.
    """
    import tensorflow as tf

    logit, said = grid[..., 0], tf.maximum(grid[..., 1:], 0.05)
    likely, is_middle = tf.sigmoid(logit), tf.cast(middle >= 0.999, tf.float32)
    of_middles = -tf.math.log_sigmoid(logit) * (1 - likely) ** 2 * is_middle
    of_others = -tf.math.log_sigmoid(-logit) * likely**2 * (1 - middle) ** 4 * (1 - is_middle)
    found = tf.reduce_sum((of_middles + of_others) * asked) / (tf.reduce_sum(is_middle * asked) + 1)
    shared = tf.minimum(said, reach)
    both = _area(shared)
    missed = 1 - both / (_area(said) + _area(reach) - both + 1e-6)
    off = tf.reduce_sum(tf.abs(grid[..., 1:] - reach), axis=-1)
    sized = tf.reduce_sum((missed + _DISTANCE * off) * taught) / (tf.reduce_sum(taught) + 1)
    return found + _OVERLAP * sized


def _area(reach: Any) -> Any:
    return (reach[..., 0] + reach[..., 2]) * (reach[..., 1] + reach[..., 3])


def read_finder_recipe(run_dir: Path) -> FinderRecipe:
    """The recipe of a run folder. Raises ConfigError where there is none, or a broken one."""
    return read_run_recipe(FinderRecipe, run_dir, "clinicscope train finder fit")


def load_finder(
    run_dir: Path, size_px: tuple[int | None, int | None] = (None, None)
) -> tuple[FinderRecipe, Any]:
    """Recipe and Keras network of a finished run.

    Args:
        size_px: height and width where they are fixed.

    Raises:
        ConfigError: it is not finished, or no run of a finder.
    """
    recipe, path = read_finder_recipe(run_dir), run_dir / WEIGHTS_FILE
    if not path.is_file():
        raise ConfigError(f"{run_dir} has no {WEIGHTS_FILE}; fit the recipe to its end first")
    model = build_finder(recipe.model, recipe.grid, size_px)
    try:
        model.load_weights(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return recipe, model
