"""A bundle has a finder's section and its weights together, and its figures fit its tensors."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edge.contract.cell_grid import CHANNELS
from edge.contract.errors import ManifestError
from edge.contract.manifest import GRID, Golden, Manifest, TensorSpec, Weights
from edge.contract.manifest_json import format_manifest, parse_manifest
from tests.edge.runtimes.drawn_bundles import describe, draw_manifest
from tests.support.drawn_enhancer import describe_enhancer, draw_enhancer_manifest
from tests.support.drawn_finder import describe_finder, draw_finder_section

CLASSIFIER = describe(b"", "tflite", 3)
FINDER = describe_finder(b"", "tflite")


def manifest(*weights: Weights, **changes: Any) -> Manifest:
    content = {"finder": draw_finder_section()} | changes
    return draw_manifest((CLASSIFIER, *(weights or (FINDER,))), **content)


def test_finder_comes_back_as_it_was_written() -> None:
    text = format_manifest(manifest())
    assert parse_manifest(text) == manifest()
    assert format_manifest(parse_manifest(text)) == text
    assert json.loads(text)["finder"]["grid"]["cell_px"] == 24


def test_bundle_without_one_does_not_name_it() -> None:
    text = format_manifest(draw_manifest((CLASSIFIER,)))
    assert "finder" not in json.loads(text)
    assert parse_manifest(text).finder is None


def test_section_and_weights_come_together() -> None:
    with pytest.raises(ManifestError, match=r"^finder missing; finder and weights of role"):
        manifest(finder=None)
    with pytest.raises(ManifestError, match=r'^weights of role "finder" missing'):
        draw_manifest((CLASSIFIER,), finder=draw_finder_section())


@pytest.mark.parametrize("outputs", [{}, {"logit": "a.npy"}, {GRID: "a.npy", "cam": "b.npy"}])
def test_golden_tensors_are_of_the_grid_alone(outputs: dict[str, str]) -> None:
    golden = Golden("input.npy", outputs, dict.fromkeys(outputs, 0.1))
    with pytest.raises(ManifestError, match=r"finder\.golden has outputs .* 'grid' alone"):
        draw_finder_section(golden=golden)


@pytest.mark.parametrize(
    ("image", "grid"),
    [
        ((-1, 96, 128, 3), (-1, -1, -1, CHANNELS)),
        ((-1, -1, -1, 1), (-1, -1, -1, CHANNELS)),
        ((-1, -1, -1, 3), (-1, -1, -1, CHANNELS + 1)),
        ((-1, -1, -1, 3), (-1, 24, 32, CHANNELS)),
        ((-1, -1, -1, 3), (-1, CHANNELS)),
    ],
)
def test_tensors_of_other_shapes_are_refused(image: Any, grid: Any) -> None:
    other = replace(
        FINDER,
        inputs=(TensorSpec("image", image, "uint8", 0),),
        outputs=(TensorSpec(GRID, grid, "int8", 0),),
    )
    with pytest.raises(ManifestError, match=r"finder\.tflite make .* a finder makes"):
        manifest(other)


def test_network_without_an_image_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"finder\.tflite make .* of \(\); a finder makes"):
        manifest(replace(FINDER, inputs=()))


def test_weights_of_every_format_are_checked() -> None:
    other = describe_finder(b"", "onnx", outputs=())
    with pytest.raises(ManifestError, match="'grid'"):
        manifest(FINDER, other)


def test_settings_out_of_range_are_refused_when_read() -> None:
    content = json.loads(format_manifest(manifest()))
    content["finder"]["grid"]["least_score"] = 1.5
    with pytest.raises(ManifestError, match=r"finder\.grid\.least_score is 1\.5"):
        parse_manifest(json.dumps(content))


@pytest.mark.parametrize("room", ["finder", "grid", "parity"])
def test_unknown_keys_are_refused(room: str) -> None:
    content = json.loads(format_manifest(manifest()))
    section = content["finder"]
    (section if room == "finder" else section[room])["mood"] = 1
    with pytest.raises(ManifestError, match="mood"):
        parse_manifest(json.dumps(content))


def test_enhancer_has_no_finder() -> None:
    entry = describe_enhancer(b"", "tflite")
    with pytest.raises(ManifestError, match="finder is given, but an enhancer calls nothing"):
        draw_enhancer_manifest((entry,), finder=draw_finder_section())
    with pytest.raises(ManifestError, match="are of role 'finder'"):
        draw_enhancer_manifest((entry, FINDER))
