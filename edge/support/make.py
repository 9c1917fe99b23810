"""The file for support: a zip, made in memory, for a button and for the command line."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

from edge.config import DeviceConfig
from edge.health import Check
from edge.store.store import Store
from edge.support.contents import support_parts

SUBJECT = "support bundle"


def make_support_zip(store: Store, config: DeviceConfig, checks: Sequence[Check]) -> bytes:
    """A zip of a few hundred kilobytes; see `support_parts`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in support_parts(store, config, checks).items():
            archive.writestr(f"clinicscope-support/{name}", content)
    return buffer.getvalue()


def file_name(store: Store) -> str:
    """Named by the time, so that two do not take each other's place."""
    return f"clinicscope-support-{store.now()[:16].replace(':', '')}.zip"
