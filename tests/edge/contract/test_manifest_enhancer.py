"""A bundle has an enhancer or labels, never both; and the enhancer's figures fit its tensors."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edge.contract.errors import ManifestError
from edge.contract.manifest import Golden, Manifest, ScoreCalibration
from edge.contract.manifest_json import format_manifest, parse_manifest
from edge.contract.preprocess import Preprocessing
from edge.installed import SHIPPED_DIR
from tests.edge.runtimes.drawn_bundles import describe, draw_manifest, draw_novelty, draw_point
from tests.support.drawn_enhancer import (
    TILE_PX,
    describe_enhancer,
    draw_enhancer_manifest,
    draw_section,
)

OF_LABELS = ["labels", "score_meaning", "score_calibration", "novelty_threshold", "parity"]
PARITY = draw_manifest((describe(b"", "onnx", 3),)).parity


def enhancer(**changes: Any) -> Manifest:
    return draw_enhancer_manifest((describe_enhancer(b"", "tflite"),), **changes)


def test_enhancer_comes_back_as_it_was_written_without_what_it_has_not() -> None:
    text = format_manifest(enhancer())
    assert parse_manifest(text) == enhancer()
    assert format_manifest(parse_manifest(text)) == text
    assert not {*OF_LABELS, "positive_label", "novelty"} & json.loads(text).keys()


@pytest.mark.parametrize("path", sorted(SHIPPED_DIR.iterdir()), ids=lambda path: path.name)
def test_shipped_manifests_round_trip_to_the_same_bytes(path: Any) -> None:
    text = (path / "manifest.json").read_text()
    assert format_manifest(parse_manifest(text)) == text


@pytest.mark.parametrize("name", OF_LABELS)
def test_what_a_bundle_with_labels_must_say_is_still_asked_for(name: str) -> None:
    content = json.loads(format_manifest(draw_manifest((describe(b"", "onnx", 3),))))
    del content[name]
    with pytest.raises(ManifestError, match=rf"manifest lacks \['{name}'\]"):
        parse_manifest(json.dumps(content))


@pytest.mark.parametrize(("name", "value"), [("parity", None), ("score_meaning", "")])
def test_bundle_with_labels_says_what_its_score_and_parity_are(name: str, value: Any) -> None:
    with pytest.raises(ManifestError, match=f"{name} is missing; a bundle with labels needs it"):
        draw_manifest((describe(b"", "onnx", 3),), **{name: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": ("uninfected", "parasitised")},
        {"score_meaning": "P"},
        {"score_calibration": ScoreCalibration(2.0)},
        {"parity": PARITY},
        {"novelty_threshold": 0.5},
        {"novelty": draw_novelty()},
        {"positive_label": "parasitised"},
        {"operating_point": draw_point()},
        {"field_operating_point": draw_point()},
    ],
)
def test_enhancer_calls_nothing(changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(ManifestError, match=f"{name} is given, but an enhancer calls nothing"):
        enhancer(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "malaria-cells"}, "task is 'malaria-cells'; an enhancer's is"),
        ({"enhancer": draw_section(tile_px=18)}, "tile_px 18 needs 'image' of"),
        ({"preprocessing": Preprocessing(TILE_PX)}, "preprocessing of an enhancer is"),
        ({"golden": Golden("golden/input.npy", {}, {})}, "an enhancer has 'image' alone"),
    ],
)
def test_enhancer_that_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        enhancer(**changes)


def test_enhancer_gives_pictures_twice_as_large() -> None:
    good = describe_enhancer(b"", "tflite")
    small = replace(good, outputs=(replace(good.outputs[0], shape=(-1, TILE_PX, TILE_PX, 3)),))
    unnamed = replace(good, outputs=(replace(good.outputs[0], name="large"),))
    nothing = replace(good, inputs=())
    for weights in (small, unnamed, nothing):
        with pytest.raises(ManifestError, match="tile_px 16 needs"):
            draw_enhancer_manifest((weights,))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"factor": 4}, r"enhancer\.factor is 4; only 2 is known"),
        ({"tile_px": 4}, r"tile_px is 4; allowed: 8 to 512"),
        ({"tile_px": 513}, r"tile_px is 513"),
        ({"margin_px": 8}, r"margin_px is 8; 0 to less than half"),
        ({"margin_px": -1}, r"margin_px is -1"),
    ],
)
def test_section_out_of_range_is_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        draw_section(**changes)


def test_enhancer_and_labels_do_not_share_a_bundle() -> None:
    both = (describe(b"", "tflite", 3), describe_enhancer(b"", "tflite"))
    with pytest.raises(ManifestError, match=r"are of role 'classifier'; .* never both"):
        draw_enhancer_manifest(both)
    with pytest.raises(ManifestError, match=r"are of role 'enhancer'; .* never both"):
        draw_manifest(both)
    with pytest.raises(ManifestError, match="enhancer is missing"):
        draw_manifest(both[:1], task="malaria-superres")
