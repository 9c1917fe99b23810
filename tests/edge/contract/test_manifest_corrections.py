"""A manifest says what its networks learned from corrections, in counts; most say nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from edge.contract.errors import ManifestError
from edge.contract.manifest import CorrectedBundle, Corrections, CorrectionsExport, Manifest
from edge.contract.manifest_json import format_manifest, parse_manifest
from tests.edge.runtimes.drawn_bundles import describe, draw_manifest
from tests.support.drawn_enhancer import describe_enhancer, draw_enhancer_manifest

EXPORT = CorrectionsExport(
    table_sha256="ab" * 32,
    crops_sha256="cd" * 32,
    sites=("", "Kisumu"),
    labels={"ring": 1200, "uninfected": 3},
    n_specimens=4,
    n_patients=3,
    n_reviewers=2,
    first_review="2026-11-20",
    last_review="2026-11-21",
    bundles=(CorrectedBundle("malaria-cells-5", "ef" * 32), CorrectedBundle("", "")),
)
LEARNED = Corrections("classifier", (EXPORT,), {"parasitised": 1200}, {"the same crop again": 3})


def manifest(*corrections: Corrections) -> Manifest:
    return draw_manifest((describe(b"", "tflite", 3),), corrections=corrections)


def test_corrections_come_back_as_they_were_written() -> None:
    text = format_manifest(manifest(LEARNED))
    assert parse_manifest(text) == manifest(LEARNED)
    assert format_manifest(parse_manifest(text)) == text


def test_bundle_without_them_does_not_name_them() -> None:
    text = format_manifest(manifest())
    assert "corrections" not in json.loads(text)
    assert parse_manifest(text).corrections == ()


def test_they_are_told_in_counts() -> None:
    first, second = LEARNED.told()
    assert first == ("classifier: learned from 1,200 parasitised; left out: 3 the same crop again")
    assert second == (
        "a site without a name, Kisumu: 1,200 ring, 3 uninfected, of 4 specimens of 3 patients, 2 "
        "reviewers, 2026-11-20 to 2026-11-21; called by malaria-cells-5 (efefefefefef), unnamed "
        "(unknown); table sha256 abababababab, crops cdcdcdcdcdcd"
    )
    empty = replace(
        EXPORT, sites=(), labels={}, bundles=(), n_specimens=0, first_review="", last_review=""
    )
    (_, told) = Corrections("classifier", (empty,), {}, {}).told()
    assert told.startswith("no site: nothing, of 0 specimens") and "no review; called by no" in told


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table_sha256": "ab"}, "table_sha256 is 'ab'"),
        ({"crops_sha256": "AB" * 32}, "crops_sha256 is 'ABAB"),
        ({"labels": {"ring": -1}}, "labels has"),
        ({"n_patients": -1}, "n_patients has"),
    ],
)
def test_wrong_export_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        replace(EXPORT, **changes)  # type: ignore[arg-type]


def test_they_are_of_networks_that_the_bundle_has() -> None:
    with pytest.raises(ManifestError, match="known: classifier, novelty"):
        replace(LEARNED, role="finder")
    with pytest.raises(ManifestError, match="left_out has"):
        replace(LEARNED, left_out={"x": -1})
    for wrong in ((LEARNED, LEARNED), (replace(LEARNED, role="novelty"),)):
        with pytest.raises(ManifestError, match=r"^corrections are of roles"):
            manifest(*wrong)
    with pytest.raises(ManifestError, match="corrections is given, but an enhancer"):
        draw_enhancer_manifest((describe_enhancer(b"", "tflite"),), corrections=(LEARNED,))
