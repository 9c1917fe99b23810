"""Tables that answer one question over several runs; `train report` shows those in records/studies.

A study is a JSON object: `title`, `question`, `command` (what made it), `columns`, `rows` (lists of
text or numbers, one a column), `note` (what the table says, in words).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.contract.records import to_plain
from train.evaluate import evaluate
from train.score import score
from train.scores import Scores, read_npz_scores


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
    """Writes the study whole, keeping the note of an earlier one that has the same question."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not study.note and path.is_file():
        earlier = json.loads(path.read_text())
        study = Study(**{**to_plain(study), "note": earlier.get("note", "")})
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
)


def travel_rows(
    run_dirs: Sequence[Path],
    dataset: str,
    adaptations: Sequence[str],
    views: Sequence[int],
    *,
    data: Path | None = None,
) -> Iterator[tuple[Any, ...]]:
    """A row for each run, adaptation and number of views: figures at home and on `dataset`."""
    for run_dir in run_dirs:
        home = read_npz_scores(run_dir / "held_out.npz")
        at_home = round(_figures(home)["auc"].value, 4)
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
                yield (run_dir.name, adaptation, count, at_home, *_away(scores))


def _figures(scores: Scores) -> Any:
    return evaluate(scores.probability[:, 1], scores.label.tolist(), scores.patient.tolist(), 0.5)


def _away(scores: Scores) -> tuple[float, ...]:
    found = _figures(scores)
    rates = (found["sensitivity_cell"].value, found["specificity_cell"].value)
    return (*(round(x, 4) for x in to_plain(found["auc"]).values()), *(round(r, 4) for r in rates))
