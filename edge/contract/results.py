"""Results as plain JSON values: the one spelling that `screen --json` and the store share."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.contract.types import CellCall, FieldResult


def cell_to_json(cell: CellCall) -> dict[str, Any]:
    """One cell; score rounded to 5 decimals, None where the cell was not scored."""
    box = cell.box
    return {
        "left_px": int(box.left_px),
        "top_px": int(box.top_px),
        "width_px": int(box.width_px),
        "height_px": int(box.height_px),
        "label": cell.label,
        "score": None if cell.score is None else round(float(cell.score), 5),
        "novelty": None if cell.novelty is None else round(float(cell.novelty), 5),
        "refused": cell.refused,
        "disagrees": bool(cell.disagrees),
        "uncertain": bool(cell.uncertain),
        "counted": bool(cell.counted),
    }


def field_to_json(result: FieldResult) -> dict[str, Any]:
    """One field: its file, quality, cells and timings."""
    return {
        "file": result.name,
        "quality": {key: _plain(value) for key, value in vars(result.quality).items()},
        "cells": [cell_to_json(cell) for cell in result.cells],
        "timings_ms": {key: float(value) for key, value in result.timings_ms.items()},
    }


def _plain(value: Any) -> Any:
    # NumPy's scalars are no JSON values, and its float32 and bool_ reach the quality measures; what
    # is written as a list should be one before.
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value
