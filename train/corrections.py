"""Exports of corrections that join a fit: read whole, checked, and claimed by the run folder.

Owns what an export is and what is kept of it (`corrections.json`); which of its crops a fit learns
from is `train.corrections_joined`'s.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from edge.contract.errors import ConfigError, DataError, ImageError, ManifestError
from edge.contract.images import decode_image, read_bytes
from edge.contract.manifest_corrections import CorrectedBundle, Corrections, CorrectionsExport
from edge.contract.records import from_plain, to_plain
from edge.contract.types import U8Array
from train.corrections_known import samples_of
from train.datasets.corrections import TABLE, Correction, read_export
from train.recipe import Recipe

CORRECTIONS_FILE = "corrections.json"
# `Example.source` of crops that joined, and their name in a recipe's `draws`.
SOURCE = "corrections"
# What a run folder holds from the first epoch on.
_BEGUN = ("log.csv", "model.weights.h5")
# No cell is so large: a crop of it was not cut by the export.
MAX_CROP_PIXELS = 4_000_000


@dataclass(frozen=True, eq=False)
class Crop:
    """A correction, and what tells its picture from others.

    Attributes:
        size_px: height and width.
        pixels: SHA-256 of size and pixels, which equal crops share whatever file they are in.
        samples: `train.corrections_known.samples_of` it.
        file_sha256: of the file.
    """

    correction: Correction
    size_px: tuple[int, int]
    pixels: str
    samples: U8Array
    file_sha256: str

    @property
    def place_px(self) -> tuple[int, int]:
        """Top and left in the picture that it was cut from."""
        return max(self.correction.top_px, 0), max(self.correction.left_px, 0)


@dataclass(frozen=True, eq=False)
class Exports:
    """Every crop of some exports, and what is kept of each export."""

    crops: tuple[Crop, ...]
    described: tuple[CorrectionsExport, ...]


def read_corrections(folders: Sequence[Path]) -> Exports | None:
    """Reads exports whole; None where no folder is given.

    Raises:
        ConfigError: one export is given twice.
        DataError: a folder is missing, a table is damaged, or a crop cannot be read; such crops
            are all named.
    """
    crops: list[Crop] = []
    described: dict[str, CorrectionsExport] = {}
    for folder in folders:
        if not folder.is_dir():
            raise DataError(
                f"--corrections {folder} is no folder; give what `clinicscope export corrections` "
                "wrote"
            )
        own = _read_crops(read_export(folder))
        found = _describe(folder, own)
        if found.table_sha256 in described:
            raise ConfigError(f"--corrections {folder} is an export given twice; give it once")
        described[found.table_sha256] = found
        crops += own
    return Exports(tuple(crops), tuple(described.values())) if described else None


def _read_crops(corrections: Sequence[Correction]) -> list[Crop]:
    with ThreadPoolExecutor() as pool:
        read = list(pool.map(_read_crop, corrections))
    if bad := [fault for fault in read if isinstance(fault, str)]:
        raise DataError(
            f"{len(bad)} crops of corrections cannot be read: {'; '.join(bad[:10])}; export again"
        )
    return [crop for crop in read if isinstance(crop, Crop)]


def _read_crop(correction: Correction) -> Crop | str:
    try:
        data = read_bytes(correction.path)
        image = decode_image(data, max_pixels=MAX_CROP_PIXELS)
    except ImageError as error:
        return f"{correction.path}: {error}"
    height, width = image.shape[:2]
    pixels = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
    sha256 = hashlib.sha256(data).hexdigest()
    return Crop(correction, (height, width), pixels, samples_of(image), sha256)


def _describe(folder: Path, crops: Sequence[Crop]) -> CorrectionsExport:
    """In counts: who was reviewed, and by whom, stays out."""
    rows = [crop.correction for crop in crops]
    days = sorted(row.reviewed.astimezone(UTC).date().isoformat() for row in rows)
    return CorrectionsExport(
        table_sha256=hashlib.sha256((folder / TABLE).read_bytes()).hexdigest(),
        crops_sha256=hashlib.sha256("".join(c.file_sha256 for c in crops).encode()).hexdigest(),
        sites=tuple(sorted({row.site for row in rows})),
        labels=dict(sorted(Counter(row.label for row in rows).items())),
        n_specimens=len({row.specimen_id for row in rows}),
        n_patients=len({row.patient for row in rows}),
        n_reviewers=len({row.reviewer for row in rows}),
        first_review=days[0] if days else "",
        last_review=days[-1] if days else "",
        bundles=tuple(
            CorrectedBundle(*one)
            for one in sorted({(row.bundle_id, row.bundle_sha256) for row in rows})
        ),
    )


def role_of(recipe: Recipe) -> str:
    """Of the recipe's network in a bundle."""
    return "classifier" if recipe.novelty is None else "novelty"


def claim_corrections(run_dir: Path, recipe: Recipe, exports: Exports | None) -> None:
    """Writes down what exports a new run has, or checks that it is those that it had.

    A run that has fitted no epoch yet takes other exports.

    Raises:
        ConfigError: the run was begun with other exports, or without any.
    """
    path = run_dir / CORRECTIONS_FILE
    had = read_run_corrections(run_dir)
    before = had.exports if had else ()
    now = exports.described if exports else ()
    begun = any((run_dir / name).is_file() for name in _BEGUN)
    if begun and before != now:
        raise ConfigError(
            f"{run_dir} holds a fit with {_named(before)} and was given {_named(now)}; give the "
            "same --corrections, or another --out"
        )
    if not now:
        path.unlink(missing_ok=True)
    elif before != now:
        write_run_corrections(run_dir, Corrections(role_of(recipe), now, {}, {}))


def _named(exports: tuple[CorrectionsExport, ...]) -> str:
    if not exports:
        return "no corrections"
    return "corrections " + ", ".join(export.table_sha256[:12] for export in exports)


def write_run_corrections(run_dir: Path, corrections: Corrections) -> None:
    """Writes `corrections.json` whole."""
    run_dir.mkdir(parents=True, exist_ok=True)
    partial = run_dir / f"{CORRECTIONS_FILE}.part"
    partial.write_text(json.dumps(to_plain(corrections), indent=1) + "\n", encoding="utf-8")
    partial.replace(run_dir / CORRECTIONS_FILE)


def read_run_corrections(run_dir: Path) -> Corrections | None:
    """What a run learned from corrections; None where it had none.

    Raises:
        DataError: the file is damaged.
    """
    path = run_dir / CORRECTIONS_FILE
    if not path.is_file():
        return None
    try:
        return from_plain(Corrections, json.loads(path.read_text(encoding="utf-8")), path.name)
    except (OSError, ValueError, ManifestError) as error:
        raise DataError(f"{path} is damaged ({error}); fit again in another --out") from error
