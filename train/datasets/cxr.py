"""Chest X-rays of three collections: children (Kermany 2018), and adults with COVID-19 (Hannover,
COVID-CXNet). Class and collection are confounded: `covid` is adults, the other two are children.

Owns names to groups and sources. The same number after `IM-` may be two children, and so may one
`person` number in `bacteria` and `virus`; they are kept together, which costs nothing. The ids of
Hannover are those of images: its table (data.csv of covid-19-image-repository) gives one patient up
to 22 of them, and is not at hand for all, so the whole collection is one group.
"""

from __future__ import annotations

import re
from pathlib import Path

from edge.contract.errors import DataError
from edge.contract.images import list_images
from train.datasets.base import Example

CHILDREN, HANNOVER, CXNET = "children", "hannover", "cxnet"
# A name, the group that it tells, and its collection.
_NAMES = (
    (re.compile(r"(person\d+)_"), CHILDREN),
    (re.compile(r"(?:NORMAL\d*-)?(IM-\d+)-"), CHILDREN),
    (re.compile(r"(hannover)_[0-9a-f]+"), HANNOVER),
    (re.compile(r"(cxnet_\d+p?-?)$"), CXNET),
)
# The COVID-CXNet archive holds plots of its authors' own network beside the X-rays.
_NO_X_RAY = re.compile(
    r"cxnet_(?:v[\d.]+_)?(?:training_history|fine_tuning|roc|cm_heatmap)$", re.IGNORECASE
)


def list_class(folder: Path, label: int) -> list[Example]:
    """The X-rays below one class folder.

    Raises:
        DataError: no such folder, or a name that tells no patient.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is missing; the class folders of X-rays belong there")
    examples = []
    for path in list_images(folder):
        if not _NO_X_RAY.match(path.stem):
            patient, source = group_of(path)
            examples.append(
                Example(path.stem, path, label, patient, source=source, may_be_grey=True)
            )
    return examples


def group_of(path: Path) -> tuple[str, str]:
    """The patient and the collection that a file's name tells.

    Raises:
        DataError: it tells neither.
    """
    for pattern, source in _NAMES:
        found = pattern.match(path.stem)
        if found:
            return found.group(1), source
    raise DataError(
        f"{path}: the name tells no patient; expected person<number>_…, IM-<number>-…, "
        "hannover_<id> or cxnet_<number>"
    )
