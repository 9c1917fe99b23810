"""Kermany's original tree: `chest_xray/{train,test,val}/{NORMAL,PNEUMONIA}`, at full size.

Its own parts are not used as a split: their validation part has 16 images, and a random network
scored on so few says nothing. The three are read as one data set, grouped by child.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edge.contract.errors import DataError
from train.datasets.base import Example
from train.datasets.cxr import list_class

FOLDER = "chest_xray"
LABELS = ("normal", "pneumonia")
POSITIVE = "pneumonia"
_PARTS = ("train", "test", "val")


def list_examples(folder: Path) -> list[Example]:
    """Every X-ray; its name is led by the part, since the parts' names are not apart.

    Raises:
        DataError: none of the parts is there.
    """
    parts = [part for part in _PARTS if (folder / part).is_dir()]
    if not parts:
        raise DataError(f"{folder} has none of the folders {', '.join(_PARTS)}")
    return [
        replace(example, name=f"{part}-{example.name}")
        for part in parts
        for label, name in enumerate(LABELS)
        for example in list_class(folder / part / name.upper(), label)
    ]
