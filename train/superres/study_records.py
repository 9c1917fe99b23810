"""What the study leaves: scores and log of each fit, names of the cells once. No pictures.

    OUT/fits/settings.json             what the study is; another one is refused there
    OUT/fits/enhancers.json            what enlarged, and how well it did
    OUT/fits/SPLIT.PART.npz            name, patient and label of each cell
    OUT/fits/NETWORK.SCHEME.SPLIT.SEED.npz   logits of each view (float16), and the log
    OUT/*.json                         the tables, remade from these alone

A fit's file is written whole when it is done.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from edge.contract.errors import ConfigError, DataError, ManifestError
from edge.contract.records import from_plain, to_plain
from edge.contract.types import F32Array, F64Array
from train.log import read_log
from train.models.start_weights import WEIGHTS_FILE
from train.superres.arms import Cells
from train.superres.classify import Row
from train.superres.networks import read_enhancer_recipe
from train.superres.recipe import EnhancerRecipe
from train.superres.study_spec import StudySpec

FITS, SETTINGS, ENHANCERS = "fits", "settings.json", "enhancers.json"
LOG_COLUMNS = ("epoch", "learning_rate", "loss", "accuracy", "seconds")
_VIEW = "view/"


@dataclass(frozen=True)
class FitKey:
    """One fit: which network on which pictures, by which split, from which seed."""

    network: str
    scheme: str
    split: str
    seed: int

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.network}.{self.scheme}.{self.split}.{self.seed}.npz"


@dataclass(frozen=True)
class EnhancerRecord:
    """An enhancer of the study.

    Attributes:
        recipe: of its fit.
        sha256: of its weights file.
        psnr_db: on patches of validation patients, as its log has it.
        bicubic_psnr_db: of bicubic on the same patches.
    """

    recipe: EnhancerRecipe
    sha256: str
    psnr_db: float
    bicubic_psnr_db: float


@dataclass(frozen=True, eq=False)
class Truth:
    """(N,) names, patients and labels of the cells of a part."""

    name: np.ndarray
    patient: np.ndarray
    label: np.ndarray


def claim(out: Path, spec: StudySpec) -> None:
    """Writes the settings into the folder, or checks that they are those that are there.

    Raises:
        ConfigError: the folder holds another study.
    """
    path = out / FITS / SETTINGS
    if path.is_file():
        if read_settings(out) != spec:
            raise ConfigError(f"{out} holds a study of other settings; give another --out")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(to_plain(spec), indent=1) + "\n")


def read_settings(out: Path) -> StudySpec:
    """The settings of a study. Raises ConfigError where there is none, or a broken one."""
    path = out / FITS / SETTINGS
    if not path.is_file():
        raise ConfigError(f"{out} holds no study of super-resolution: {path} is missing")
    try:
        return from_plain(StudySpec, json.loads(path.read_text()), str(path))
    except (OSError, ValueError, ManifestError) as error:
        raise ConfigError(f"{path} holds no settings of a study: {error}") from error


def record_enhancers(out: Path, runs: Mapping[str, Path]) -> dict[str, EnhancerRecord]:
    """Adds the enhancers of these finished runs, by form, to those on record; gives them all.

    Raises:
        ConfigError: another network is on record for a form, or a run is not finished.
    """
    known = read_enhancers(out)
    for form, run_dir in runs.items():
        found = _describe(run_dir)
        if known.setdefault(form, found).sha256 != found.sha256:
            raise ConfigError(
                f"{form}: {run_dir} is another network than the one on record in {out}; give that "
                "one, or another --out"
            )
    path = out / FITS / ENHANCERS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(to_plain(known), indent=1) + "\n")
    return known


def read_enhancers(out: Path) -> dict[str, EnhancerRecord]:
    """By form; none where none is on record. Raises DataError for a damaged file."""
    path = out / FITS / ENHANCERS
    if not path.is_file():
        return {}
    try:
        plain = json.loads(path.read_text())
        return {form: from_plain(EnhancerRecord, plain[form], str(path)) for form in plain}
    except (OSError, ValueError, ManifestError) as error:
        raise DataError(f"{path} holds no enhancers of a study: {error}") from error


def _describe(run_dir: Path) -> EnhancerRecord:
    recipe, weights = read_enhancer_recipe(run_dir), run_dir / WEIGHTS_FILE
    log = read_log(run_dir / "log.csv")
    if not log or not weights.is_file():
        raise ConfigError(f"{run_dir} is not finished; fit the enhancer to its end first")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return EnhancerRecord(recipe, digest, log[-1]["validation_psnr_db"], log[-1]["bicubic_psnr_db"])


def write_truth(out: Path, split: str, part: str, cells: Cells) -> None:
    """Names, patients and labels, once.

    Raises:
        DataError: others are on record, as the data folder has changed.
    """
    path = out / FITS / f"{split}.{part}.npz"
    if path.is_file():
        if not np.array_equal(read_truth(out, split, part).name, cells.name):
            raise DataError(f"{path} names other cells than --data gives; give another --out")
        return
    _write(path, {"name": cells.name, "patient": cells.patient, "label": cells.label})


def read_truth(out: Path, split: str, part: str) -> Truth:
    """The cells of a part. Raises DataError where the file is missing or damaged."""
    found = _read(out / FITS / f"{split}.{part}.npz", ("name", "patient", "label"))
    return Truth(found["name"], found["patient"], found["label"])


def write_fit(out: Path, key: FitKey, logits: Mapping[str, F32Array], log: Sequence[Row]) -> None:
    """Logits of each view, rounded to float16 (three digits), and the log."""
    arrays = {_VIEW + view: logit.astype(np.float16) for view, logit in logits.items()}
    rows = np.array([[row[name] for name in LOG_COLUMNS] for row in log], np.float32)
    _write(out / FITS / key.file, arrays | {"log": rows})


def read_fit(out: Path, key: FitKey) -> tuple[dict[str, F64Array], np.ndarray]:
    """Logits of each view, (N,), and the log, (epochs, columns).

    Raises:
        DataError: the file is missing or damaged.
    """
    found = _read(out / FITS / key.file, ("log",))
    views = {
        name.removeprefix(_VIEW): values.astype(np.float64)
        for name, values in found.items()
        if name.startswith(_VIEW)
    }
    return views, found["log"]


def is_done(out: Path, key: FitKey) -> bool:
    """Whether this fit is on record."""
    return (out / FITS / key.file).is_file()


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    partial.replace(path)


def _read(path: Path, needed: Sequence[str]) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
        raise DataError(f"{path} holds nothing of a study: {error}") from error
    if missing := set(needed) - set(found):
        raise DataError(f"{path} lacks {', '.join(sorted(missing))}")
    return found
