"""How often a bundle refuses what is no red cell or no smear, and how seldom what is one.

Pictures take the same way as on the device: single ones through `classify`, fields through the
screener. What is measured on is fitted on by no network of ours, see `train.not_smears`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.contract.errors import DataError
from edge.contract.images import list_images, read_image
from edge.contract.types import FieldResult, Frame, U8Array
from edge.screening.classifier import Classifier
from edge.screening.crops import classify_images
from edge.screening.screener import Screener
from train.bootstrap import Figure, at_least_exact
from train.datasets.base import Example, data_root, labels_of, list_examples, load_crops
from train.not_smears import NO_FIELDS, NOT_CUT, NOT_SMEARS, inside_ellipse, pictures
from train.not_smears.wanted import Wanted
from train.splits import load_split, n_folds_of

log = logging.getLogger(__name__)

COLUMNS = ("level", "what", "blood", "n", "refused", "share", "from", "to", "reason")
SINGLE, FIELD, CELL_OF_FIELD = "single picture", "field", "cell of a field"
BLOOD, NOT_BLOOD = "red cells", "none"
HOME = "nih-cells"
CELLS = (HOME, "iml-cells", "chula-cells", "bccd-cells")
FIELDS = ("iml-fields", "chula-fields", "bccd-fields")
_SINGLE_PX, _FIELD_PX = (128, 128), (480, 640)
# A red cell's diameter in fields of 640 px, under the usual 100x objective.
_FIELD_CELL_PX = 60.0


@dataclass(frozen=True)
class Sizes:
    """How much is measured; of more than that, evenly spaced ones.

    Attributes:
        pictures: of each kind that is no red cell, as single pictures.
        cells: of each label of a data set of red cells.
        fields: of each kind and of each data set of fields.
        fold: its held-out part is measured on, of each data set that has folds.
        seed: of all that is drawn.
    """

    pictures: int = 200
    cells: int = 2000
    fields: int = 40
    fold: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Refused:
    """What became of the pictures of one kind.

    Attributes:
        level: `SINGLE`, `FIELD` or `CELL_OF_FIELD`.
        is_blood: red cells or a smear, so that each refusal is a false one.
        reasons: why, each up to its colon, with its count.
    """

    level: str
    kind: str
    is_blood: bool
    n: int
    reasons: Counter[str]

    @property
    def refused(self) -> int:
        """How many were refused."""
        return self.reasons.total()

    def row(self) -> tuple[Any, ...]:
        """In the order of COLUMNS; the interval is Clopper-Pearson's, 95 %."""
        share = self.refused / self.n
        found = at_least_exact(Figure(share, share, share, self.n, self.n), self.refused, self.n)
        reason = self.reasons.most_common(1)[0][0] if self.reasons else ""
        bounds = (round(found.ci_low, 5), round(found.ci_high, 5))
        blood = BLOOD if self.is_blood else NOT_BLOOD
        return (
            self.level,
            self.kind,
            blood,
            self.n,
            self.refused,
            round(share, 5),
            *bounds,
            reason,
        )


def measure_refusal(
    screener: Screener, sizes: Sizes, *, data: Path | None = None, cache: Path | None = None
) -> Iterator[Refused]:
    """Every kind in turn: single pictures, cells, fields and their cells, then sums of each.

    Args:
        data: the folder of data sets; None reads CLINICSCOPE_DATA.
        cache: folder for prepared crops.

    Raises:
        DataError: a data set or the photographs are not at hand.
    """
    found = []
    for part in (
        _single_pictures(screener, sizes, data, cache),
        _red_cells(screener, sizes, data, cache),
        _no_fields(screener, sizes, data),
        _smears(screener, sizes, data),
    ):
        for refused in part:
            log.info("%s, %s: %d of %d", refused.level, refused.kind, refused.refused, refused.n)
            found.append(refused)
            yield refused
    yield from _sums(found)


def _sums(found: Sequence[Refused]) -> Iterator[Refused]:
    for level, is_blood in sorted({(one.level, one.is_blood) for one in found}):
        same = [one for one in found if (one.level, one.is_blood) == (level, is_blood)]
        reasons = sum((one.reasons for one in same), Counter[str]())
        yield Refused(level, "all of these", is_blood, sum(one.n for one in same), reasons)


def _single_pictures(
    classifier: Classifier, sizes: Sizes, data: Path | None, cache: Path | None
) -> Iterator[Refused]:
    spec = classifier.bundle.manifest.preprocessing
    healthy = [e for e in _examples(HOME, sizes, data) if e.label == 0]
    real = load_crops(_spaced(healthy, sizes.pictures), spec, cache)
    wanted = Wanted(sizes.pictures, *_SINGLE_PX, sizes.seed, data, list(real), spec.size_px)
    for kind in NOT_SMEARS:
        images = pictures(kind, wanted)
        yield _classified(kind, images, classifier, is_blood=False)
        if kind not in NOT_CUT:
            cut = [inside_ellipse(image) for image in images]
            yield _classified(f"{kind}, cut out", cut, classifier, is_blood=False)


def _red_cells(
    classifier: Classifier, sizes: Sizes, data: Path | None, cache: Path | None
) -> Iterator[Refused]:
    spec = classifier.bundle.manifest.preprocessing
    for dataset in CELLS:
        examples = _examples(dataset, sizes, data)
        for number, label in enumerate(labels_of(dataset)):
            some = _spaced([e for e in examples if e.label == number], sizes.cells)
            crops = load_crops(some, spec, cache)
            yield _classified(f"{dataset}, {label}", crops, classifier, is_blood=True)
            # A crop of a box still has its surroundings; a file of nih-cells has none.
            if any(example.box for example in some):
                crops = load_crops(some, replace(spec, mask="none"), cache)
                kind = f"{dataset}, {label}, not masked"
                yield _classified(kind, crops, classifier, is_blood=True)


def _examples(dataset: str, sizes: Sizes, data: Path | None) -> list[Example]:
    """The held-out part; all of a data set that has no folds, since nothing is fitted on it."""
    examples = list_examples(dataset, data)
    if not n_folds_of(dataset):
        return examples
    return load_split(dataset, sizes.fold).part_of(examples, "test")


def _classified(
    kind: str, images: Sequence[U8Array] | U8Array, classifier: Classifier, *, is_blood: bool
) -> Refused:
    _check_some(kind, len(images))
    results = classify_images(((kind, image) for image in images), classifier)
    reasons = Counter(_short(result.refused) for result in results if result.refused)
    return Refused(SINGLE, kind, is_blood, len(images), reasons)


def _no_fields(screener: Screener, sizes: Sizes, data: Path | None) -> Iterator[Refused]:
    a_third = replace(sizes, fields=-(-sizes.fields // 3))
    real = [image for name in FIELDS for image in _fields(name, a_third, data)]
    wanted = Wanted(sizes.fields, *_FIELD_PX, sizes.seed, data, real, _FIELD_CELL_PX)
    for kind in NOT_SMEARS:
        if kind not in NO_FIELDS:
            results = _screened(pictures(kind, wanted), screener)
            yield _refused_fields(kind, results, is_blood=False)


def _smears(screener: Screener, sizes: Sizes, data: Path | None) -> Iterator[Refused]:
    for name in FIELDS:
        results = _screened(_fields(name, sizes, data), screener)
        yield _refused_fields(name, results, is_blood=True)
        cells = [
            cell for result in results for cell in result.cells if cell.counted or cell.refused
        ]
        _check_some(f"cells of {name}", len(cells))
        reasons = Counter(cell.refused.split(" (", maxsplit=1)[0] for cell in cells if cell.refused)
        yield Refused(CELL_OF_FIELD, name, True, len(cells), reasons)


def _fields(name: str, sizes: Sizes, data: Path | None) -> list[U8Array]:
    """Held-out fields, where cells of them are fitted on; else all."""
    paths, cells = list_images(data_root(data) / name), name.replace("fields", "cells")
    if n_folds_of(cells):
        held_out = {example.path.name for example in _examples(cells, sizes, data)}
        paths = [path for path in paths if path.name in held_out]
    return [read_image(path) for path in _spaced(paths, sizes.fields)]


def _screened(images: Sequence[U8Array], screener: Screener) -> list[FieldResult]:
    return [screener.screen(Frame(image, str(number))) for number, image in enumerate(images)]


def _refused_fields(kind: str, results: Sequence[FieldResult], *, is_blood: bool) -> Refused:
    _check_some(kind, len(results))
    reasons = Counter(_short(r.quality.reason) for r in results if not r.quality.usable)
    return Refused(FIELD, kind, is_blood, len(results), reasons)


def _check_some(kind: str, count: int) -> None:
    if not count:
        raise DataError(f"there is nothing of the kind {kind!r} to measure on; check --data")


def _short(reason: str) -> str:
    """A reason up to its colon; what follows says what to do, and has figures in it."""
    return reason.split(":", maxsplit=1)[0]


def _spaced(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count`, from the first to the last at even distances."""
    if len(items) <= count:
        return list(items)
    return [items[row] for row in np.linspace(0, len(items) - 1, count).round().astype(int)]
