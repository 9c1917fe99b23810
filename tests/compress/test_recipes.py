"""The recipes that ship: each names a student, folds and a start that are there."""

from __future__ import annotations

import pytest

from compress.lab_recipe import RECIPES_DIR, load_lab_recipe
from compress.points import check_left_out
from compress.superres.recipe import is_enhancer_lab
from train.datasets.base import labels_of, parts_of
from train.models.start_weights import RUN_PREFIX
from train.recipe import load_recipe
from train.splits import n_folds_of

# Enhancers have recipes of their own kind.
NAMES = sorted(path.stem for path in RECIPES_DIR.glob("*.toml") if not is_enhancer_lab(path.stem))


def test_there_are_recipes() -> None:
    assert {"malaria-cells", "malaria-stages", "cxr-pneumonia", "cxr-covid"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_recipe_names_a_student_and_folds_that_are_there(name: str) -> None:
    lab = load_lab_recipe(name)
    student = load_recipe(lab.student)
    assert set(lab.folds) <= set(range(n_folds_of(student.dataset)))
    assert not lab.part or lab.part in parts_of(student.dataset)
    assert len(labels_of(student.dataset)) >= 2
    check_left_out(lab, student)


@pytest.mark.parametrize("name", NAMES)
def test_start_of_the_student_is_fitted_first(name: str) -> None:
    lab = load_lab_recipe(name)
    started = load_recipe(lab.student).model.weights
    assert started == (f"{RUN_PREFIX}{lab.first}" if lab.first else "")
    if lab.first:
        first = load_recipe(lab.first)
        assert set(lab.folds) <= set(range(n_folds_of(first.dataset)))
        assert not first.model.weights
