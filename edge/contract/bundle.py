"""A bundle: a folder, or the same as a zip, opened only when every file's sha256 is right.

Nothing in it is executed and nothing is unpickled. Files are held in memory: a bundle is small.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.contract.errors import BundleError, IntegrityError
from edge.contract.manifest import Manifest, Weights
from edge.contract.manifest_json import parse_manifest

MANIFEST = "manifest.json"
SIGNATURE = "SIGNATURE"
# A shipped bundle stays below 1 MB; the limit stops a zip bomb, not a large model.
MAX_BUNDLE_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified bundle. `sha256` is that of manifest.json, which names all other hashes."""

    path: Path
    manifest: Manifest
    sha256: str
    files: Mapping[str, bytes]

    def weights_bytes(self, weights: Weights) -> bytes:
        """The network's file."""
        return self.files[weights.file]

    def array(self, name: str) -> npt.NDArray[np.generic]:
        """A golden tensor.

        Raises:
            BundleError: not a plain .npy file.
        """
        try:
            array = np.load(io.BytesIO(self.files[name]), allow_pickle=False)
        except (KeyError, ValueError, EOFError) as error:
            raise BundleError(f"{name} in {self.path} is no plain .npy tensor: {error}") from error
        return np.asarray(array)


def open_bundle(path: Path) -> Bundle:
    """Reads a bundle and checks every file.

    Raises:
        BundleError: no bundle there, unreadable, or a name that leads out of it.
        ManifestError, SchemaVersionError: see `parse_manifest`.
        IntegrityError: a file is missing, not listed, or altered.
    """
    files = _read_folder(path) if path.is_dir() else _read_zip(path)
    if MANIFEST not in files:
        raise BundleError(f"{path} holds no {MANIFEST}; it is no bundle")
    manifest = parse_manifest(files[MANIFEST])
    _check_files(path, manifest, files)
    return Bundle(path, manifest, _sha256(files[MANIFEST]), files)


def _read_folder(path: Path) -> dict[str, bytes]:
    found = [file for file in sorted(path.rglob("*")) if file.is_file()]
    if sum(file.stat().st_size for file in found) > MAX_BUNDLE_BYTES:
        raise BundleError(f"{path} holds more than {MAX_BUNDLE_BYTES:,} bytes; it is no bundle")
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in found}


def _read_zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if sum(entry.file_size for entry in entries) > MAX_BUNDLE_BYTES:
                raise BundleError(f"{path} unpacks to more than {MAX_BUNDLE_BYTES:,} bytes")
            return {_safe_name(path, entry.filename): archive.read(entry) for entry in entries}
    except FileNotFoundError as error:
        raise BundleError(f"no bundle at {path}") from error
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BundleError(f"{path} is neither a folder nor a readable zip: {error}") from error


def _safe_name(path: Path, name: str) -> str:
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise BundleError(f"{path} holds {name!r}, which leads out of the bundle; refused")
    return name


def _check_files(path: Path, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    expected = {weights.file: weights.sha256 for weights in manifest.weights} | manifest.files
    for name, sha256 in expected.items():
        if name not in files:
            raise IntegrityError(f"{name} is missing from {path}; copy the bundle again")
        found = _sha256(files[name])
        if found != sha256:
            raise IntegrityError(
                f"{name} in {path} has sha256 {found[:12]}…, the manifest says {sha256[:12]}…; "
                "copy the bundle again"
            )
    extra = sorted(set(files) - set(expected) - {MANIFEST, SIGNATURE})
    if extra:
        raise IntegrityError(f"{path} holds files that its manifest does not list: {extra}")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
