"""The page of a study: figures into words and cells, pictures into data addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.types import F32Array
from train.bootstrap import Figure
from train.explain.evidence import Evidence, Row, means, row_of
from train.explain.examples import GROUPS
from train.explain.faithfulness import fractions
from train.explain.pictures import (
    CLASS_RGB,
    VIEW_PX,
    curves_figure,
    embedding_picture,
    overlaid,
    scale_figure,
    scale_of,
)
from train.explain.sanity import HARDLY_CHANGED
from train.explain.study import Study
from train.report.page import figure_uri, image_uri, write_page


@dataclass(frozen=True)
class MapView:
    """One map over its image, and the end of its colour scale."""

    title: str
    uri: str
    end: str


@dataclass(frozen=True)
class ExampleView:
    """One example with its maps."""

    name: str
    patient: str
    truth: str
    called: str
    probability: str
    wrong: bool
    uri: str
    maps: Sequence[MapView]


def write_study(study: Study, path: Path) -> Path:
    """Writes the page, one HTML file, whole or not at all."""
    held_out, evidence = study.held_out, study.evidence
    patients = [held_out.examples[row].patient for row in study.picked.rows]
    seed = study.settings.seed
    rows = {name: row_of(one, study.random, patients, seed) for name, one in evidence.items()}
    deletion, insertion = means(
        np.column_stack([study.random.deletion_auc, study.random.insertion_auc]), patients, seed
    )
    return write_page(
        path,
        "explain.html",
        study=study,
        model=study.recipe.model.name,
        baseline=study.network.baseline.words,
        n_patients=len(set(patients)),
        accuracy=f"{1 - held_out.wrong.mean():.3f}",
        fixed=_fixed(study.baseline_probability, study.targets, held_out.labels),
        rows=[_row(evidence[name], row) for name, row in rows.items()],
        random=(cell(deletion), cell(insertion)),
        note=deletion.note,
        sums=_sums(study),
        typical_gap=f"{np.median(np.abs(study.logit_gap)):.1f}",
        doubted=[evidence[n].method.title for n, row in rows.items() if row.hardly_changes],
        hardly_changed=HARDLY_CHANGED,
        by_class=_by_class(study),
        curves=_curves(study),
        scale=figure_uri(scale_figure()),
        groups=[(name, _examples(study, name)) for name in GROUPS],
        embedding=_embedding(study),
        legend=_legend(held_out.labels),
    )


@dataclass(frozen=True)
class Cell:
    """A figure and its 95 % interval, as a table shows them."""

    value: str
    interval: str


def cell(figure: Figure, sign: str = "") -> Cell:
    """Two decimals; `sign` "+" writes a plus where there is no minus."""
    value, low, high = (
        f"{x:{sign}.2f}".replace("-", "−") for x in (figure.value, figure.ci_low, figure.ci_high)
    )
    return Cell(value, f"{low} to {high}")


def _row(one: Evidence, row: Row) -> dict[str, object]:
    return {
        "title": one.method.title,
        "words": one.method.words,
        "seconds": f"{one.seconds:.3f}",
        "likeness": cell(row.likeness),
        "doubted": row.hardly_changes,
        "verdict": row.verdict,
        "deletion": cell(row.deletion),
        "insertion": cell(row.insertion),
        "deletion_gain": cell(row.deletion_gain, "+"),
        "insertion_gain": cell(row.insertion_gain, "+"),
    }


def _sums(study: Study) -> list[str]:
    """For methods that promise a sum: by how much the median image misses it."""
    return [
        f"{one.method.title} {np.median(one.sum_gap):.3f}"
        for one in study.evidence.values()
        if one.sum_gap is not None
    ]


def _fixed(probability: F32Array, targets: np.ndarray, labels: Sequence[str]) -> list[str]:
    """What is left of each called class when everything is taken away."""
    return [
        f"{labels[k]} {probability[targets == k].mean():.2f}" for k in np.unique(targets).tolist()
    ]


def _by_class(study: Study) -> list[tuple[str, list[tuple[str, ...]]]]:
    """For each method, mean gains over random maps by called class: deletion, insertion."""
    found = []
    for one in study.evidence.values():
        gains = (
            study.random.deletion_auc - one.curves.deletion_auc,
            one.curves.insertion_auc - study.random.insertion_auc,
        )
        cells = [
            tuple(f"{gain[chosen].mean():+.2f}".replace("-", "−") for gain in gains)
            for chosen in (study.targets == k for k in np.unique(study.targets))
        ]
        found.append((one.method.title, cells))
    return found


def _curves(study: Study) -> list[str]:
    evidence = study.evidence.values()
    deletion = [(one.method.title, one.curves.deletion.mean(axis=0)) for one in evidence]
    insertion = [(one.method.title, one.curves.insertion.mean(axis=0)) for one in evidence]
    random, shares = study.random, fractions()
    return [
        figure_uri(figure)
        for figure in (
            curves_figure(
                shares, deletion, random.deletion.mean(axis=0), "Deletion: the lower, the better"
            ),
            curves_figure(
                shares,
                insertion,
                random.insertion.mean(axis=0),
                "Insertion: the higher, the better",
            ),
        )
    ]


def _examples(study: Study, group: str) -> list[ExampleView]:
    return [
        _example(study, index, int(row))
        for index, (row, name) in enumerate(zip(study.picked.rows, study.picked.group, strict=True))
        if name == group
    ]


def _example(study: Study, index: int, row: int) -> ExampleView:
    held_out = study.held_out
    example, called = held_out.examples[row], int(held_out.called[row])
    crop = held_out.crops[row]
    maps = [
        MapView(
            one.method.title,
            image_uri(overlaid(crop, one.maps[index])),
            f"{scale_of(one.maps[index]):.2g}",
        )
        for one in study.evidence.values()
    ]
    return ExampleView(
        example.name,
        example.patient,
        held_out.labels[example.label],
        held_out.labels[called],
        f"{held_out.probability[row, called]:.2f}",
        bool(held_out.wrong[row]),
        image_uri(crop, VIEW_PX),
        maps,
    )


def _embedding(study: Study) -> dict[str, object] | None:
    found, held_out = study.embedding, study.held_out
    if found is None:
        return None
    rows = found.rows
    pictures = {
        name: image_uri(
            embedding_picture(
                places, held_out.crops[rows], held_out.truth[rows], held_out.wrong[rows]
            )
        )
        for name, places in found.places.items()
    }
    return {
        "pictures": pictures,
        "n": len(rows),
        "wrong": int(held_out.wrong[rows].sum()),
        "agreement": f"{100 * found.agreement:.0f} %",
        "expected": f"{100 * found.expected:.0f} %",
    }


def _legend(labels: Sequence[str]) -> list[tuple[str, str]]:
    return [
        (label, f"rgb({', '.join(map(str, CLASS_RGB[k % len(CLASS_RGB)]))})")
        for k, label in enumerate(labels)
    ]
