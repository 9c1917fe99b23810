"""The figures to reach, from targets.toml, each beside what the records say."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.contract.errors import ConfigError, ManifestError
from edge.contract.records import from_plain
from train.bootstrap import Figure
from train.report.analysis import Analysis
from train.report.table import Table, interval_text, value_text
from train.studies import Study

TARGETS_FILE = Path(__file__).parent / "targets.toml"


@dataclass(frozen=True)
class Target:
    """One figure to reach.

    Attributes:
        what: in words, with the data and the split.
        figure: key of `train.metrics` or `train.patients`; of a study, the column.
        command: what makes the figure; of a study, its own command is printed.
        at_least: NaN where the figure is asked for, without a bound.
        run: name of the run that it is read from, or of several joined by " + "; or
        study: name of the study.
        label: for a figure of one class, its label.
        where: of a study, cells by column that tell the row.
        interval: of a study, the columns of the interval's ends.
    """

    what: str
    figure: str
    command: str = ""
    at_least: float = math.nan
    run: str = ""
    study: str = ""
    label: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    interval: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Targets:
    target: tuple[Target, ...]


def read_targets(path: Path = TARGETS_FILE) -> tuple[Target, ...]:
    """The list. Raises ConfigError: not TOML, unknown keys, or neither run nor study."""
    try:
        found = from_plain(_Targets, tomllib.loads(path.read_text("utf-8")), path.name).target
    except (tomllib.TOMLDecodeError, ManifestError) as error:
        raise ConfigError(f"{path} cannot be used: {error}") from error
    for target in found:
        if len(target.interval) not in (0, 2):
            raise ConfigError(f"{path}: {target.what!r} has an interval of {target.interval}")
        if bool(target.run) == bool(target.study):
            raise ConfigError(f"{path}: {target.what!r} needs either a run or a study")
    return found


def target_table(
    targets: Sequence[Target], analyses: Mapping[str, Analysis], studies: Mapping[str, Study]
) -> Table:
    """One row a target: bound, ours with interval, met or not, and the command."""
    rows = []
    for target in targets:
        figure = _found(target, analyses, studies)
        bound = "" if math.isnan(target.at_least) else f"≥ {value_text(target.at_least)}"
        ours = value_text(figure.value) if figure else "–"
        interval = interval_text(figure) if figure and math.isfinite(figure.ci_low) else ""
        verdict = _verdict(target, figure)
        if figure and target.run:
            verdict += _coverage(analyses[target.run])
        command = studies[target.study].command if target.study in studies else target.command
        rows.append((target.what, bound, ours, interval, verdict, command))
    columns = ("figure", "to reach", "ours", "95 % interval", "", "made by")
    return Table(columns, tuple(rows), (1, 2, 3), code=(5,))


def _found(
    target: Target, analyses: Mapping[str, Analysis], studies: Mapping[str, Study]
) -> Figure | None:
    if target.study:
        return _in_study(target, studies[target.study]) if target.study in studies else None
    analysis = analyses.get(target.run)
    if analysis is None:
        return None
    if not target.label:
        return analysis.figure(target.figure)
    labels = analysis.run.labels
    if target.label not in labels or not analysis.figures.per_class:
        return None
    return analysis.figures.per_class[labels.index(target.label)].get(target.figure)


def _in_study(target: Target, study: Study) -> Figure:
    """The cell that the target names.

    Raises:
        ConfigError: the study has no such column, or not one such row.
    """
    wanted = (target.figure, *target.interval)
    unknown = sorted({*wanted, *target.where} - set(study.columns))
    rows = [dict(zip(study.columns, row, strict=True)) for row in study.rows]
    if unknown:
        raise ConfigError(f"study {target.study} has no columns {unknown}, as {target.what!r} asks")
    fit = [r for r in rows if all(str(r[key]) == cell for key, cell in target.where.items())]
    if len(fit) != 1:
        raise ConfigError(
            f"study {target.study} has {len(fit)} rows where {dict(target.where)}, as "
            f"{target.what!r} asks; it needs one"
        )
    value, *ends = (float(fit[0][name]) for name in wanted)
    low, high = ends or (math.nan, math.nan)
    return Figure(value, low, high, 0, 0)


def _verdict(target: Target, figure: Figure | None) -> str:
    if figure is None:
        return "no record yet"
    if math.isnan(target.at_least):
        return "reported" + (f"; {figure.note}" if figure.note else "")
    if figure.value < target.at_least:
        short = value_text(target.at_least - figure.value)
        return f"not met, {short} short"
    return "met" if not figure.ci_low < target.at_least else "met; the interval reaches below"


def _coverage(analysis: Analysis) -> str:
    """Which part of the data stands behind a run whose folds are not all there."""
    held_out = len(analysis.patients.name)
    known = analysis.run.patients_known
    if analysis.run.leaks or held_out == known:
        return ""
    return f" (so far on {held_out} of {known} patients)"
