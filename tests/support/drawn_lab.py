"""A lab in small: drawn cells, a teacher, two tiny recipes of which one starts from the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.support.drawn_task import drawn_task
from train.datasets.base import list_examples
from train.oof import write_oof
from train.splits import fold_of

_RECIPE = """
task = "malaria-cells"
dataset = "nih-cells"
held_out_fold = 0
seed = 1

[preprocessing]
size_px = 32

[model]
name = "plain_cnn"
widths = [8, 8]
strides = [2, 2]
weights = "{weights}"

[teacher]
scores = "{teacher}"
weight = 0.5

[fit]
epochs = {epochs}
batch_size = 32
learning_rate = {rate}
use_validation = true

[augmentation]
affine = 0.0
stain = 0.0
hue = 0.0
gain = 0.0
offset = 0.0
blur = 0.0
jpeg = 0.0
background = 0.0
"""
_LAB = """
title = "Drawn cells"
student = "{root}/student.toml"
first = "{root}/first.toml"
folds = [0, 1]
ships = 1
max_bytes = 100_000
per_class = 8
variants = ["int8"]
notes = ["Drawn."]

[aware]
epochs = 1
rate = 1e-4

[zeros]
epochs = 1
rate = 1e-3
sparsity = 0.5

[channels]
epochs = 1
rate = 1e-3
max_bytes = 4000
"""


@dataclass(frozen=True)
class DrawnLab:
    """Where everything lies; `recipe` is what `compress run` takes."""

    root: Path
    data: Path
    recipe: Path
    out: Path

    @property
    def made(self) -> Path:
        """What `compress pack` takes."""
        return self.out / "compressed/student"

    def changed(self, path: Path, *changes: tuple[str, str], of: str = "lab") -> Path:
        """A copy of one of the TOML files at `path`, with words replaced."""
        text = (self.root / f"{of}.toml").read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text)
        return path


@contextmanager
def drawn_lab(root: Path) -> Iterator[DrawnLab]:
    """The files; nothing is fitted yet."""
    with drawn_task(root, patients=40, cells=2) as data:
        teacher = root / "teacher.npz"
        _write_teacher(teacher, data)
        for name, weights, epochs, rate in (
            ("first", "", 12, 1e-2),
            ("student", "run:first", 3, 3e-3),
        ):
            (root / f"{name}.toml").write_text(
                _RECIPE.format(weights=weights, teacher=teacher, epochs=epochs, rate=rate)
            )
        (root / "lab.toml").write_text(_LAB.format(root=root))
        yield DrawnLab(root, data, root / "lab.toml", root / "out")


def _write_teacher(path: Path, data: Path) -> None:
    """A teacher that is right."""
    examples, folds = list_examples("nih-cells", data), fold_of("nih-cells")
    arrays = {
        "file": np.array([example.name for example in examples]),
        "logit": np.array([8 * example.label - 4 for example in examples], np.float32),
        "fold": np.array([folds[example.patient] for example in examples], np.int8),
    }
    write_oof(path, arrays)
