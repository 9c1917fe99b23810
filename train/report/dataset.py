"""The report of a data set: what is in it, what is there twice, and which labels look wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.images import read_image
from train.datasets.base import (
    Example,
    cut_example,
    folder_of,
    labels_of,
    list_examples,
    module_of,
)
from train.report import dataset_tables as tables
from train.report.duplicates import Pair, find_duplicates
from train.report.label_errors import LabelErrors, find_label_errors
from train.report.page import image_uri, write_page
from train.report.survey import Survey, survey
from train.report.table import Table
from train.runs import RECORDS_DIR

SAMPLES = 24
SHOWN_PAIRS = 24
SHOWN_ERRORS = 48
SHOWN_FAULTS = 200
THUMBNAIL_PX = 112
# A judge that errs more often than this says more about itself than about the labels.
WEAK_JUDGE = 0.9


@dataclass(frozen=True, eq=False)
class Found:
    """All that a report shows."""

    dataset: str
    labels: tuple[str, ...]
    examples: list[Example]
    seen: Survey
    pairs: list[Pair]
    errors: LabelErrors | None
    suspects: frozenset[str]


def write_dataset_report(
    dataset: str, out: Path, data: Path | None = None, *, records: Path = RECORDS_DIR, seed: int = 0
) -> Path:
    """Writes one HTML file with pictures in it; it goes where the user says, never into git.

    Args:
        data: folder of data sets; None: CLINICSCOPE_DATA.
        records: committed fits, whose scores judge the labels.
        seed: of the samples that are shown.

    Raises:
        ConfigError: no such data set, or no folder of data sets.
        DataError: a class is empty, a label is outside the list, or nothing can be read. Single
            unreadable images are listed in the report instead.
    """
    labels = labels_of(dataset)
    examples = list_examples(dataset, data)
    seen = survey(examples)
    module = module_of(dataset)
    known = module.suspects(folder_of(dataset, data)) if hasattr(module, "suspects") else ()
    found = Found(
        dataset,
        labels,
        examples,
        seen,
        find_duplicates(seen),
        find_label_errors(dataset, seen, len(labels), records=records),
        frozenset(known),
    )
    shown = {label: _sample(seen, index, seed) for index, label in enumerate(labels)}
    pictures = _pictures(seen.examples, _rows_shown(found, shown))
    return write_page(
        out,
        "dataset.html",
        dataset=dataset,
        about=" ".join((module.__doc__ or "").replace("`", "").split()),
        n_images=len(examples),
        n_groups=len({example.patient for example in examples}),
        faults=seen.faults[:SHOWN_FAULTS],
        n_faults=len(seen.faults),
        classes=tables.class_counts(examples, labels),
        sources=tables.source_counts(examples, labels),
        groups=tables.largest_groups(examples, labels),
        folds=tables.fold_counts(dataset, examples, labels),
        sizes=tables.size_table(seen, labels),
        plots={
            "class": tables.class_plot(examples, labels),
            "patient": tables.patient_plot(examples),
            "size": tables.size_plot(seen, labels),
        },
        duplicates=_duplicates(found, pictures),
        label_errors=_label_errors(found, pictures),
        samples={
            label: [_shown(seen.examples[row], pictures[row]) for row in rows]
            for label, rows in shown.items()
        },
    )


def agreement(flagged: Sequence[str], suspects: frozenset[str]) -> tuple[float, float]:
    """Precision and recall of the flagged names against a list of known suspects."""
    both = len(suspects.intersection(flagged))
    return both / max(1, len(flagged)), both / max(1, len(suspects))


def _sample(seen: Survey, label: int, seed: int) -> list[int]:
    rows = [row for row, example in enumerate(seen.examples) if example.label == label]
    return np.random.default_rng(seed).permutation(np.array(rows, int))[:SAMPLES].tolist()


def _rows_shown(found: Found, shown: dict[str, list[int]]) -> set[int]:
    rows = {row for chosen in shown.values() for row in chosen}
    rows |= {row for pair in found.pairs[:SHOWN_PAIRS] for row in (pair.first, pair.second)}
    if found.errors:
        rows |= set(found.errors.rows[:SHOWN_ERRORS].tolist())
    return rows


def _pictures(examples: Sequence[Example], rows: set[int]) -> dict[int, str]:
    """Data addresses by row; each file is decoded once."""
    found: dict[int, str] = {}
    path, image = None, None
    for row in sorted(rows, key=lambda row: str(examples[row].path)):
        example = examples[row]
        if image is None or path != example.path:
            path = example.path
            image = read_image(path, may_be_grey=example.may_be_grey)
        found[row] = image_uri(cut_example(image, example), THUMBNAIL_PX)
    return found


def _shown(example: Example, picture: str, text: str = "") -> dict[str, str]:
    return {"name": example.name, "patient": example.patient, "picture": picture, "text": text}


def _duplicates(found: Found, pictures: dict[int, str]) -> dict[str, Any]:
    kinds = [("in two classes", 2), ("in two patients or groups", 1), ("within one", 0)]
    rows = tuple(
        (
            name,
            f"{sum(pair.exact and pair.harm == harm for pair in found.pairs):,}",
            f"{sum(not pair.exact and pair.harm == harm for pair in found.pairs):,}",
        )
        for name, harm in kinds
    )
    pairs = [
        {
            "exact": pair.exact,
            "bits": pair.bits,
            "harm": ("within one patient", "leaks: two patients", "contradicts: two classes")[
                pair.harm
            ],
            "images": [
                _shown(example, pictures[row], found.labels[example.label])
                for row in (pair.first, pair.second)
                for example in [found.seen.examples[row]]
            ],
        }
        for pair in found.pairs[:SHOWN_PAIRS]
    ]
    table = Table(("pairs", "pixel for pixel", "nearly"), rows, (1, 2))
    return {"table": table, "pairs": pairs, "more": len(found.pairs) - len(pairs)}


def _label_errors(found: Found, pictures: dict[int, str]) -> dict[str, Any] | None:
    errors = found.errors
    if errors is None:
        return None
    examples = found.seen.examples
    shown = []
    for row in errors.rows[:SHOWN_ERRORS].tolist():
        called = int(errors.probability[row].argmax())
        sure = errors.probability[row, called]
        text = f"{found.labels[examples[row].label]}, called {found.labels[called]} ({sure:.2f})"
        shown.append(_shown(examples[row], pictures[row], text))
    return {
        "judge": errors.judge,
        "accuracy": f"{errors.accuracy:.3f}",
        "weak": errors.accuracy < WEAK_JUDGE,
        "judged": int(errors.judged.sum()),
        "table": _error_table(found, errors),
        "agreement": _agreement_table(found, errors),
        "shown": shown,
        "more": len(errors.rows) - len(shown),
    }


def _error_table(found: Found, errors: LabelErrors) -> Table:
    label_of = np.array([example.label for example in found.seen.examples])
    rows = []
    for index, label in enumerate(found.labels):
        flagged = int((label_of[errors.rows] == index).sum())
        total = int(((label_of == index) & errors.judged).sum())
        rows.append((label, f"{total:,}", f"{flagged:,}", f"{100 * flagged / max(1, total):.1f} %"))
    return Table(("labelled", "images", "suspected", "share"), tuple(rows), (1, 2, 3))


def _agreement_table(found: Found, errors: LabelErrors) -> Table | None:
    if not found.suspects:
        return None
    names = [found.seen.examples[row].name for row in range(len(found.seen.examples))]
    by_quality = np.argsort(np.where(errors.judged, errors.quality, np.inf), kind="stable")
    rows = []
    for what, chosen in (
        ("all suspected here", errors.rows),
        ("as many as are in the list, least plausible first", by_quality[: len(found.suspects)]),
    ):
        precision, recall = agreement([names[row] for row in chosen], found.suspects)
        rows.append((what, f"{len(chosen):,}", f"{precision:.3f}", f"{recall:.3f}"))
    note = (
        f"The list names {len(found.suspects):,} cells whose label four public models all "
        "contradict. Neither it nor this is the truth; what both name is worth a second look first."
    )
    return Table(
        ("", "cells", "also in the list", "of the list, found"), tuple(rows), (1, 2, 3), note
    )
