"""The INT8 networks that whole fields are read with: one a fold, kept in git with their scores.

A field is read with the networks of the fold that held its block out. What they said of the
held-out cells of nih-cells is kept beside them, for thresholds that no field has a part in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from compress.folder_record import write_record
from edge.contract.errors import ConfigError, DataError, ManifestError
from edge.contract.manifest import Weights
from edge.contract.preprocess import Preprocessing
from edge.contract.records import from_plain
from edge.runtimes.litert import LiteRTRuntime
from train.fields.callers import PLUS
from train.models.start_weights import KEPT_DIR
from train.scores import Scores, read_npz_scores, write_scores

MODELS_DIR = KEPT_DIR / "fields" / "models"
INDEX_FILE = "models.json"


@dataclass(frozen=True)
class FoldModel:
    """One fold's network.

    Attributes:
        family: the recipe that was fitted.
        source: the run folder that it was made of, by the names of its last folders.
        labels: in the order of the logits; of two, the second one's logit alone.
        threshold: of P(infected) for the cells of a field; None of several labels.
        chosen_on: what the threshold was chosen on.
        weights: file (below the folder of models), sha256, tensors with their scales.
    """

    family: str
    fold: int
    source: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    weights: Weights
    threshold: float | None = None
    chosen_on: str = ""

    @property
    def n_logits(self) -> int:
        """Of one cell: one of two labels, two of a novelty network, else as many as labels."""
        return self.weights.output("logit").shape[-1]


@dataclass(frozen=True, eq=False)
class MadeModel:
    """A network on its way into the folder.

    Attributes:
        scores: of its held-out cells, where it has two labels.
        dataset: that those cells are of.
    """

    model: FoldModel
    content: bytes
    scores: Scores | None = None
    dataset: str = ""


@dataclass(frozen=True)
class FoldModels:
    """Every fold's network of every family.

    Attributes:
        folder: that the files of `models` lie in.
    """

    folder: Path
    models: tuple[FoldModel, ...]

    def family(self, name: str) -> tuple[FoldModel, ...]:
        """The folds of one family, in order; of a sum of families, those of its first.

        Raises:
            ConfigError: there are none.
        """
        name = name.split(PLUS, maxsplit=1)[0]
        found = tuple(model for model in self.models if model.family == name)
        if not found:
            known = ", ".join(sorted({model.family for model in self.models}))
            raise ConfigError(
                f"{self.folder} holds no networks of {name!r}; known: {known}; make them with "
                "`clinicscope compress fold-models`"
            )
        return tuple(sorted(found, key=lambda model: model.fold))

    def model(self, family: str, fold: int) -> FoldModel:
        """One fold of a family. Raises ConfigError where there is none."""
        for found in self.family(family):
            if found.fold == fold:
                return found
        raise ConfigError(f"{self.folder} holds no fold {fold} of {family}")

    def open(self, model: FoldModel, threads: int = 1) -> LiteRTRuntime:
        """The network as the device runs it.

        Raises:
            ConfigError: its file is not what the index says.
            RuntimeUnavailableError: LiteRT refuses it.
        """
        return LiteRTRuntime(self._content(model), model.weights, threads=threads)

    def held_out(self, model: FoldModel) -> Scores:
        """INT8 scores of the fold's held-out cells of nih-cells. Raises DataError."""
        return read_npz_scores((self.folder / model.weights.file).with_suffix(".npz"))

    def held_out_of(self, family: str, fold: int) -> Scores:
        """The same of a family, or the sums of its parts' logits on the same cells.

        Raises:
            ConfigError: no such family or fold.
            DataError: its parts were held out on other cells.
        """
        first, *others = (self.held_out(self.model(name, fold)) for name in family.split(PLUS))
        logit = first.logit.astype(np.float64)
        for other in others:
            if not np.array_equal(other.name, first.name):
                raise DataError(f"{family}, fold {fold}: the parts were held out on other cells")
            logit = logit + other.logit
        return replace(first, logit=logit.astype(np.float32))

    def _content(self, model: FoldModel) -> bytes:
        path = self.folder / model.weights.file
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != model.weights.sha256:
            raise ConfigError(
                f"{path} is missing or another file than {INDEX_FILE} names; make it again with "
                "`clinicscope compress fold-models`"
            )
        return content


def read_fold_models(folder: Path = MODELS_DIR) -> FoldModels:
    """The index of a folder. Raises ConfigError where there is none, or it is broken."""
    path = folder / INDEX_FILE
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        models = tuple(
            from_plain(FoldModel, one, f"{path}, model {number}")
            for number, one in enumerate(listed)
        )
    except (OSError, ValueError, TypeError, ManifestError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}; make it with `clinicscope compress fold-models`"
        ) from error
    return FoldModels(folder, models)


def write_fold_models(folder: Path, made: Sequence[MadeModel]) -> FoldModels:
    """Writes the networks beside those of other families that the folder has; the index last."""
    families = {one.model.family for one in made}
    kept: list[FoldModel] = []
    if (folder / INDEX_FILE).is_file():
        kept = [one for one in read_fold_models(folder).models if one.family not in families]
    for one in made:
        path = folder / one.model.weights.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.content)
        if one.scores is not None:
            write_scores(path.with_suffix(".npz"), _rounded(one.scores))
    models = [*kept, *(one.model for one in made)]
    models.sort(key=lambda model: (model.family, model.fold))
    write_record(folder / INDEX_FILE, models)
    return FoldModels(folder, tuple(models))


def _rounded(scores: Scores) -> Scores:
    """The same with logits to a thousandth: INT8 has no finer ones."""
    return replace(scores, logit=np.round(scores.logit, 3).astype(np.float32))
