"""Another version of a shipped bundle, installed on a test's device."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from edge.contract.bundle import MANIFEST
from edge.installed import SHIPPED_DIR


def install_version(home: Path, version: int, shipped: str = "malaria-cells-5") -> str:
    """Installs a copy with another id and version; returns its id."""
    bundle_id = f"{shipped.rpartition('-')[0]}-{version}"
    path = home / "bundles" / bundle_id
    shutil.copytree(SHIPPED_DIR / shipped, path)
    manifest = json.loads((path / MANIFEST).read_text())
    manifest |= {"bundle_id": bundle_id, "version": version}
    (path / MANIFEST).write_text(json.dumps(manifest))
    return bundle_id
