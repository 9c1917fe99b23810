"""Tables of the study, from what is on record; neither pictures nor networks are needed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from train.bootstrap import Figure
from train.studies import Study, write_study
from train.superres.arms import ARMS, ORIGINAL, SUPER
from train.superres.leaks import leak_schemes
from train.superres.study_figures import MEASURES, Scored, score_view
from train.superres.study_records import (
    FitKey,
    is_done,
    read_enhancers,
    read_fit,
    read_settings,
    read_truth,
)
from train.superres.study_spec import SPLITS, Scheme, arm_schemes

MADE_BY = "clinicscope train superres study --tables-only"
FIGURES = tuple(f"{measure}{end}" for measure in MEASURES for end in ("", ", from", ", to"))
DIFFERENCES = (
    *FIGURES[:3], "AUC, least of the fits", "AUC, most of the fits", *FIGURES[3:],
)  # fmt: skip
Cells = tuple[Any, ...]


class _Record:
    """What is on record, by scheme and split; a view is scored once."""

    def __init__(self, out: Path) -> None:
        self.out, self.spec = out, read_settings(out)
        self._views: dict[tuple[str, str, str], dict[str, Scored]] = {}

    def views(self, network: str, scheme: Scheme, split: str) -> dict[str, Scored]:
        """By name; none where no fit is on record."""
        key = (network, scheme.name, split)
        if key not in self._views:
            self._views[key] = dict(self._score(network, scheme, split))
        return self._views[key]

    def _score(self, network: str, scheme: Scheme, split: str) -> Iterator[tuple[str, Scored]]:
        seeds = range(self.spec.budget(network).seeds)
        keys = [FitKey(network, scheme.name, split, seed) for seed in seeds]
        fits = [read_fit(self.out, key)[0] for key in keys if is_done(self.out, key)]
        for name, view in scheme.views.items() if fits else ():
            truth = read_truth(self.out, scheme.split(split), view.part)
            yield name, score_view([fit[name] for fit in fits], truth)


def study_tables(out: Path) -> dict[str, Study]:
    """Tables by name; those without a row are left out.

    Raises:
        ConfigError: no study there.
        DataError: a damaged record.
    """
    record = _Record(out)
    found = {
        "classification": Study(
            "Classification of original, downsampled, bicubic and super-resolved cells",
            "Does a classifier tell infected cells better when they were enlarged by a network? "
            "Each network is fitted anew on each kind of picture, with the same cells and steps.",
            MADE_BY,
            ("network", "split", "pictures", "cells", "patients", "fits", *FIGURES),
            tuple(_classification_rows(record)),
        ),
        "differences": Study(
            "What super-resolution adds, cell by cell and patient by patient",
            "Super-resolved minus the other pictures, on the same test cells; the interval is of "
            "the paired difference.",
            MADE_BY,
            ("network", "split", "super-resolved minus", *DIFFERENCES),
            tuple(_difference_rows(record)),
        ),
        "shown": Study(
            "Fitted on original cells, shown others",
            "What does an enhancer buy a classifier that learnt from good pictures, when the "
            "camera is a poor one? No network is fitted anew.",
            MADE_BY,
            ("network", "split", "shown", "cells", "patients", "fits", *FIGURES),
            tuple(_shown_rows(record)),
        ),
        "leaks": Study(
            "Where 100 % comes from",
            "Which mistake gives the 100 % that was reported with super-resolution? Each is made "
            "on purpose; the last views of a scheme are what is left of it without the label.",
            MADE_BY,
            ("leak", "network", "split", "shown", "cells", "patients", "fits", *FIGURES),
            tuple(_leak_rows(record)),
        ),
        "enhancers": Study(
            "Enhancers of the study",
            "How well do they restore? Decibels on patches of validation patients.",
            MADE_BY,
            ("pictures", "network", "fitted on", "steps", "PSNR, dB", "over bicubic, dB"),
            tuple(_enhancer_rows(out)),
        ),
    }
    return {name: study for name, study in found.items() if study.rows}


def write_tables(out: Path) -> dict[str, Study]:
    """Writes them as `OUT/NAME.json`, each with the note that it had.

    Raises:
        ConfigError: no study there.
        DataError: a damaged record or table.
    """
    tables = study_tables(out)
    for name, study in tables.items():
        write_study(out / f"{name}.json", study)
    return tables


def _classification_rows(record: _Record) -> Iterator[Cells]:
    schemes = {scheme.name: scheme for scheme in arm_schemes()}
    for network in record.spec.budgets:
        for split in SPLITS:
            for arm in ARMS:
                views = record.views(network, schemes[arm], split)
                if arm in views:
                    yield (network, split, arm, *_figures(views[arm]))


def _difference_rows(record: _Record) -> Iterator[Cells]:
    schemes = {scheme.name: scheme for scheme in arm_schemes()}
    for network in record.spec.budgets:
        for split in SPLITS:
            found = {arm: record.views(network, schemes[arm], split).get(arm) for arm in ARMS}
            sharp = found.pop(SUPER)
            for arm, other in found.items():
                if sharp is not None and other is not None:
                    yield (network, split, arm, *_differences(sharp, other))


def _shown_rows(record: _Record) -> Iterator[Cells]:
    original = next(scheme for scheme in arm_schemes() if scheme.name == ORIGINAL)
    for network in record.spec.budgets:
        for split in SPLITS:
            for shown, scored in record.views(network, original, split).items():
                yield (network, split, shown, *_figures(scored))


def _leak_rows(record: _Record) -> Iterator[Cells]:
    for scheme in leak_schemes():
        for network in record.spec.leaking:
            for split in scheme.splits:
                for shown, scored in record.views(network, scheme, split).items():
                    yield (scheme.name, network, split, shown, *_figures(scored))


def _enhancer_rows(out: Path) -> Iterator[Cells]:
    for form, found in read_enhancers(out).items():
        recipe = found.recipe
        cells = ", ".join(recipe.parts) + {0: ", uninfected", 1: ", parasitised"}.get(
            recipe.label, ""
        )
        steps = recipe.steps * recipe.fit.epochs
        gain = round(found.psnr_db - found.bicubic_psnr_db, 2)
        yield (form, recipe.model.name, cells, steps, round(found.psnr_db, 2), gain)


def _figures(scored: Scored) -> Cells:
    cells: list[Any] = [scored.n, scored.n_patients, scored.n_fits]
    for measure in MEASURES:
        cells += _ends(scored.figure(measure))
    return tuple(cells)


def _differences(sharp: Scored, other: Scored) -> Cells:
    cells: list[Any] = []
    for measure in MEASURES:
        figure, of_fits = sharp.minus(other, measure)
        cells += _ends(figure)
        if measure == MEASURES[0]:
            cells += [round(float(of_fits.min()), 4), round(float(of_fits.max()), 4)]
    return tuple(cells)


def _ends(figure: Figure) -> list[Any]:
    """The figure and its interval; empty text where patients of one kind alone leave none."""
    values = (figure.value, figure.ci_low, figure.ci_high)
    return [round(value, 4) if math.isfinite(value) else "" for value in values]
