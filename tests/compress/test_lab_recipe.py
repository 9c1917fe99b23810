"""Recipes of the lab that cannot be followed are refused before anything is fitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.lab_recipe import load_lab_recipe
from edge.contract.errors import ConfigError

PLAIN = """
title = "Drawn"
student = "student"
folds = [0, 1]
ships = 0
max_bytes = 1000
"""


def written(folder: Path, text: str) -> str:
    path = folder / "lab.toml"
    path.write_text(text)
    return str(path)


def test_variants_are_float_then_what_ships_then_the_others(tmp_path: Path) -> None:
    lab = load_lab_recipe(written(tmp_path, PLAIN + 'variants = ["int8", "float32", "onnx-int8"]'))
    assert lab.all_variants == ("float32", "int8-float-out", "onnx-int8", "int8")
    lab = load_lab_recipe(written(tmp_path, PLAIN + 'onnx = ""\ntflite = "int16x8"'))
    assert lab.all_variants == ("float32", "int16x8")


def test_unknown_task_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no task 'malaria'; known: .*malaria-cells"):
        load_lab_recipe("malaria")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ships = 0", "ships = 3", r"ships is fold 3, folds are \[0, 1\]"),
        ("folds = [0, 1]", "folds = [0, 1, 1]", r"folds are \[0, 1, 1\]; each once"),
        ("max_bytes = 1000", "max_byte = 1000", "max_byte"),
        ("max_bytes = 1000", "", "max_bytes"),
        ("title", "title = [", "cannot be used"),
        ("", 'variants = ["int9"]\n', r"no variants \['int9'\]; known: float32"),
        ("", 'onnx = "int8"\n', "one of each kind"),
        ("", 'tflite = "onnx-int8"\n', "one of each kind"),
        ("", "[aware]\nepochs = 0\nrate = 1e-3\n", "epochs is 0"),
        ("", "[aware]\nepochs = 1\nrate = 0.0\n", r"rate 0\.0 \(above 0\)"),
        ("", 'tflite = "int16x8"\n[aware]\nepochs = 1\nrate = 1e-3\n', r"leave \[aware\] out"),
        ("", "[zeros]\nepochs = 1\nrate = 1e-3\n", r"zeros\.sparsity is 0\.0; above 0"),
        ("", "[channels]\nepochs = 1\nrate = 1e-3\n", r"channels\.max_bytes is 0; at least 1"),
    ],
)
def test_recipe_that_cannot_be_followed_is_refused(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = PLAIN.replace(old, new, 1) if old else PLAIN + new
    with pytest.raises(ConfigError, match=message):
        load_lab_recipe(written(tmp_path, text))
