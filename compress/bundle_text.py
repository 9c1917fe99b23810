"""What a bundle says of itself by task: its use, and what its training data leave open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge.contract.errors import ConfigError
from edge.contract.labels import MALARIA_CELLS, MALARIA_SUPERRES


@dataclass(frozen=True)
class TaskText:
    """Words of a task.

    Attributes:
        intended_use: one or two sentences.
        examples: what one calls several inputs, "cells".
        limitations: by the data set that it was learned from.
    """

    intended_use: str
    examples: str
    limitations: Mapping[str, tuple[str, ...]]


_FEW_PATIENTS = "Thresholds were chosen on few patients and have not been checked at any site."
_RED_CELLS_ONLY = (
    "Reads red cells of thin smears only: no thick smears, no white cells, no platelets."
)
_ANY_PICTURE = "It calls any picture, also one that is no chest X-ray."
_CHILDREN = (
    "Learned from chest X-rays of children of one hospital alone (Kermany 2018); on adults, at "
    "other hospitals and on other machines it has not been tried."
)

TEXTS: dict[str, TaskText] = {
    MALARIA_CELLS: TaskText(
        "Screening support: finds red cells that look infected with malaria parasites on "
        "Giemsa-stained thin smears, for a person to review. Not for diagnosis.",
        "cells",
        {
            "nih-cells": (
                "Learned from thin smears with P. falciparum on one kind of microscope and phone; "
                "species is not told apart.",
                _FEW_PATIENTS,
                _RED_CELLS_ONLY,
            ),
            "two-microscopes": (
                "Learned from thin smears of two microscopes: with P. falciparum (NIH) on one, "
                "with mostly P. vivax (IML) on the other; species is not told apart, and any other "
                "microscope is new to it.",
                "The second collection names no patients; blocks of consecutive frames stand for "
                "them, and two blocks may be of one person.",
                _FEW_PATIENTS,
                _RED_CELLS_ONLY,
            ),
        },
    ),
    MALARIA_SUPERRES: TaskText(
        "Looking closer: makes pictures of thin smears twice as large in each direction, for a "
        "person to look at. It invents what a larger picture would show; what it adds is no "
        "evidence of anything, and nothing is to be called on it. Not for diagnosis.",
        "pictures",
        {
            "nih-cells": (
                "Learned from cells of one kind of microscope and phone, cut out and black round "
                "the cell, and from fields of one other; on whole fields of further microscopes it "
                "gains some tenths of a decibel.",
                "What it gains over bicubic is the sharp edge of the black, which no one reads a "
                "cell by; inside the cell it gains nothing.",
                "Which network ships was chosen with figures of the held-out pictures below in "
                "view, so its gains there are somewhat hopeful.",
                "It knows pictures that were only made smaller; noise and the blocks of JPEG are "
                "sharpened with the rest, and a picture that is out of focus stays so.",
                "A parasite that the small picture does not show is not shown by the large one.",
            )
        },
    ),
    "malaria-stages": TaskText(
        "Research and teaching: sorts red cells that are known to be infected into ring, "
        "trophozoite, schizont and gametocyte, for a person to review. It does not find infected "
        "cells. Not for diagnosis.",
        "cells",
        {
            "iml-stages": (
                "Learned from P. vivax on one microscope; other species look different in every "
                "stage.",
                "A healthy cell is called a stage, too: give it infected cells alone.",
                "There were 22 schizonts, so figures on schizonts are rough.",
                "Patients are not named; blocks of consecutive frames stand for them.",
            )
        },
    ),
    "cxr-pneumonia": TaskText(
        "Screening support: marks chest X-rays that look like pneumonia, for a person to "
        "review. Not for diagnosis.",
        "X-rays",
        {"cxr-pneumonia": (_CHILDREN, _FEW_PATIENTS, _ANY_PICTURE)},
    ),
    "cxr-covid": TaskText(
        "Research and teaching: sorts chest X-rays into normal, pneumonia and COVID-19, "
        "for a person to review. Not for diagnosis.",
        "X-rays",
        {
            "cxr-covid": (
                "Class and source are confounded: the children come from one hospital, the adults "
                "from others, with other rims, markers and contrast, and every COVID-19 image is "
                "an adult's. A three-class figure looks better than it is.",
                "It has seen no healthy adult and no adult with another pneumonia; what it says of "
                "them means nothing.",
                _ANY_PICTURE,
            )
        },
    ),
}


def text_of(task: str) -> TaskText:
    """The words of a task. Raises ConfigError where there are none."""
    if task not in TEXTS:
        raise ConfigError(
            f"task is {task!r}, and no bundle of it has words for its use; known: "
            f"{', '.join(TEXTS)}; write them in compress/bundle_text.py"
        )
    return TEXTS[task]


def limitations_of(task: str, dataset: str) -> tuple[str, ...]:
    """What a network of that task and data set does not do. Raises ConfigError likewise."""
    known = text_of(task).limitations
    if dataset not in known:
        raise ConfigError(
            f"{task} learned from {dataset!r}, whose limits are not written down; known: "
            f"{', '.join(known)}; write them in compress/bundle_text.py"
        )
    return known[dataset]
