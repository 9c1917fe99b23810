"""BBBC041 (Hung 2018, arXiv:1804.09548): fields of P. vivax with boxes, in two JSON files.

`malaria/{training,test}.json` is a list of `{"image": {"pathname", "shape": {"r", "c"}},
"objects": [{"category", "bounding_box": {"minimum": {"r", "c"}, "maximum": {"r", "c"}}}]}`, r rows
and c columns. It tells neither patient nor slide, so the group is the image: two images of one
slide may still be parted, and a figure on it is no figure by patient. `difficult` is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.contract.errors import DataError
from edge.contract.labels import STAGES, UNINFECTED, WBC
from train.datasets.base import Box, Example

FOLDER = "bbbc041/malaria"
LABELS = (UNINFECTED, *STAGES, WBC)
_WORDS = {"red blood cell": UNINFECTED, "leukocyte": WBC, **{stage: stage for stage in STAGES}}
_LEFT_OUT = "difficult"
_FILES = ("training.json", "test.json")


def list_examples(folder: Path) -> list[Example]:
    """Every box of both files.

    Raises:
        DataError: a file is missing or not of this form, or a category is unknown.
    """
    return [example for name in _FILES for example in _read(folder / name)]


def _read(path: Path) -> Iterator[Example]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    for number, entry in enumerate(content if isinstance(content, list) else [content]):
        try:
            yield from _of_image(path.parent, entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{path}, entry {number} is not of BBBC041's form: {error!r}"
            ) from error
        except DataError as error:
            raise DataError(f"{path}, entry {number}: {error}") from error


def _of_image(folder: Path, entry: dict[str, Any]) -> Iterator[Example]:
    # The path starts with a slash; nothing outside the folder is opened, whatever it says.
    image = folder / "images" / Path(entry["image"]["pathname"]).name
    for index, found in enumerate(entry["objects"]):
        category = str(found["category"])
        if category == _LEFT_OUT:
            continue
        if category not in _WORDS:
            raise DataError(f"category is {category!r}; known: {', '.join(sorted(_WORDS))}")
        label = LABELS.index(_WORDS[category])
        yield Example(f"{image.stem}-{index}", image, label, image.stem, _box(found))


def _box(found: dict[str, Any]) -> Box:
    low, high = found["bounding_box"]["minimum"], found["bounding_box"]["maximum"]
    left, top = int(low["c"]), int(low["r"])
    return Box(left, top, int(high["c"]) - left, int(high["r"]) - top)
