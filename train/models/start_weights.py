"""Weights to start from: those of an earlier run, or of self-supervised pretraining."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError, DataError

RUN_WEIGHTS = ".weights.h5"
WEIGHTS_FILE = "model.weights.h5"
# `run:NAME`: the run of that name with the same fold held out, wherever it is kept.
RUN_PREFIX = "run:"
KEPT_DIR = Path(__file__).parents[1] / "records"


def find_start(weights: str, run_dir: Path, fold: int) -> Path:
    """The weights that `run:NAME` means for a run folder.

    Looked for beside the folder (`../NAME/fold<k>` of a fold's, `NAME` beside a single run's), then
    among the records that keep their weights.

    Raises:
        ConfigError: there is no such run, or it is not finished.
    """
    name = weights.removeprefix(RUN_PREFIX)
    around = run_dir.resolve().parent
    folders = [around.parent / name / f"fold{fold}", around / name / f"fold{fold}", around / name]
    found = [folder / WEIGHTS_FILE for folder in (*folders, KEPT_DIR / name / f"fold{fold}")]
    for path in found:
        if path.is_file() and _holds_out(path.parent, fold):
            return path
    raise ConfigError(
        f"model.weights is {weights!r}, but no finished fit of {name} with fold {fold} held out is "
        f"at {', '.join(str(path.parent) for path in found)}; fit it first"
    )


def _holds_out(folder: Path, fold: int) -> bool:
    """Else the start has seen the groups that the fit is tested on. Cut networks have no recipe."""
    recipe = folder / "recipe.json"
    if not recipe.is_file():
        return True
    try:
        return bool(json.loads(recipe.read_text())["held_out_fold"] == fold)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{recipe} is no recipe: {error}") from error


def load_run_weights(model: Any, path: Path) -> None:
    """Sets the weights of `model` from a run of the same network.

    The last layer keeps its random start where the file is of a task with other classes.

    Raises:
        ConfigError: there is no such file.
        DataError: it is no weights file, or of another network.
    """
    if not path.is_file():
        raise ConfigError(f"model.weights is {str(path)!r}: there is no such file")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.load_weights(str(path), skip_mismatch=True)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path} cannot be read as weights of a run: {error}") from error
    # Keras only warns of a layer that does not fit, and names it by its representation.
    last = [f"object {layer}. " for layer in model.layers if layer.name in ("cam", "logit")]
    skipped = [str(item.message) for item in caught if "Could not load" in str(item.message)]
    bad = [message for message in skipped if not any(name in message for name in last)]
    if bad:
        raise DataError(
            f"{path} is of another network than {model.name}: {len(bad)} layers do not fit"
        )
