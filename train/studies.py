"""Tables that answer one question over several runs; `train report` shows those in records/studies.

A study is a JSON object: `title`, `question`, `command` (what made it), `columns`, `rows` (lists of
text or numbers, one a column), `note` (what the table says, in words).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError, DataError, ManifestError
from edge.contract.records import from_plain, to_plain
from train.bootstrap import RESAMPLES, Figure, at_least_exact, draw_weights, group_sums, summary
from train.evaluate import evaluate
from train.runs import read_run
from train.score import score
from train.scores import Scores


@dataclass(frozen=True)
class Study:
    """One table and what it is for."""

    title: str
    question: str
    command: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""


def write_study(path: Path, study: Study) -> None:
    """Writes the study whole, keeping the note of an earlier one that has the same question.

    Raises:
        DataError: what is there is no study; it stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not study.note and path.is_file():
        try:
            earlier = from_plain(Study, json.loads(path.read_text(encoding="utf-8")), str(path))
        except (ValueError, ManifestError) as error:
            raise DataError(f"{path} is no table of a study: {error}; move it away") from error
        if earlier.question == study.question:
            study = replace(study, note=earlier.note)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(to_plain(study), indent=1, ensure_ascii=False) + "\n")
    partial.replace(path)


TRAVEL_COLUMNS = (
    "run",
    "adaptation",
    "views",
    "AUC at home",
    "AUC away",
    "from",
    "to",
    "sensitivity at .5",
    "specificity at .5",
    "false positives per 1,000",
    "fewest",
    "most",
)


def travel_rows(
    run_dirs: Sequence[Path],
    dataset: str,
    adaptations: Sequence[str],
    views: Sequence[int],
    *,
    data: Path | None = None,
) -> Iterator[tuple[Any, ...]]:
    """A row for each run, adaptation and number of views: figures at home and on `dataset`.

    Where `dataset` has no positive cell, AUC and sensitivity are empty text.

    Args:
        run_dirs: run folders, or folders of folds, whose mean logit counts.

    Raises:
        ConfigError: a run of more than two classes, or what `train.score.score` refuses.
        DataError: a record is broken or without scores.
    """
    for run_dir in run_dirs:
        at_home = _at_home(run_dir)
        for adaptation in adaptations:
            for count in views:
                scores = score(
                    run_dir,
                    dataset,
                    data=data,
                    views=count,
                    adaptation=adaptation,
                    cache=run_dir.parent / "cache",
                )
                yield (run_dir.resolve().name, adaptation, count, at_home, *_away(scores))


def _at_home(run_dir: Path) -> float:
    run = read_run(run_dir)
    if run.scores is None:
        raise DataError(f"{run_dir} has no held_out.npz; let its fit finish first")
    if run.scores.logit.ndim > 1:
        raise ConfigError(
            f"{run_dir} tells {run.scores.logit.shape[1]} classes apart; this table is for two"
        )
    return float(round(_figures(run.scores)["auc"].value, 4))


def _figures(scores: Scores) -> Any:
    return evaluate(scores.probability[:, 1], scores.label.tolist(), scores.patient.tolist(), 0.5)


def _away(scores: Scores) -> tuple[Any, ...]:
    cells: list[Any] = ["", "", "", ""]
    if (scores.label > 0).any():
        found = _figures(scores)
        cells = [round(x, 4) for x in to_plain(found["auc"]).values()]
        cells.append(round(found["sensitivity_cell"].value, 4))
    false = false_positives(scores)
    share = (false.value, false.ci_low, false.ci_high)
    return (*cells, round(1 - false.value, 4), *(round(1000 * x, 1) for x in share))


def false_positives(scores: Scores, resamples: int = RESAMPLES, seed: int = 0) -> Figure:
    """Share of negative cells that are called positive at .5, of two classes.

    The interval is by bootstrap over the groups, and no narrower than Clopper-Pearson's: where no
    cell is called, no resample shows one.

    Raises:
        DataError: there is no negative cell.
    """
    negative = scores.label == 0
    if not negative.any():
        raise DataError(f"none of {len(negative)} cells is negative; no positive can be false")
    called = negative & (scores.probability[:, 1] >= 0.5)
    groups, owner = np.unique(scores.patient, return_inverse=True)
    counts = np.stack([called, negative], axis=1).astype(np.float64)
    drawn = draw_weights(len(groups), resamples, seed) @ group_sums(counts, owner, len(groups))
    with np.errstate(invalid="ignore"):
        share = drawn[:, 0] / drawn[:, 1]
    figure = summary(share, int(negative.sum()), len(groups))
    return at_least_exact(figure, int(called.sum()), int(negative.sum()))
