"""Readings and truth to the sections of the table: which caller is judged on which collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from compress.fields import table
from compress.fields.fold_models import FoldModels
from compress.fields.reading import OTHERS_FOLD
from compress.fields.table import Section, rows_of
from train.datasets import bccd_fields, chula_cells, iml_cells
from train.fields.callers import (
    PLUS,
    Caller,
    Field,
    Normalisation,
    call_fields,
    call_rightly,
    normalised_logits,
)
from train.fields.calling import calling_figures
from train.fields.cells import cell_figures, false_call_figures, stage_figures
from train.fields.finding import finding_figures, object_figures
from train.fields.labelled import LEAST_SHARE
from train.fields.thresholds import (
    as_logit,
    best_f1_threshold,
    field_point,
    specificity_threshold,
)
from train.scores import Scores

# Of healthy cells at home; chosen on half of the blocks of iml-fields (docs/travel.md).
SPECIFICITY = 0.98
IML, CHULA, BCCD = iml_cells.FOLDER, chula_cells.FOLDER, bccd_fields.FOLDER
_FAIR = (
    "Cells at the frame's edge, difficult cells and cells at the burnt-in scale bar are left out, "
    "found or not."
)
_UNBOXED = "Some overlapping cells carry no box: a cell found there counts as false all the same."
_LABELLED = (
    f"Fields whose cells carry labels: {LEAST_SHARE:.0%} of the stained area lies in a box or at a "
    "point; elsewhere a count has nothing to be held against."
)
_CENTRES = "Truth is a point a cell: found within 21 px, half a cell."


@dataclass(frozen=True, eq=False)
class Collection:
    """The fields of one collection.

    Attributes:
        labelled: of each, the share of its stained area that the truth speaks of.
    """

    name: str
    fields: tuple[Field, ...]
    labelled: tuple[float, ...]


@dataclass(frozen=True)
class Families:
    """Which networks are measured.

    Attributes:
        known: of both microscopes.
        new: of nih-cells alone, for which iml-fields is a new microscope.
        second: of the healthy cells of nih-cells alone; cells of a new microscope are called by the
            sum of both.
        stages: of infected cells.
    """

    known: str = "malaria-cells"
    new: str = "malaria-cells-nih"
    second: str = "malaria-novelty-nih"
    stages: str = "malaria-stages-student"

    @property
    def all(self) -> tuple[str, ...]:
        """Every one of them."""
        return self.known, self.new, self.second, self.stages


@dataclass(frozen=True)
class Judges:
    """What decides on cells, besides the readings."""

    models: FoldModels
    families: Families = field(default_factory=Families)
    normalisation: Normalisation = field(default_factory=Normalisation)

    def at_point(self, family: str, name: str) -> Caller:
        """Called at the threshold of held-out nih-cells of the other folds."""
        folds = self.models.family(family)
        thresholds = {}
        for model in folds:
            others = self._others(family, model.fold)
            point = field_point(others, model.chosen_on, self.normalisation)
            thresholds[model.fold] = as_logit(point.threshold)
        return Caller(name, family, thresholds, self.normalisation, self.families.stages)

    def at_specificity(self, family: str, name: str) -> Caller:
        """Called where SPECIFICITY of the healthy held-out nih-cells of the other folds are not."""
        thresholds = {
            model.fold: specificity_threshold(
                self._others(family, model.fold), SPECIFICITY, self.normalisation
            )
            for model in self.models.family(family)
        }
        return Caller(name, family, thresholds, self.normalisation, self.families.stages)

    def _others(self, family: str, fold: int) -> list[Scores]:
        folds = [model.fold for model in self.models.family(family) if model.fold != fold]
        return [self.models.held_out_of(family, other) for other in folds]

    def at_best_f1(self, fields: Sequence[Field], family: str, name: str) -> Caller:
        """Called at the threshold of the best F1 on the fields of the other folds."""
        logits = normalised_logits(fields, family, self.normalisation)
        thresholds = {}
        for fold in sorted({one.reading.fold for one in fields}):
            others = [row for row, one in enumerate(fields) if one.reading.fold != fold]
            thresholds[fold] = best_f1_threshold(
                [fields[row] for row in others], [logits[row] for row in others]
            )
        return Caller(name, family, thresholds, self.normalisation, self.families.stages)

    def callers(self, iml: Sequence[Field]) -> tuple[Caller, ...]:
        """Known microscope at both thresholds, then new microscope: as ever, and what travels."""
        known, new = self.families.known, self.families.new
        both = f"{new}{PLUS}{self.families.second}"
        at = f"specificity {SPECIFICITY} on nih-cells"
        return (
            self.at_point(known, f"{known}, threshold of nih-cells"),
            self.at_best_f1(iml, known, f"{known}, threshold of best F1 on other blocks"),
            self.at_point(new, f"{new}, threshold of nih-cells (new microscope)"),
            self.at_specificity(new, f"{new}, {at} (new microscope)"),
            self.at_specificity(both, f"{both}, {at} (new microscope)"),
        )


def sections(collections: Mapping[str, Collection], callers: Sequence[Caller]) -> list[Section]:
    """The table of all collections; a new microscope has targets of its own."""
    iml = collections[IML].fields
    found = [_finding(collections[IML], table.FINDING, (_FAIR, _UNBOXED, _LABELLED))]
    for caller in callers:
        found += _iml_sections(iml, caller, new="new microscope" in caller.name)
    found.append(_reachable(iml))
    for name, notes in ((CHULA, (_CENTRES, _LABELLED)), (BCCD, (_LABELLED,))):
        found += _elsewhere(collections[name], callers, notes)
    return found


def _finding(one: Collection, lines: table.Lines, notes: tuple[str, ...]) -> Section:
    labelled = [share >= LEAST_SHARE for share in one.labelled]
    rows = rows_of(finding_figures(one.fields, labelled), lines)
    return Section(f"{one.name}: {len(one.fields)} fields, finding cells", rows, notes)


def _iml_sections(fields: Sequence[Field], caller: Caller, *, new: bool) -> list[Section]:
    calls = call_fields(fields, caller)
    lines = table.CELLS if new else table.CELLS_KNOWN
    rows = rows_of(cell_figures(fields, calls), lines)
    called = rows_of(calling_figures(fields, calls), table.CALLING)
    staged = rows_of(stage_figures(fields, calls), table.STAGE_LINES)
    if new:
        called, staged = _without_targets(called), ()
    return [Section(f"{IML}: {caller.name}", (*called, *staged, *rows), (_thresholds(caller),))]


def _reachable(fields: Sequence[Field]) -> Section:
    """What is left to be reached once the cells have been found: no target, a ceiling."""
    rows = rows_of(calling_figures(fields, call_rightly(fields)), table.CALLING)
    return Section(f"{IML}: were every cell that is found called rightly", _without_targets(rows))


def _without_targets(rows: Sequence[table.Row]) -> tuple[table.Row, ...]:
    """A new microscope has targets of its own."""
    return tuple(table.Row(row.what, row.figure) for row in rows)


def _elsewhere(one: Collection, callers: Sequence[Caller], notes: tuple[str, ...]) -> list[Section]:
    name, fields = one.name, one.fields
    found = [_finding(one, table.FINDING_ELSEWHERE, notes)]
    if name == BCCD:
        rows = rows_of(object_figures(fields), table.OBJECTS)
        found.append(Section(f"{name}: white cells and platelets", rows))
    for caller in callers:
        calls = call_fields(fields, caller)
        rows = rows_of(false_call_figures(fields, calls), table.FALSE_CALLS)
        note = f"Networks of fold {OTHERS_FOLD}; {_thresholds(caller, OTHERS_FOLD)}"
        found.append(Section(f"{name}: {caller.name}", rows, (note,)))
    return found


def _thresholds(caller: Caller, fold: int | None = None) -> str:
    shown = [f"{value:.2f}" for k, value in caller.thresholds.items() if fold is None or k == fold]
    return f"threshold on the logit {', '.join(shown)}; normalised by {caller.normalisation.name}"
