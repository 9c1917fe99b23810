from __future__ import annotations

import json
from typing import Any

import numpy as np
from store_samples import make_cell, make_field

from edge.contract.results import cell_to_json, field_to_json
from edge.contract.types import CellBox, CellCall, FieldQuality, FieldResult


def test_cell_has_the_keys_of_the_command_line() -> None:
    assert cell_to_json(make_cell(2, "ring", 0.123456789)) == {
        "left_px": 20,
        "top_px": 7,
        "width_px": 30,
        "height_px": 31,
        "label": "ring",
        "score": 0.12346,
        "novelty": 0.125,
        "refused": "",
        "disagrees": False,
        "uncertain": False,
        "counted": True,
    }


def test_cell_without_score_or_novelty() -> None:
    plain = cell_to_json(CellCall(CellBox(0, 0, 1, 1, np.ones((1, 1), bool)), "wbc"))
    assert (plain["score"], plain["novelty"]) == (None, None)


def test_field_has_the_keys_of_the_command_line() -> None:
    plain = field_to_json(make_field(3))
    assert list(plain) == ["file", "quality", "cells", "timings_ms"]
    assert plain["file"] == "field_3.png"
    assert plain["quality"] == {
        "usable": True,
        "reason": "",
        "focus": 41.5,
        "brightness": 200.0,
        "saturated_fraction": 0.001,
        "stained_fraction": 0.3,
        "notes": [],
        "lettering_px": None,
    }
    assert len(plain["cells"]) == 22
    assert plain["timings_ms"] == {"total": 12.5}


def test_numpy_scalars_become_plain_json() -> None:
    # What array code hands over, whatever the annotations promise.
    number: Any = np.float32(0.5)
    side: Any = np.int32(3)
    usable: Any = np.bool_(True)
    quality = FieldQuality(usable, "", number, number, number, number)
    box = CellBox(side, side, side, side, np.ones((3, 3), bool))
    cell = CellCall(box, "ring", number, number, disagrees=usable)
    result = FieldResult("f", quality, (cell,), {"total": number})
    assert json.loads(json.dumps(field_to_json(result))) == field_to_json(result)
