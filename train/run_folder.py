"""The folder of a run: a fit claims it with its recipe, which others read back strictly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from edge.contract.errors import ConfigError, DataError, ManifestError
from edge.contract.records import from_plain, to_plain

RECIPE_FILE = "recipe.json"
T = TypeVar("T")


def claim(run_dir: Path, recipe: Any, beside: Mapping[str, Any] | None = None) -> None:
    """Writes the recipe into the folder, or checks that it is the one that is there.

    Args:
        beside: plain values by the name of the file that keeps them, `split.json`.

    Raises:
        ConfigError: the folder holds a run of another recipe.
        DataError: the folder cannot be written.
    """
    path = run_dir / RECIPE_FILE
    if path.is_file() and not _is_recipe(path, recipe):
        raise ConfigError(f"{run_dir} holds a run of another recipe; give another --out")
    with writing(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
        for name, content in {RECIPE_FILE: to_plain(recipe), **(beside or {})}.items():
            (run_dir / name).write_text(json.dumps(content, indent=1) + "\n")


def _is_recipe(path: Path, recipe: Any) -> bool:
    # By value: a setting that came later and has its default is no other recipe.
    try:
        return bool(from_plain(type(recipe), json.loads(path.read_text()), path.name) == recipe)
    except (ValueError, ManifestError, ConfigError):
        return False


def read_run_recipe(kind: type[T], run_dir: Path, command: str) -> T:
    """The recipe of a run folder.

    Args:
        kind: which recipe its runs have.
        command: that makes such runs, for the message.

    Raises:
        ConfigError: there is none, or it is broken, or of another kind or version.
    """
    path = run_dir / RECIPE_FILE
    if not path.is_file():
        raise ConfigError(f"{run_dir} is no run of `{command}`: it has no {RECIPE_FILE}; fit first")
    try:
        return from_plain(kind, json.loads(path.read_text()), path.name)
    except (OSError, ValueError, ManifestError) as error:
        raise ConfigError(f"{path} is no recipe of `{command}`: {error}") from error


@contextmanager
def writing(run_dir: Path) -> Iterator[None]:
    """Turns what a full disk makes of writing below `run_dir` into a DataError."""
    import tensorflow as tf

    try:
        yield
    # h5py raises RuntimeError where a file cannot be closed.
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        raise DataError(
            f"{run_dir} cannot be written: {error}; free some space and run again, the fit goes on "
            "from its last checkpoint"
        ) from error
