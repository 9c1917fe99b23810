"""Children's chest X-rays (Kermany 2018): normal or pneumonia, grouped by child."""

from __future__ import annotations

from pathlib import Path

from train.datasets.base import Example
from train.datasets.cxr import list_class

FOLDER = "cxr"
LABELS = ("normal", "pneumonia")
POSITIVE = "pneumonia"


def list_examples(folder: Path) -> list[Example]:
    """Every X-ray of the two class folders."""
    return [e for label, name in enumerate(LABELS) for e in list_class(folder / name, label)]
