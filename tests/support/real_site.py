"""What a site's corrections are worth, on real fields: blocks of iml-fields stand for a site.

    python -m tests.support.real_site screen HOME 0 3 14
    clinicscope export corrections --to FOLDER            (with CLINICSCOPE_HOME=HOME)
    python -m tests.support.real_site figures 0 3 14 --scores WITHOUT.npz WITH.npz

`screen` puts the blocks through the service with the shipped bundle, as a device would, and reviews
each suspect cell by its label; a cell that no label is near is not reviewed. `figures` compares
scores of `train score --dataset iml-cells` on the other blocks. Needs CLINICSCOPE_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from edge.config import DeviceConfig
from edge.contract.types import F64Array
from edge.installed import load_screener
from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.screening.state import SpecimenRequest
from edge.store.records import Patient, SpecimenDetails, SuspectCellRecord
from edge.store.register import Register
from edge.store.review import Reviews
from edge.store.store import Store
from train.bootstrap import RESAMPLES, Figure, curve_rows, draw_weights, summary
from train.datasets.iml_fields import DIFFICULT, WORDS
from train.runs import take
from train.scores import read_npz_scores

# Of a suspect cell's box and a labelled one, intersection over union.
SAME_CELL = 0.4
FIGURES = ("auc", "pr_auc", "sensitivity_at_99")
SIDES = ("left_px", "top_px", "width_px", "height_px")


def screen(home: Path, blocks: Sequence[int]) -> None:
    """Fills a device's store with a specimen a block, reviewed."""
    folder = Path(os.environ["CLINICSCOPE_DATA"]) / "iml-fields"
    fields = json.loads((folder / "cells.json").read_text())
    config = DeviceConfig(threads=1)
    service = ScreeningService(
        Store(home), lambda: load_screener(home, config), Protocol(minimum_rbc_count=300)
    )
    told: Counter[str] = Counter()
    for block in blocks:
        own = {Path(field["file"]).name: field for field in fields if field["block"] == block}
        Register(service.store).add_patient(Patient(f"P-{block}", "unknown", "unknown", ""))
        details = SpecimenDetails(f"P-{block}", "Operator", "Site A", consent=True)
        sources = [str(folder / "images" / name) for name in sorted(own)]
        request = SpecimenRequest(f"block {block}", "upload", {"sources": sources}, details)
        specimen_id = service.start(request)
        if not service.wait(600):
            raise SystemExit(f"block {block} was not screened within 10 minutes")
        told += _review(service.store, specimen_id, own)
    service.close()
    click.echo(dict(told))


def _review(store: Store, specimen_id: str, fields: dict[str, Any]) -> Counter[str]:
    names = {field.index: field.name for field in store.fields(specimen_id)}
    told: Counter[str] = Counter()
    for cell in store.suspect_cells(specimen_id):
        labelled = fields[names[cell.field_index]]["cells"]
        nearest = max(labelled, key=lambda other: _overlap(cell, other))
        if _overlap(cell, nearest) < SAME_CELL or nearest["label"] == DIFFICULT:
            told["not reviewed"] += 1
            continue
        label = WORDS[nearest["label"]]
        Reviews(store).review_cell(cell.cell_id, label, "Reviewer")
        told[label] += 1
    return told


def _overlap(cell: SuspectCellRecord, labelled: dict[str, Any]) -> float:
    first, second = ([float(source[side]) for side in SIDES] for source in (vars(cell), labelled))
    shared = 1.0
    for at in (0, 1):
        end = min(first[at] + first[at + 2], second[at] + second[at + 2])
        shared *= max(0.0, end - max(first[at], second[at]))
    return shared / (first[2] * first[3] + second[2] * second[3] - shared)


def figures(blocks: Sequence[int], paths: Sequence[Path]) -> None:
    """Of the cells of the other blocks, and by how much they differ from the first's.

    One red cell in seventy is infected there, so the area under precision and recall says more of
    false alarms than the AUC does.
    """
    first: dict[str, F64Array] = {}
    for path in paths:
        scores = read_npz_scores(path)
        scores = take(scores, ~np.isin(scores.patient, [f"block{block}" for block in blocks]))
        names, owner = np.unique(scores.patient, return_inverse=True)
        weights = draw_weights(len(names), RESAMPLES, 0)
        rows = curve_rows(scores.logit.astype(np.float64), scores.label > 0, owner, weights)
        click.echo(f"{path.stem}: {len(scores.name)} cells of {len(names)} blocks")
        for name in FIGURES:
            click.echo(f"  {name} {_told(summary(rows[name], len(owner), len(names)))}")
            if first:
                change = summary(rows[name] - first[name], len(owner), len(names))
                click.echo(f"    more than {paths[0].stem} {_told(change)}")
        first = first or rows


def _told(figure: Figure) -> str:
    return f"{figure.value:.4f} ({figure.ci_low:.4f} to {figure.ci_high:.4f})"


def main() -> None:
    """Either command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    commands = parser.add_subparsers(dest="command", required=True)
    screening = commands.add_parser("screen")
    screening.add_argument("home", type=Path)
    screening.add_argument("blocks", type=int, nargs="+")
    comparing = commands.add_parser("figures")
    comparing.add_argument("blocks", type=int, nargs="+")
    comparing.add_argument("--scores", type=Path, nargs="+", required=True)
    given = parser.parse_args()
    if given.command == "screen":
        screen(given.home, given.blocks)
    else:
        figures(given.blocks, given.scores)


if __name__ == "__main__":
    main()
