"""Bundles in folders, and which of them is the active one of its task."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge.contract.bundle import MANIFEST, open_bundle
from edge.contract.errors import ClinicScopeError
from edge.contract.manifest_json import parse_manifest


@dataclass(frozen=True)
class InstalledBundle:
    """A bundle on this device. `problem` says why it cannot be read; then the rest is empty.

    Attributes:
        sha256: of its manifest, which names all its other files.
    """

    path: str
    task: str
    bundle_id: str
    version: int
    active: bool
    problem: str = ""
    sha256: str = ""


def bundles_in(folder: Path) -> list[InstalledBundle]:
    """The bundles of a folder by name, none of them active yet. Hashes of files are not checked."""
    if not folder.is_dir():
        return []
    return [
        _describe(path)
        for path in sorted(folder.iterdir())
        if path.suffix == ".zip" or (path.is_dir() and (path / MANIFEST).is_file())
    ]


def _describe(path: Path) -> InstalledBundle:
    try:
        if path.is_dir():
            content = (path / MANIFEST).read_bytes()
            manifest, sha256 = parse_manifest(content), hashlib.sha256(content).hexdigest()
        else:
            opened = open_bundle(path)
            manifest, sha256 = opened.manifest, opened.sha256
    except (ClinicScopeError, OSError) as error:
        return InstalledBundle(str(path), "", "", 0, False, str(error))
    return InstalledBundle(
        str(path), manifest.task, manifest.bundle_id, manifest.version, False, "", sha256
    )


def mark_active(
    found: Sequence[InstalledBundle], chosen: Mapping[str, str]
) -> list[InstalledBundle]:
    """Marks one bundle of each task: the chosen one, else the newest version.

    Args:
        found: all bundles, in order.
        chosen: sha256 by task. Where that bundle is not there, none of its task is active: another
            network would call cells otherwise, and nobody would have said so.
    """
    active: dict[str, InstalledBundle] = {}
    for bundle in found:
        best, wanted = active.get(bundle.task), chosen.get(bundle.task)
        if bundle.problem or (wanted and bundle.sha256 != wanted):
            continue
        if best is None or bundle.version > best.version:
            active[bundle.task] = bundle
    return [replace(bundle, active=bundle is active.get(bundle.task)) for bundle in found]
