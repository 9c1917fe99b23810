"""Fields with boxes in a JSON list: `[{"file", "block", "cells": [{"left_px", …, "label"}]}]`.

Used by the data sets that cut their examples from `iml-fields` and `bccd-fields`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.contract.errors import DataError
from train.datasets.base import Box

_SIDES = ("left_px", "top_px", "width_px", "height_px")


@dataclass(frozen=True)
class LabelledBox:
    """One box of a field.

    Attributes:
        name: field and place in its list, so unique: `PA171690-17`.
        group: consecutive frames, which may show one slide and so stay together; or the field.
    """

    name: str
    path: Path
    group: str
    label: str
    box: Box


def read_boxes(
    folder: Path, *, in_blocks: bool = True, outline: str = "ellipse"
) -> Iterator[LabelledBox]:
    """Every box of `folder/cells.json`; images lie in `folder/images`.

    Args:
        in_blocks: a field says its `block`; else each field is a group of its own.
        outline: of the boxes; see `Box`.

    Raises:
        DataError: missing, no JSON, or not of this form; the message names the field.
    """
    for number, field in enumerate(_read_list(folder / "cells.json")):
        try:
            path = folder / "images" / Path(str(field["file"])).name
            group = f"block{field['block']}" if in_blocks else path.stem
            for index, cell in enumerate(field["cells"]):
                box = Box(*(int(cell[key]) for key in _SIDES), outline)
                yield LabelledBox(f"{path.stem}-{index}", path, group, cell["label"], box)
        except (KeyError, TypeError, ValueError, DataError) as error:
            named = field.get("file", number) if isinstance(field, dict) else number
            raise DataError(f"{folder / 'cells.json'}, field {named}: {error!r}") from error


def _read_list(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, list):
        raise DataError(f"{path} holds {type(content).__name__}; expected a list of fields")
    return content
