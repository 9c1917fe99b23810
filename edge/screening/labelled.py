"""Cells that a site's microscopist labelled: reading them, refusing what cannot be used, scoring.

One wrong file in twenty would move the operating point, so none is left out in silence.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.contract.errors import BundleError, DataError, SourceError
from edge.contract.images import list_images
from edge.contract.labels import PARASITISED, UNINFECTED
from edge.contract.reference import LogitReference
from edge.contract.site import LEAST_OF_EACH, SiteCheck, estimate_shift
from edge.contract.types import F32Array
from edge.screening.calls import field_point, logit_at
from edge.screening.crops import NO_RED_CELL, read_crop
from edge.screening.field_calls import field_logits
from edge.screening.novelty import Opinion
from edge.screening.screener import Screener

COLUMNS = ("path", "label")
CELL_LABELS = (UNINFECTED, PARASITISED)
_MOST_NAMED = 5


@dataclass(frozen=True)
class LabelledCell:
    """A picture of one cell, and what the microscopist says that it is."""

    path: Path
    infected: bool


def read_labels(sources: Sequence[Path]) -> list[LabelledCell]:
    """The cells of CSV files (path,label) and of folders with a folder for each label.

    Paths in a CSV are relative to it.

    Raises:
        SourceError: not there, other columns, another label, a picture given twice, or too few
            cells of a class.
    """
    cells = [cell for source in sources for cell in _read_source(source)]
    _check_each_once(cells)
    for label, count in zip(CELL_LABELS, _count(cells), strict=True):
        if count < LEAST_OF_EACH:
            raise SourceError(
                f"{count} cells are labelled {label}; at least {LEAST_OF_EACH} of each are needed, "
                "best from several slides: label more"
            )
    return cells


def _count(cells: Sequence[LabelledCell]) -> tuple[int, int]:
    infected = sum(cell.infected for cell in cells)
    return len(cells) - infected, infected


def _read_source(source: Path) -> Iterator[LabelledCell]:
    if source.is_dir():
        return _read_folder(source)
    if source.suffix.lower() == ".csv" and source.is_file():
        return _read_csv(source)
    raise SourceError(
        f"{source} is neither a .csv file with the columns path,label nor a folder that holds the "
        f"folders {PARASITISED} and {UNINFECTED}"
    )


def _read_folder(source: Path) -> Iterator[LabelledCell]:
    for label in CELL_LABELS:
        images = list_images(source / label) if (source / label).is_dir() else []
        if not images:
            raise SourceError(
                f"{source} has no folder {label!r} with images; put the cells into the folders "
                f"{PARASITISED} and {UNINFECTED}"
            )
        for path in images:
            yield LabelledCell(path, label == PARASITISED)


def _read_csv(source: Path) -> Iterator[LabelledCell]:
    try:
        with source.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise SourceError(
                    f"{source} has the columns {list(reader.fieldnames or ())}; expected path,label"
                )
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{source} is no CSV file in UTF-8: {error}") from error
    for number, row in enumerate(rows, start=2):
        label = (row["label"] or "").strip()
        if label not in CELL_LABELS:
            raise SourceError(
                f"{source}, line {number}: label is {label!r}; allowed: {', '.join(CELL_LABELS)}"
            )
        yield LabelledCell(source.parent / (row["path"] or "").strip(), label == PARASITISED)


def _check_each_once(cells: Sequence[LabelledCell]) -> None:
    """The same picture twice would count twice, or under two labels."""
    seen: dict[str, Path] = {}
    for cell in cells:
        try:
            digest = hashlib.sha256(cell.path.read_bytes()).hexdigest()
        except OSError as error:
            raise SourceError(f"{cell.path} cannot be read: {error.strerror}") from error
        if digest in seen:
            raise SourceError(
                f"{cell.path} is the same picture as {seen[digest]}; give each cell once"
            )
        seen[digest] = cell.path


def check_site(
    cells: Iterable[LabelledCell], screener: Screener, *, by: str, now_utc: str
) -> SiteCheck:
    """Scores labelled cells and sets the operating point of fields by them.

    Args:
        by: who labelled them.
        now_utc: ISO 8601.

    Raises:
        DataError: a picture is no red cell, or too few of a class; `by` is empty.
        BundleError: the bundle does not say where scores lie at home.
    """
    if not by.strip() or not by.isprintable():
        raise DataError(f"name of the microscopist is {by!r}; give one line of text with --by")
    found = list(cells)
    reference = _reference(screener)
    infected = np.array([cell.infected for cell in found], bool)
    logits = _score(found, screener)
    manifest = screener.bundle.manifest
    at_home = logit_at(field_point(manifest).threshold, manifest.score_calibration)
    shift = estimate_shift(logits, infected, at_home, reference)
    before, after = logits >= at_home, logits >= at_home + shift.value
    return SiteCheck(
        bundle_id=manifest.bundle_id,
        bundle_sha256=screener.bundle.sha256,
        checked_by=by.strip(),
        checked_utc=now_utc,
        shift=round(shift.value, 4),
        shift_low=round(shift.low, 4),
        shift_high=round(shift.high, 4),
        n_parasitised=int(infected.sum()),
        n_uninfected=int((~infected).sum()),
        found_before=int(before[infected].sum()),
        found_after=int(after[infected].sum()),
        false_before=int(before[~infected].sum()),
        false_after=int(after[~infected].sum()),
    )


def _reference(screener: Screener) -> LogitReference:
    manifest = screener.bundle.manifest
    reference = screener.reference
    if reference is None:
        raise BundleError(
            f"bundle {manifest.bundle_id} does not say where its scores lie at home "
            "(logit_reference), so a site cannot be held against it; install a newer bundle"
        )
    return reference


def _score(cells: Sequence[LabelledCell], screener: Screener) -> F32Array:
    manifest = screener.bundle.manifest
    read = [(cell.path, read_crop(cell.path, manifest)) for cell in cells]
    faults = [f"{path}: {item}" for path, item in read if isinstance(item, str)]
    _check_usable(faults, len(cells))
    batch = np.stack([item for _, item in read if not isinstance(item, str)])
    opinion = None
    if screener.novelty:
        opinion = screener.novelty.read(batch)
        limit = screener.novelty.settings.foreign_threshold
        _check_usable(_foreign(cells, opinion, limit), len(cells))
    return field_logits(screener.runtime.run(batch), opinion, screener.reference)


def _foreign(cells: Sequence[LabelledCell], opinion: Opinion, limit: float) -> list[str]:
    return [
        f"{cell.path}: {NO_RED_CELL.format(foreign, limit)}"
        for cell, foreign in zip(cells, opinion.foreign.tolist(), strict=True)
        if foreign >= limit
    ]


def _check_usable(faults: Sequence[str], count: int) -> None:
    if faults:
        more = "; …" if len(faults) > _MOST_NAMED else ""
        raise DataError(
            f"{len(faults)} of {count} labelled cells cannot be used: "
            f"{'; '.join(faults[:_MOST_NAMED])}{more}; replace them"
        )
