"""The report of fits: one HTML file from what is committed, or from the runs that are named.

Records that are broken stop it with their path: a report that leaves out a run without saying so
would be read as complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError
from train.bootstrap import RESAMPLES
from train.datasets.base import Example
from train.report import plots
from train.report.analysis import Analysis, Mistake, analyse
from train.report.at_hand import Data, data_at_hand, thumbnail
from train.report.comparison import (
    IN_CONTEXT,
    comparison_table,
    effort_text,
    published_table,
    read_published,
    split_text,
)
from train.report.ensembles import combined, ensemble_section
from train.report.page import write_page
from train.report.studies import read_studies, table_of
from train.report.table import Table, class_table, conformal_table, figures_table, with_interval
from train.report.targets import read_targets, target_table
from train.runs import RECORDS_DIR, STUDIES, Run, find_runs, read_run


def write_run_report(
    run_dirs: Sequence[Path],
    out: Path,
    data: Path | None = None,
    *,
    records: Path = RECORDS_DIR,
    resamples: int = RESAMPLES,
) -> Path:
    """Writes the report.

    Args:
        run_dirs: run folders, or folders of folds; none: all of `records`.
        out: the HTML file.
        data: folder of data sets; None: CLINICSCOPE_DATA, and without that no thumbnails.
        records: committed records; their `studies` are in every report.

    Raises:
        DataError: a record is broken; its path is named, and nothing is written.
        ConfigError: `data` is no folder.
    """
    runs = [read_run(path) for path in (run_dirs or find_runs(records))]
    _check_names(runs)
    at_hand = data_at_hand(data)
    analyses = {
        run.name: analyse(run, run.scores, at_hand.suspects(run.recipe.dataset), resamples)
        for run in runs
        if run.scores is not None
    }
    ensembles = combined(runs, at_hand, resamples)
    measured = analyses | {analysis.run.name: analysis for _, analysis in ensembles}
    studies, published = read_studies(records / STUDIES), read_published()
    return write_page(
        out,
        "runs.html",
        targets=target_table(read_targets(), measured, studies),
        comparison=comparison_table(runs, analyses),
        published=published_table(runs, analyses, published),
        runs=[_section(run, analyses.get(run.name), at_hand, published.caution) for run in runs],
        ensembles=[ensemble_section(*found) for found in ensembles],
        studies=[(name, study, table_of(study)) for name, study in studies.items()],
        command=_command(run_dirs, out),
    )


def _check_names(runs: Sequence[Run]) -> None:
    names = [run.name for run in runs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"two runs are named {twice}; a report tells runs apart by folder name")


def _command(run_dirs: Sequence[Path], out: Path) -> str:
    names = "".join(f" {path.name}" for path in run_dirs)
    return f"clinicscope train report{names} --out {out.name}"


def _section(
    run: Run, analysis: Analysis | None, data: Data, caution: Mapping[str, str]
) -> dict[str, Any]:
    """What the template prints of one run."""
    section: dict[str, Any] = {
        "name": run.name,
        "recipe": run.recipe,
        "split": split_text(run),
        "leaks": run.leaks,
        "effort": effort_text(run),
        "in_context": IN_CONTEXT if run.recipe.context else "",
        "caution": caution.get(run.recipe.task, ""),
        # What is read in context has the curves of the run that it was made from.
        "learning": [] if run.recipe.context else _learning(run),
        "measured": None,
    }
    if analysis is not None:
        section["measured"] = (
            _drawn(analysis) | _measured(run, analysis, data) | _rare(run, analysis)
        )
    return section


def _learning(run: Run) -> list[tuple[str, str]]:
    """Curves by title."""
    logs = [fold.log for fold in run.folds]
    return [
        (title, uri)
        for title, column in (("Loss", "loss"), ("Accuracy", "accuracy"), ("AUC", "auc"))
        if (uri := plots.learning_curve(logs, column, column.replace("auc", "AUC")))
    ]


def _drawn(analysis: Analysis) -> dict[str, str]:
    """The plots, by their name in the template."""
    probability, labels = analysis.scores.probability, analysis.scores.label.astype(int)
    names, calibration = analysis.run.labels, analysis.calibration
    return {
        "confusion": plots.confusion_matrix(labels, probability.argmax(axis=1), names),
        "roc": plots.roc_curve(probability, labels, names),
        "pr": plots.pr_curve(probability, labels, names),
        "patients_plot": plots.patient_plot(analysis.patients),
        "reliability": plots.reliability_curves(calibration.curve_before, calibration.curve_after),
    }


def _measured(run: Run, analysis: Analysis, data: Data) -> dict[str, Any]:
    cleaned = analysis.cleaned
    per_class = analysis.figures.per_class
    calibration = analysis.calibration
    return {
        "n": len(analysis.scores.label),
        "n_patients": len(analysis.patients.name),
        "patients_known": run.patients_known,
        "figures": figures_table(analysis.figures.overall, cleaned and cleaned.overall),
        "has_cleaned": cleaned is not None,
        "per_class": class_table(run.labels, per_class) if per_class else None,
        "by_patient": figures_table(analysis.by_patient),
        "calibration": Table(
            ("", "as the network gives it", "after temperature"),
            tuple(
                (
                    what,
                    with_interval(calibration.before[key]),
                    with_interval(calibration.after[key]),
                )
                for what, key in (("ECE", "ece"), ("Brier", "brier"), ("log loss", "log_loss"))
            ),
            (1, 2),
        ),
        "temperatures": ", ".join(f"{t:.2f}" for t in calibration.temperatures),
        "conformal": conformal_table(run.labels, analysis.conformal),
        "conformal_note": analysis.conformal_note,
        "mistakes": _mistakes(analysis.mistakes, data.examples(run.recipe.dataset)),
    }


def _rare(run: Run, analysis: Analysis) -> dict[str, str]:
    """Which classes have too few examples, and what one of them weighs."""
    per_class = zip(run.labels, analysis.figures.per_class, strict=False)
    few = {label: found["recall"].n for label, found in per_class if found["recall"].note}
    step = max((1 / n for n in few.values()), default=0.0)
    return {"rare": ", ".join(f"{k} ({n})" for k, n in few.items()), "rare_step": f"{step:.1%}"}


def _mistakes(mistakes: Sequence[Mistake], examples: Mapping[str, Example]) -> list[dict[str, Any]]:
    return [
        {"mistake": mistake, "thumbnail": thumbnail(examples.get(mistake.name))}
        for mistake in mistakes
    ]
