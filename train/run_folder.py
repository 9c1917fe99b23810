"""The folder of a run: a fit claims it with its recipe, which others read back strictly."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from edge.contract.errors import ConfigError, DataError, ManifestError
from edge.contract.records import from_plain, to_plain

RECIPE_FILE = "recipe.json"
# Only beside a fit that several workers made together.
REPLICAS_FILE = "replicas.json"
T = TypeVar("T")


def claim(run_dir: Path, recipe: Any, beside: Mapping[str, Any] | None = None) -> None:
    """Writes the recipe into the folder, or checks that it is the one that is there.

    Args:
        beside: plain values by the name of the file that keeps them, `split.json`.

    Raises:
        ConfigError: the folder holds a run of another recipe.
        DataError: the folder cannot be written.
    """
    holds(run_dir, recipe)
    with writing(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
        for name, content in {RECIPE_FILE: to_plain(recipe), **(beside or {})}.items():
            (run_dir / name).write_text(json.dumps(content, indent=1) + "\n")


def holds(run_dir: Path, recipe: Any) -> bool:
    """Whether the folder is that of a run of the recipe, finished or not.

    Raises:
        ConfigError: it is that of a run of another recipe.
    """
    path = run_dir / RECIPE_FILE
    if not path.is_file():
        return False
    if not _is_recipe(path, recipe):
        raise ConfigError(f"{run_dir} holds a run of another recipe; give another --out")
    return True


def check_replicas(run_dir: Path, replicas: int) -> None:
    """Notes by how many workers a fit is made, or checks that it was begun by as many.

    Raises:
        ConfigError: by another number, which would come to other numbers.
        DataError: the folder cannot be written.
    """
    path = run_dir / REPLICAS_FILE
    begun = int(json.loads(path.read_text())["replicas"]) if path.is_file() else 1
    if begun != replicas and (run_dir / "log.csv").is_file():
        raise ConfigError(
            f"{run_dir} was begun by {begun} workers, and {replicas} would come to other numbers; "
            f"{f'give --replicas {begun}' if begun > 1 else 'leave --replicas out'}, or give "
            "another --out"
        )
    with writing(run_dir):
        if replicas > 1:
            path.write_text(json.dumps({"replicas": replicas}) + "\n")
        else:
            path.unlink(missing_ok=True)


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


def _faults_of_disks() -> tuple[type[Exception], ...]:
    # h5py raises RuntimeError where a file cannot be closed. TensorFlow is not loaded to ask.
    library = sys.modules.get("tensorflow")
    return (OSError, RuntimeError, *([library.errors.OpError] if library else []))


@contextmanager
def writing(run_dir: Path) -> Iterator[None]:
    """Turns what a full disk makes of writing below `run_dir` into a DataError."""
    try:
        yield
    except _faults_of_disks() as error:
        raise DataError(
            f"{run_dir} cannot be written: {error}; free some space and run again, the fit goes on "
            "from its last checkpoint"
        ) from error
