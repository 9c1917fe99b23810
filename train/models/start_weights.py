"""Weights to start from: those of an earlier run, or of self-supervised pretraining."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError, DataError

RUN_WEIGHTS = ".weights.h5"


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
