"""What `compress run` made, to a bundle: manifest, weights, golden tensors, model card.

Golden inputs are drawn, so a bundle holds no patient's image. Nothing is left half-written: the
bundle is made aside, opened and proven in every format, then moved into place.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path

from compress.bundle_text import limitations_of, text_of
from compress.card import render_card
from compress.compressed import Compressed
from compress.finder.pack import read_finder_part
from compress.golden import GoldenSet, count_in, draw_images, make_golden
from compress.novelty_bundle import NOVELTY_PREFIX, with_novelty
from compress.pack_parts import npy, read_parts
from compress.parity import FIRST_RUNTIME
from edge.contract.bundle import MANIFEST, Bundle, open_bundle
from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest import SCHEMA_VERSION, Golden, Manifest
from edge.contract.manifest_json import format_manifest
from edge.runtimes.base import open_runtime
from edge.selftest import self_test
from train.datasets.base import labels_of

MAX_BYTES = 1_000_000
# Manifest and card have some 10,000 bytes.
_WORDS_BYTES = 30_000
CARD = "MODEL_CARD.md"


def pack_bundle(
    compressed: Path,
    out: Path,
    *,
    version: int,
    novelty: Path | None = None,
    finder: Path | None = None,
    as_zip: bool = False,
    now: datetime | None = None,
) -> Bundle:
    """Makes a bundle and opens it again.

    Args:
        compressed: folder of `compress run`, of a classifier.
        novelty: the same of the novelty network that goes beside it; None packs none.
        finder: folder of `compress finder`, of the network that finds cells; None packs none.
        out: folder or zip to make; must not exist.
        now: the time that the manifest says; same folder and time, same bytes.

    Raises:
        ConfigError: nothing to pack, `out` exists, nothing is written about task or data set, or a
            novelty network stands where a classifier should, or the reverse.
        DataError: parity fails, a file was altered, kernels part, or the bundle is too large.
        GoldenMismatchError: the packed bundle does not reproduce its own tensors.
    """
    if out.exists():
        raise ConfigError(f"{out} exists; a bundle is never overwritten: give another --out")
    parts = read_parts(compressed, novelty)
    record, weights = parts[0].record, parts[0].weights
    files = {entry.file: content for part in parts for entry, content in part.weights}
    cells = read_finder_part(finder) if finder else None
    files |= cells.files if cells else {}
    room = MAX_BYTES - _WORDS_BYTES - sum(map(len, files.values()))
    task, spec = record.recipe.task, record.recipe.preprocessing
    images = draw_images(task, spec, count_in(room, spec, [part.weights[0][0] for part in parts]))
    golden = make_golden(images, weights)
    files["golden/input.npy"] = npy(images)
    files |= _golden_files(golden, "")
    manifest = _manifest(record, version, now or datetime.now(UTC), golden)
    for part in parts[1:]:
        second = make_golden(images, part.weights)
        files |= _golden_files(second, NOVELTY_PREFIX)
        manifest = with_novelty(manifest, part.record, _golden(second, NOVELTY_PREFIX))
    variants = {entry.file: name for part in parts for entry, name in part.variants}
    if cells:
        manifest = cells.added_to(manifest)
        variants |= cells.variants
    files[CARD] = render_card(manifest, variants).encode()
    listed = {name: data for name, data in sorted(files.items()) if name not in variants}
    files[MANIFEST] = format_manifest(replace(manifest, files=hashes(listed))).encode()
    check_size(files, variants)
    return write_proven(files, out, as_zip)


def _golden_files(golden: GoldenSet, prefix: str) -> dict[str, bytes]:
    return {f"golden/{prefix}{name}.npy": npy(array) for name, array in golden.outputs.items()}


def _golden(golden: GoldenSet, prefix: str) -> Golden:
    return Golden(
        "golden/input.npy",
        {name: f"golden/{prefix}{name}.npy" for name in golden.outputs},
        golden.tolerances,
    )


def _manifest(record: Compressed, version: int, now: datetime, golden: GoldenSet) -> Manifest:
    """All but the hashes of files."""
    recipe, labels = record.recipe, labels_of(record.recipe.dataset)
    two = len(labels) == 2
    return Manifest(
        schema_version=SCHEMA_VERSION,
        bundle_id=f"{recipe.task}-{version}",
        version=version,
        created_utc=now.isoformat(timespec="seconds"),
        source_revision=revision(),
        intended_use=text_of(recipe.task).intended_use,
        limitations=limitations_of(recipe.task, recipe.dataset),
        task=recipe.task,
        labels=labels,
        positive_label=labels[1] if two else None,
        score_meaning=_score_meaning(labels),
        weights=record.weights,
        preprocessing=recipe.preprocessing,
        operating_point=record.operating_point,
        field_operating_point=record.field_operating_point,
        score_calibration=record.score_calibration,
        novelty_threshold=None,
        logit_reference=record.logit_reference,
        evaluation=record.evaluation,
        corrections=(record.corrections,) if record.corrections else (),
        representative_set=record.representative_set,
        golden=_golden(golden, ""),
        parity=record.parity,
        files={},
    )


def _score_meaning(labels: Sequence[str]) -> str:
    if len(labels) == 2:
        return f"P({labels[1]}) = sigmoid((logit + offset) / temperature)"
    return "P of the label called, the largest of softmax(logit / temperature)"


def revision() -> str:
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


def check_size(files: Mapping[str, bytes], weights: Iterable[str]) -> None:
    """Raises DataError, naming the weights files, where a bundle has more than MAX_BYTES."""
    total = sum(map(len, files.values()))
    if total > MAX_BYTES:
        each = ", ".join(f"{name} {len(files[name]):,}" for name in weights)
        raise DataError(
            f"the bundle would have {total:,} bytes, at most {MAX_BYTES:,} ship; of these the "
            f"weights: {each}; prune the network, or give it smaller images"
        )


def write_proven(files: Mapping[str, bytes], out: Path, as_zip: bool) -> Bundle:
    """The bundle, proven in every format before it is moved into place.

    Raises:
        GoldenMismatchError: it does not reproduce its own tensors.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".packing-") as folder:
        made = Path(folder) / out.name
        if as_zip:
            _write_zip(files, made)
        else:
            _write_folder(files, made)
        _prove(open_bundle(made))
        made.rename(out)
    return open_bundle(out)


def _prove(bundle: Bundle) -> None:
    """Replays the golden tensors of each network on every format that runs here."""
    beside = {"novelty": bundle.manifest.novelty, "finder": bundle.manifest.finder}
    own = {role: section.golden for role, section in beside.items() if section}
    for weights in bundle.manifest.weights:
        if weights.format not in FIRST_RUNTIME:
            continue  # compiled for a device that this machine has not; it is proven there
        runtime = open_runtime(bundle, weights.role, names=[FIRST_RUNTIME[weights.format]])
        try:
            self_test(bundle, runtime, own.get(weights.role))
        finally:
            runtime.close()


def _write_folder(files: Mapping[str, bytes], folder: Path) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _write_zip(files: Mapping[str, bytes], path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            # A fixed date makes the same bundle the same bytes.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)


def hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
