"""A manifest to and from the text of manifest.json.

An unknown key, a wrong type or another schema version is refused: a device must not guess what a
newer workstation meant.
"""

from __future__ import annotations

import json
from typing import Any

from edge.contract.errors import ManifestError, SchemaVersionError
from edge.contract.manifest import OF_LABELS, SCHEMA_VERSION, Manifest
from edge.contract.records import from_plain, to_plain


def parse_manifest(text: str | bytes) -> Manifest:
    """Reads manifest.json.

    Raises:
        SchemaVersionError: written for another schema version.
        ManifestError: not JSON, or not a manifest of this version.
    """
    try:
        content: Any = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ManifestError(f"manifest.json is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ManifestError(f"manifest.json holds a {type(content).__name__}; expected an object")
    version = content.get("schema_version")
    if version != SCHEMA_VERSION:
        raise SchemaVersionError(
            f"manifest has schema version {version!r}, this program reads {SCHEMA_VERSION}; "
            "update the program, or pack the bundle again"
        )
    # A default must not stand in for what a bundle with labels has to say.
    missing = [name for name in OF_LABELS if name not in content]
    if missing and content.get("enhancer") is None:
        raise ManifestError(f"manifest lacks {missing}")
    return from_plain(Manifest, content, "manifest")


def format_manifest(manifest: Manifest) -> str:
    """The text of manifest.json; the same manifest gives the same bytes."""
    content = to_plain(manifest)
    if manifest.enhancer:
        for name in OF_LABELS:
            del content[name]
    # Devices from before these keys refuse what they do not know; unused, they need not.
    for holder, name, unused in (
        (content, "positive_label", None),
        (content, "operating_point", None),
        (content, "field_operating_point", None),
        (content, "novelty", None),
        (content, "finder", None),
        (content, "logit_reference", None),
        (content, "enhancer", None),
        (content, "corrections", []),
        (content["preprocessing"], "contrast", "none"),
        (content["preprocessing"], "trim", 0.0),
        (content.get("parity", {}), "runtimes", []),
    ):
        if holder.get(name, ...) == unused:
            del holder[name]
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
