"""Chest X-rays in three classes. Children have no `covid` and adults nothing else, so a figure on
this data set says as much about collections as about disease: report it with that sentence."""

from __future__ import annotations

from pathlib import Path

from train.datasets.base import Example
from train.datasets.cxr import list_class

FOLDER = "cxr"
LABELS = ("normal", "pneumonia", "covid")


def list_examples(folder: Path) -> list[Example]:
    """Every X-ray of the three class folders; `source` tells children, hannover and cxnet."""
    return [e for label, name in enumerate(LABELS) for e in list_class(folder / name, label)]
