"""A bundle opens only when it is whole, unaltered and of this schema."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.contract.bundle import open_bundle
from edge.contract.errors import (
    BundleError,
    IntegrityError,
    ManifestError,
    SchemaVersionError,
)
from edge.contract.manifest_json import format_manifest, parse_manifest
from tests.conftest import SHIPPED


def edit(bundle: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    path = bundle / "manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return bundle


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.rglob("*"):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


def test_shipped_bundle_opens_and_is_below_a_megabyte() -> None:
    bundle = open_bundle(SHIPPED)
    assert bundle.manifest.task == "malaria-cells"
    assert bundle.manifest.positive_label == "parasitised"
    assert sum(len(data) for data in bundle.files.values()) < 1_000_000


def test_manifest_round_trips_to_the_same_bytes() -> None:
    text = (SHIPPED / "manifest.json").read_text()
    assert format_manifest(parse_manifest(text)) == text


def test_zip_and_folder_are_the_same_bundle(tmp_path: Path) -> None:
    from_zip = open_bundle(zipped(SHIPPED, tmp_path / "bundle.zip"))
    assert from_zip.sha256 == open_bundle(SHIPPED).sha256
    assert from_zip.files.keys() == open_bundle(SHIPPED).files.keys()


def test_flipped_byte_in_any_file_is_found(bundle_copy: Path) -> None:
    for path in [file for file in bundle_copy.rglob("*") if file.is_file()]:
        if path.name == "manifest.json":
            continue
        good = path.read_bytes()
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        with pytest.raises(IntegrityError, match=path.name):
            open_bundle(bundle_copy)
        path.write_bytes(good)
    open_bundle(bundle_copy)


def test_missing_and_extra_files_are_found(bundle_copy: Path) -> None:
    (bundle_copy / "extra.bin").write_bytes(b"x")
    with pytest.raises(IntegrityError, match=r"extra\.bin"):
        open_bundle(bundle_copy)
    (bundle_copy / "extra.bin").unlink()
    (bundle_copy / "MODEL_CARD.md").unlink()
    with pytest.raises(IntegrityError, match=r"MODEL_CARD.md is missing"):
        open_bundle(bundle_copy)


def test_newer_schema_is_refused(bundle_copy: Path) -> None:
    edit(bundle_copy, lambda content: content.update(schema_version=2))
    with pytest.raises(SchemaVersionError, match="schema version 2, this program reads 1"):
        open_bundle(bundle_copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("positive_label"), "positive_label"),
        (lambda c: c.update(positive_label="ill"), "positive_label is 'ill'"),
        (lambda c: c.update(surprise=1), "unknown keys .'surprise'"),
        (lambda c: c["operating_point"].update(treshold=0.5), "treshold"),
        (lambda c: c["operating_point"].update(threshold="0.5"), "threshold is '0.5'"),
        (lambda c: c["operating_point"].update(threshold=1.5), r"threshold is 1\.5"),
        (lambda c: c.update(task="weather"), "task is 'weather'"),
        (lambda c: c.update(weights=[]), "weights is empty"),
        (lambda c: c.update(labels="parasitised"), "labels"),
        (lambda c: c.update(version=True), "version is True"),
        (lambda c: c["weights"][0].update(role="oracle"), "role is 'oracle'"),
    ],
)
def test_malformed_manifest_is_refused(
    bundle_copy: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    edit(bundle_copy, change)
    with pytest.raises(ManifestError, match=message):
        open_bundle(bundle_copy)


@pytest.mark.parametrize("text", ["{", "[]", "null", b"\xff\xfe"])
def test_manifest_that_is_no_json_object_is_refused(text: str | bytes) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(text)


def test_no_bundle_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle at"):
        open_bundle(tmp_path / "none.zip")
    with pytest.raises(BundleError, match=r"no manifest\.json"):
        open_bundle(tmp_path)
    (tmp_path / "text.zip").write_text("not a zip")
    with pytest.raises(BundleError, match="neither a folder nor a readable zip"):
        open_bundle(tmp_path / "text.zip")


def test_zip_that_leads_outside_is_refused(tmp_path: Path) -> None:
    path = zipped(SHIPPED, tmp_path / "evil.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../outside.txt", "x")
    with pytest.raises(BundleError, match="leads out"):
        open_bundle(path)


def test_pickle_in_place_of_a_tensor_is_refused(bundle_copy: Path) -> None:
    array = np.array([{"a": 1}], dtype=object)
    bundle = open_bundle(bundle_copy)
    np.save(bundle_copy / "golden/input.npy", array, allow_pickle=True)
    evil = type(bundle)(
        bundle.path,
        bundle.manifest,
        bundle.sha256,
        {"golden/input.npy": (bundle_copy / "golden/input.npy").read_bytes()},
    )
    with pytest.raises(BundleError, match=r"no plain \.npy"):
        evil.array("golden/input.npy")
