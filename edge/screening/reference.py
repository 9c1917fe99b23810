"""Where a bundle says that its scores lie at home."""

from __future__ import annotations

from edge.contract.manifest import Manifest
from edge.contract.reference import LogitReference


def reference_of(manifest: Manifest) -> LogitReference | None:
    """None of a bundle that does not say: nothing is then adjusted, no cell is uncertain."""
    return manifest.logit_reference
