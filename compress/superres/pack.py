"""What `compress run` made of an enhancer, to a bundle; nothing is left half-written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from compress.bundle_text import limitations_of, text_of
from compress.pack import CARD, check_size, hashes, revision, write_proven
from compress.pack_parts import npy, read_weights
from compress.superres.card import render_enhancer_card
from compress.superres.golden import OUTPUT, draw_tiles, make_golden_pictures
from compress.superres.parity import check_agreements
from compress.superres.record import RECORD_FILE, CompressedEnhancer, read_enhancer
from edge.contract.bundle import MANIFEST, Bundle
from edge.contract.errors import ConfigError, DataError
from edge.contract.manifest import SCHEMA_VERSION, Golden, Manifest
from edge.contract.manifest_json import format_manifest
from edge.contract.preprocess import Preprocessing
from train.superres.recipe import NEAR_LOSSLESS

_INPUT, _ANSWER = "golden/input.npy", f"golden/{OUTPUT}.npy"


def pack_enhancer(
    compressed: Path,
    out: Path,
    *,
    version: int,
    as_zip: bool = False,
    now: datetime | None = None,
) -> Bundle:
    """Makes a bundle and opens it again.

    Args:
        compressed: folder of `compress run`, of an enhancer.
        out: folder or zip to make; must not exist.
        now: the time that the manifest says; same folder and time, same bytes.

    Raises:
        ConfigError: nothing to pack, or `out` exists.
        DataError: parity fails, a file was altered, kernels part, or the bundle is too large.
        GoldenMismatchError: the packed bundle does not reproduce its own tensors.
    """
    if out.exists():
        raise ConfigError(f"{out} exists; a bundle is never overwritten: give another --out")
    record = read_enhancer(compressed)
    _check_record(record)
    weights = [(entry, read_weights(compressed, entry, RECORD_FILE)) for entry in record.weights]
    section = record.enhancer
    tiles = draw_tiles(section.tile_px, section.margin_px)
    golden = make_golden_pictures(tiles, weights)
    files = {_INPUT: npy(tiles), _ANSWER: npy(golden.outputs[OUTPUT])}
    manifest = _manifest(
        record,
        version,
        now or datetime.now(UTC),
        Golden(_INPUT, {OUTPUT: _ANSWER}, golden.tolerances),
    )
    files[CARD] = render_enhancer_card(manifest, record).encode()
    files = dict(sorted(files.items()))
    listed = replace(manifest, files=hashes(files))
    files |= {entry.file: content for entry, content in weights}
    files[MANIFEST] = format_manifest(listed).encode()
    check_size(files, [entry.file for entry in record.weights])
    return write_proven(files, out, as_zip)


def _check_record(record: CompressedEnhancer) -> None:
    """Refuses what no device should use, before anything is computed."""
    check_agreements(record.agreements)
    formats = [weights.format for weights in record.weights]
    measured = {run.format for run in record.enhancer.parity.runtimes}
    if len(set(formats)) < len(formats) or set(formats) != measured:
        raise DataError(
            f"weights are {', '.join(formats)} and {', '.join(sorted(measured))} were compared "
            "with float; one file of each format, all compared: run `compress run` again"
        )


def _manifest(record: CompressedEnhancer, version: int, now: datetime, golden: Golden) -> Manifest:
    """All but the hashes of files."""
    task, section = record.recipe.task, record.enhancer
    return Manifest(
        schema_version=SCHEMA_VERSION,
        bundle_id=f"{task}-{version}",
        version=version,
        created_utc=now.isoformat(timespec="seconds"),
        source_revision=revision(),
        intended_use=text_of(task).intended_use,
        limitations=limitations_of(task, NEAR_LOSSLESS),
        task=task,
        weights=record.weights,
        preprocessing=Preprocessing(section.tile_px, mask="none", padding="none"),
        enhancer=section,
        evaluation=record.evaluation,
        representative_set=record.representative_set,
        golden=golden,
        files={},
    )
