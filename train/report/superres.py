"""One HTML page on super-resolution, from what is on record: no images and no TensorFlow needed.

    RECORDS/measured/SET.npz     figures of each image, `train superres evaluate`
    RECORDS/study*/NAME.json     tables of studies; those named leak… show where 100 % comes from
    RECORDS/speed.json           times of the light networks
    RECORDS/drawn/CELL/*.webp    drawn cells enlarged, `train superres sheet`

A part whose records are absent is left out.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from train.bootstrap import Figure
from train.report.page import write_page
from train.report.studies import read_studies
from train.report.superres_plots import gains_plot, image_plot, speed_plot
from train.report.superres_study import StudyPart, study_part
from train.report.superres_tables import (
    CLAIMED_DB,
    Grid,
    claim_grid,
    gain_figure,
    gains_grid,
    has_inside,
    in_order,
    networks_of,
    quality_grid,
    speed_grid,
    system_order,
)
from train.studies import Study
from train.superres.evaluate import PAIR_SETS
from train.superres.measured import BASE, Measured, read_all_measured
from train.superres.sheets import Picture, read_sheet
from train.superres.speed import Speed, read_speed

# Exact pixels say most, and the near-lossless cells of many patients carry the interval.
EXACT_SET, WIDE_SET, CLAIM_SET = "nih-cells-lossless", "nih-cells", "nih-cells-224"
_LEAK = "leak"
_PLACES = (("whole", "Whole crop"), ("inside", "Inside the cell"))


@dataclass(frozen=True)
class SetPart:
    """One test set of the page: tables and plots, by what they show."""

    name: str
    about: str
    counts: str
    note: str
    gains: str
    grids: tuple[tuple[str, Grid], ...]
    plots: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Lead:
    """What a reader is told first, of one test set and its best network.

    Attributes:
        off_by: root mean square error of plain enlargement inside the cell, grey levels of 255.
    """

    set_name: str
    network: str
    found: Measured
    whole: Figure
    inside: Figure | None
    off_by: float | None


def write_superres_page(path: Path, records: Path) -> Path:
    """Builds the page of what is below `records`.

    Raises:
        DataError: a record is damaged or of another form; its path is named.
    """
    sets = in_order(read_all_measured(records / "measured"))
    order = system_order(sets)
    speed_file = records / "speed.json"
    studies = [
        found for folder in sorted(records.glob("study*")) for found in read_studies(folder).items()
    ]
    return write_page(
        path,
        "superres.html",
        leads=[lead for name in (EXACT_SET, WIDE_SET) if (lead := _lead(sets, name))],
        claimed_db=CLAIMED_DB,
        claim=claim_grid(sets[CLAIM_SET], order) if CLAIM_SET in sets else None,
        claim_lanczos=_claim_lanczos(sets),
        strips=read_sheet(records / "drawn"),
        address=_embedded,
        overview=[(text, gains_grid(sets, order, place)) for place, text in _PLACES]
        if sets
        else [],
        parts=[_part(name, found, order) for name, found in sets.items()],
        speed=_speed_part(read_speed(speed_file)) if speed_file.is_file() else None,
        studies=_studies(studies, leaks=False),
        leaks=_studies(studies, leaks=True),
    )


def _part(name: str, found: Measured, order: Sequence[str]) -> SetPart:
    places = dict(_PLACES if has_inside(found) else _PLACES[:1])
    chosen = PAIR_SETS.get(name)
    unit = "blocks or fields" if chosen and chosen.of_fields else "patients"
    first = found.mean(found.column(BASE, "whole", "psnr_rgb"))
    return SetPart(
        name=name,
        about=chosen.about if chosen else "",
        counts=f"{len(found.name):,} images of {found.n_patients} {unit}.",
        note=first.note if first else "",
        gains=gains_plot(found, order),
        grids=tuple((title, quality_grid(found, order, place)) for place, title in places.items()),
        plots=tuple((title, image_plot(found, order, place)) for place, title in places.items()),
    )


def _lead(sets: Mapping[str, Measured], name: str) -> Lead | None:
    if name not in sets or not (networks := networks_of({name: sets[name]})):
        return None
    found, best = sets[name], networks[0]
    whole, inside = (gain_figure(found, best, place) for place in ("whole", "inside"))
    plain = found.mean(found.column(BASE, "inside", "psnr_rgb"))
    if whole is None:
        return None
    return Lead(name, best, found, whole, inside, plain and 255 / 10 ** (plain.value / 20))


def _claim_lanczos(sets: Mapping[str, Measured]) -> tuple[float, float] | None:
    """PSNR on RGB and on Y of Lanczos, which knows nothing of cells, on the sources' pairs."""
    found = sets.get(CLAIM_SET)
    if found is None or "lanczos" not in found.values:
        return None
    rgb, luma = (found.column("lanczos", "whole", key).mean() for key in ("psnr_rgb", "psnr_y"))
    return float(rgb), float(luma)


def _speed_part(speed: Speed) -> tuple[Speed, Grid, tuple[tuple[str, str], ...]]:
    plots = (("Whole crop", speed_plot(speed, False)), ("Inside the cell", speed_plot(speed, True)))
    return speed, speed_grid(speed), plots


def _studies(studies: Sequence[tuple[str, Study]], *, leaks: bool) -> list[StudyPart]:
    # Sources report accuracy as 100 %; what separates pictures best is the AUC.
    measure = "accuracy" if leaks else "AUC"
    return [study_part(study, measure) for name, study in studies if (_LEAK in name) == leaks]


def _embedded(picture: Picture) -> str:
    """The file itself as a data address: another coding would spoil what is to be judged."""
    data = base64.b64encode(picture.path.read_bytes()).decode("ascii")
    return f"data:image/webp;base64,{data}"
