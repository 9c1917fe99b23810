"""Fields through the device's own path: decoded, judged, cells found, prepared, scored by LiteRT.

Each field is read with the networks of the fold that held its block out; a collection that nothing
was fitted on with those of fold 0. Readings are kept on disk, so that tables are remade fast; what
was made by other networks or other code of the path is made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import edge
from compress.fields.finders import Finder, FinderKind
from compress.fields.fold_models import FoldModel, FoldModels
from edge.analysis.quality import assess_quality
from edge.contract.errors import ImageError
from edge.contract.images import read_image
from edge.contract.preprocess import Preprocessing, prepare_cells
from edge.contract.types import CellBox, F32Array, Frame, U8Array
from edge.runtimes.base import Runtime
from edge.screening.finder import crowding
from edge.screening.screener import MIN_BOX_PX
from train.datasets import iml_cells
from train.fields.readings import RED_CELL, FieldReading, read_reading, write_reading
from train.fields.truth import FieldTruth
from train.splits import fold_of

OTHERS_FOLD = 0
# Files of edge whose change makes another reading, and those among them that draw pictures.
_PATH_CODE = (
    "analysis/*.py",
    "screening/finder.py",
    "contract/cell_grid.py",
    "contract/preprocess.py",
    "contract/images.py",
)
_PICTURES = ("explain.py",)


@dataclass(frozen=True, eq=False)
class FieldReader:
    """One fold's finder and networks, opened."""

    fold: int
    finder: Finder
    networks: tuple[tuple[FoldModel, Runtime], ...]

    def read(self, path: Path) -> FieldReading:
        """One field; what cannot be decoded or is not usable is refused."""
        try:
            frame = Frame(read_image(path), path.name)
        except ImageError as error:
            return self._refused(path.name, (0, 0), str(error))
        return self.read_frame(frame)

    def read_frame(self, frame: Frame) -> FieldReading:
        """As `edge.screening.screener.Screener` does it, with every family's network."""
        height_px, width_px = frame.image.shape[:2]
        quality = assess_quality(frame)
        if not quality.usable:
            return self._refused(frame.name, (width_px, height_px), quality.reason)
        boxes = [b for b in self.finder(frame) if min(b.width_px, b.height_px) >= MIN_BOX_PX]
        if crowded := crowding(boxes):
            return self._refused(frame.name, (width_px, height_px), crowded)
        sides = [(b.left_px, b.top_px, b.width_px, b.height_px) for b in boxes]
        kinds = np.array([box.kind for box in boxes], "U8")
        return FieldReading(
            frame.name,
            self.fold,
            width_px,
            height_px,
            "",
            np.array(sides, np.int32).reshape(-1, 4),
            kinds,
            np.array([box.at_border for box in boxes], bool),
            self._logits(frame, boxes, kinds == RED_CELL),
        )

    def close(self) -> None:
        """Frees the networks."""
        for _, runtime in self.networks:
            runtime.close()

    def _refused(self, name: str, size_px: tuple[int, int], reason: str) -> FieldReading:
        empty = np.zeros((0, 4), np.int32)
        none = np.zeros(0, bool)
        logits = {
            model.family: np.zeros((0, *_tail(model)), np.float32) for model, _ in self.networks
        }
        return FieldReading(
            name, self.fold, *size_px, reason, empty, np.zeros(0, "U8"), none, logits
        )

    def _logits(self, frame: Frame, boxes: Sequence[CellBox], red: np.ndarray) -> dict:
        batches: dict[Preprocessing, U8Array] = {}
        found: dict[str, F32Array] = {}
        cells = [box for box, is_red in zip(boxes, red, strict=True) if is_red]
        for model, runtime in self.networks:
            spec = model.preprocessing
            if spec not in batches:
                batches[spec] = prepare_cells(frame.image, cells, spec)
            values = np.full((len(boxes), *_tail(model)), np.nan, np.float32)
            values[red] = runtime.run(batches[spec]).logits
            found[model.family] = values
        return found


def _tail(model: FoldModel) -> tuple[int, ...]:
    """The shape of one cell's logits."""
    return (model.n_logits,) if model.n_logits > 1 else ()


@dataclass(frozen=True)
class Reading:
    """How a collection's fields are read.

    Attributes:
        families: of networks, each read with the same cells.
        folder: of readings, one file a field.
        as_read: take what is there, whatever networks and code it was made by.
    """

    models: FoldModels
    families: tuple[str, ...]
    finder: FinderKind
    folder: Path
    as_read: bool = False
    tell: Callable[[int, int], None] = lambda _done, _total: None

    def open(self, fold: int) -> FieldReader:
        """The reader of one fold."""
        chosen = [self.models.model(family, fold) for family in self.families]
        networks = tuple((model, self.models.open(model)) for model in chosen)
        return FieldReader(fold, self.finder.for_fold(fold), networks)

    def made_of(self, fold: int) -> str:
        """What tells this fold's readings from those of other networks or other code."""
        hashes = [self.models.model(family, fold).weights.sha256 for family in self.families]
        return " ".join([self.finder.name, self.finder.made_of, _code_hash(), *hashes])

    def read(self, name: str, truths: Sequence[FieldTruth]) -> list[FieldReading]:
        """Every field of one collection, in order; fold by fold, kept as they come."""
        folds = folds_of(name, truths)
        done: dict[str, FieldReading] = {}
        for fold in sorted(set(folds)):
            own = [truth for truth, of in zip(truths, folds, strict=True) if of == fold]
            self._read_fold(name, fold, own, done, len(truths))
        return [done[truth.name] for truth in truths]

    def _read_fold(
        self,
        name: str,
        fold: int,
        truths: Sequence[FieldTruth],
        done: dict[str, FieldReading],
        total: int,
    ) -> None:
        reader, made_of = None, self.made_of(fold)
        for truth in truths:
            path = self.folder / self.finder.name / name / f"{Path(truth.name).stem}.npz"
            found = read_reading(path, "" if self.as_read else made_of)
            if found is None:
                reader = reader or self.open(fold)
                found = reader.read(truth.path)
                write_reading(path, found, made_of)
            done[truth.name] = found
            self.tell(len(done), total)
        if reader:
            reader.close()


def folds_of(name: str, truths: Sequence[FieldTruth]) -> list[int]:
    """The fold whose networks read each field."""
    if name != iml_cells.FOLDER:
        return [OTHERS_FOLD] * len(truths)
    of_block = fold_of("iml-cells")
    return [of_block[truth.group] for truth in truths]


def _code_hash() -> str:
    root = Path(edge.__file__).parent
    digest = hashlib.sha256()
    for pattern in _PATH_CODE:
        for path in sorted(p for p in root.glob(pattern) if p.name not in _PICTURES):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
