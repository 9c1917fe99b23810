"""What `compress run` made, to a bundle: manifest, weights, golden tensors, model card.

Golden cells are drawn by the simulated smear camera, so a bundle holds no patient's image. Nothing
is left half-written: the bundle is made aside, opened and proven, then moved into place.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tempfile
import zipfile
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import numpy as np

from compress.card import render_card
from compress.run import RECORD_FILE
from edge.cameras.smear import draw_cell
from edge.contract.bundle import MANIFEST, Bundle, open_bundle
from edge.contract.errors import ConfigError
from edge.contract.labels import STAGES, UNINFECTED
from edge.contract.manifest import (
    SCHEMA_VERSION,
    Golden,
    Manifest,
    ScoreCalibration,
    Weights,
    format_manifest,
)
from edge.contract.preprocess import Preprocessing, prepare_batch
from edge.contract.records import from_plain
from edge.contract.types import U8Array
from edge.runtimes.base import open_runtime
from edge.runtimes.litert import LiteRTRuntime
from edge.selftest import self_test
from train.datasets.base import labels_of

GOLDEN_CELLS = 16
# INT8 kernels of other processors round differently: TFLite's reference kernels are one step of
# the quantisation away from XNNPACK's (.05 logit, .43 in the map). About five steps are allowed;
# a wrong model, a swapped channel or another resize is off by far more.
GOLDEN_TOLERANCES = {"logit": 0.25, "cam": 2.2}
LIMITATIONS = (
    "Learned from thin smears with P. falciparum on one kind of microscope and phone; species is "
    "not told apart.",
    "Thresholds were chosen on few patients and have not been checked at any site.",
    "Reads red cells of thin smears only: no thick smears, no white cells.",
)


def pack_bundle(
    compressed: Path, out: Path, *, version: int, as_zip: bool = False, now: datetime | None = None
) -> Bundle:
    """Makes a bundle and opens it again.

    Args:
        compressed: folder of `compress run`.
        out: folder or zip to make; must not exist.

    Raises:
        ConfigError: nothing to pack, or `out` exists.
        GoldenMismatchError: the packed bundle does not reproduce its own tensors.
    """
    if out.exists():
        raise ConfigError(f"{out} exists; a bundle is never overwritten: give another --out")
    record_path = compressed / RECORD_FILE
    if not record_path.is_file():
        raise ConfigError(f"{compressed} holds no {RECORD_FILE}; run `clinicscope compress run`")
    record = json.loads(record_path.read_text())
    files = _golden_files(record, (compressed / record["weights"]["file"]).read_bytes())
    manifest = _manifest(record, version, now or datetime.now(UTC), files)
    files["MODEL_CARD.md"] = render_card(manifest).encode()
    manifest_final = _manifest(record, version, datetime.fromisoformat(manifest.created_utc), files)
    files[record["weights"]["file"]] = (compressed / record["weights"]["file"]).read_bytes()
    files[MANIFEST] = format_manifest(manifest_final).encode()
    return _write_proven(files, out, as_zip)


def golden_crops(spec: Preprocessing) -> U8Array:
    """Drawn cells, half of them infected, (GOLDEN_CELLS, S, S, 3) uint8 RGB."""
    kinds = [UNINFECTED if seed % 2 else STAGES[seed // 2 % 4] for seed in range(GOLDEN_CELLS)]
    drawn = [draw_cell(kind, seed) for seed, kind in enumerate(kinds)]
    return prepare_batch([image for image, _ in drawn], spec, [mask for _, mask in drawn])


def _golden_files(record: dict[str, Any], model: bytes) -> dict[str, bytes]:
    spec = from_plain(Preprocessing, record["recipe"]["preprocessing"], "preprocessing")
    runtime = LiteRTRuntime(model, from_plain(Weights, record["weights"], "weights"))
    crops = golden_crops(spec)
    scores = runtime.run(crops)
    arrays = {"input": crops, "logit": scores.logits, "cam": scores.cams}
    return {f"golden/{name}.npy": _npy(array) for name, array in arrays.items()}


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _manifest(
    record: dict[str, Any], version: int, now: datetime, files: dict[str, bytes]
) -> Manifest:
    recipe = record["recipe"]
    golden = Golden(
        "golden/input.npy",
        {name: f"golden/{name}.npy" for name in GOLDEN_TOLERANCES},
        GOLDEN_TOLERANCES,
    )
    labels = labels_of(recipe["dataset"])
    content = {
        "schema_version": SCHEMA_VERSION,
        "bundle_id": f"{recipe['task']}-{version}",
        "version": version,
        "created_utc": now.isoformat(timespec="seconds"),
        "source_revision": _revision(),
        "intended_use": (
            "Screening support: finds red cells that look infected with malaria parasites on "
            "Giemsa-stained thin smears, for a person to review. Not for diagnosis."
        ),
        "limitations": list(LIMITATIONS),
        "task": recipe["task"],
        "labels": list(labels),
        "positive_label": labels[1],
        "score_meaning": f"P({labels[1]}) = sigmoid((logit + offset) / temperature)",
        "weights": [record["weights"]],
        "preprocessing": recipe["preprocessing"],
        "operating_point": record["operating_point"],
        "field_operating_point": record["field_operating_point"],
        "score_calibration": vars(ScoreCalibration()),
        "novelty_threshold": None,
        "evaluation": record["evaluation"],
        "representative_set": record["representative_set"],
        "golden": vars(golden),
        "parity": record["parity"],
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    return from_plain(Manifest, content, "manifest")


def _revision() -> str:
    """The commit that this was packed from; the program's version where there is no git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return f"clinicscope {package_version('clinicscope')}"
    return done.stdout.strip()


def _write_proven(files: dict[str, bytes], out: Path, as_zip: bool) -> Bundle:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".packing-") as folder:
        made = Path(folder) / out.name
        if as_zip:
            _write_zip(files, made)
        else:
            _write_folder(files, made)
        bundle = open_bundle(made)
        self_test(bundle, open_runtime(bundle))
        shutil.move(made, out)
    return open_bundle(out)


def _write_folder(files: dict[str, bytes], folder: Path) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _write_zip(files: dict[str, bytes], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            # A fixed date makes the same bundle the same bytes.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
