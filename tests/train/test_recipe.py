"""Settings from the command line, by dotted keys, as strict as the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.contract.errors import ConfigError
from tests.support.drawn_dataset import TINY_RECIPE
from train.recipe import load_recipe
from train.recipe_file import parse_setting

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture()
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY_RECIPE)
    return str(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fit.epochs=3", ("fit.epochs", 3)),
        ("fit.learning_rate=1e-4", ("fit.learning_rate", 1e-4)),
        ("fit.class_weights=true", ("fit.class_weights", True)),
        ("model.widths=[8, 16]", ("model.widths", [8, 16])),
        ('model.weights="a b"', ("model.weights", "a b")),
        ("model.weights=runs/a.weights.h5", ("model.weights", "runs/a.weights.h5")),
        ("split = random-80-10-10", ("split", "random-80-10-10")),
        ("model.weights=", ("model.weights", "")),
        ("a=b=c", ("a", "b=c")),
    ],
)
def test_setting_is_a_toml_value_or_else_text(text: str, expected: tuple[str, Any]) -> None:
    assert parse_setting(text) == expected


@pytest.mark.parametrize("text", ["fit.epochs", "=3", " = 3", ""])
def test_setting_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"setting is {text!r}; expected KEY=VALUE"):
        parse_setting(text)


def test_dotted_keys_reach_into_tables_and_make_them(recipe: str) -> None:
    loaded = load_recipe(recipe, {"fit.epochs": 9, "augmentation.style": 0.5, "seed": None})
    assert loaded.fit.epochs == 9
    assert loaded.augmentation.style == 0.5
    assert loaded.seed == 1
    assert loaded.fit.batch_size == 32


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"fit.epoch": 9}, r"fit has unknown keys \['epoch'\]"),
        ({"fot.epochs": 9}, r"unknown keys \['fot'\]"),
        ({"fit.epochs": "many"}, "fit.epochs is 'many'"),
        ({"fit.epochs": 0}, "epochs is 0"),
        ({"seed.more": 1}, "cannot set 'seed.more': 'seed' is 1, not a table"),
        ({"model.strides": [2]}, "2 widths but 1 strides"),
        ({"split": "shuffled"}, "split is 'shuffled'; known: patients"),
        ({"preprocessing.size_px": 4}, "size_px is 4"),
        ({"": 1}, "unknown keys"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    recipe: str, overrides: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        load_recipe(recipe, overrides)


def test_command_refuses_before_anything_is_written(
    recipe: str, tmp_path: Path, clinicscope: Run
) -> None:
    words = ["train", "fit", recipe, "--out", tmp_path / "run", "--set"]
    for setting, said in (("fit.epochs", "expected KEY=VALUE"), ("fit.epoch=3", "'epoch'")):
        code, _, err = clinicscope(*words, setting)
        assert code != 0
        assert said in err
    assert not (tmp_path / "run").exists()
