"""A drawn data set with folds of its own, and a recipe that fits any network on it in seconds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.contract.preprocess import Preprocessing
from tests.support.drawn_dataset import write_dataset
from train import splits
from train.augment import Augmentation
from train.datasets.base import list_examples
from train.recipe import Recipe
from train.recipe_parts import FitSpec, ModelSpec, NoveltySpec

ROOT = Path(__file__).parents[2]
PLAIN = ModelSpec("plain_cnn", widths=(8, 16), strides=(2, 2))
# Flips and quarter turns alone.
STILL = Augmentation(affine=0, stain=0, hue=0, gain=0, offset=0, blur=0, jpeg=0, background=0)


@contextmanager
def drawn_task(root: Path, patients: int = 40, cells: int = 1) -> Iterator[Path]:
    """The folder of data sets; `root/folds` is what the program takes folds from."""
    data, folds = write_dataset(root / "data", patients, cells), root / "folds"
    folds.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "FOLDS_DIR", folds)
        splits.write_folds("nih-cells", list_examples("nih-cells", data), 5, 1)
        yield data


def tiny_recipe(model: ModelSpec = PLAIN, size_px: int = 32, **fit: Any) -> Recipe:
    """One epoch on a batch, unless `fit` says otherwise."""
    settings: dict[str, Any] = {"epochs": 1, "batch_size": 32, "learning_rate": 1e-3} | fit
    return Recipe(
        task="malaria-cells",
        dataset="nih-cells",
        held_out_fold=0,
        seed=1,
        preprocessing=Preprocessing(size_px=size_px),
        model=model,
        fit=FitSpec(**settings),
    )


def reconstructing(model: ModelSpec, size_px: int = 32, **fit: Any) -> Recipe:
    """The same for a network that gives healthy cells back, without a change of colour."""
    return replace(
        tiny_recipe(size_px=size_px, **fit),
        task="malaria-novelty",
        model=model,
        augmentation=STILL,
        novelty=NoveltySpec("reconstruct"),
    )


def sharp_recipe(**fit: Any) -> Recipe:
    """A network that, given 14 epochs, is right on drawn cells: nothing is augmented but turns."""
    spec = ModelSpec("plain_cnn", widths=(8, 16, 16), strides=(2, 2, 1))
    return replace(tiny_recipe(spec, learning_rate=1e-2, **fit), augmentation=STILL)


def start_fit(
    recipe: Path, run: Path, data: Path, before: str = "", **options: Any
) -> subprocess.Popen[str]:
    """`clinicscope train fit` in a process of its own, with the folds beside `data`.

    Args:
        before: Python that it runs first.
    """
    words = ["train", "fit", str(recipe), "--out", str(run), "--data", str(data)]
    code = (
        f"import pathlib, sys\n{before}\nfrom train import splits\n"
        f"splits.FOLDS_DIR = pathlib.Path({str(data.parent / 'folds')!r})\n"
        f"from edge.cli import main\nsys.exit(main({words!r}))"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, text=True, **options)
