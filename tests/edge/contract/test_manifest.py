"""A manifest of two labels has thresholds, one of several has none; unused keys are not written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.contract.errors import ManifestError
from edge.contract.manifest import Manifest, Parity
from edge.contract.manifest_json import format_manifest, parse_manifest
from tests.edge.runtimes.drawn_bundles import describe, draw_manifest, draw_novelty, draw_point

NEW_KEYS = {"positive_label", "operating_point", "field_operating_point", "novelty"}
TWO = {"task": "cxr-pneumonia", "labels": ("normal", "pneumonia")}


def three_labels(**changes: Any) -> Manifest:
    return draw_manifest((describe(b"", "onnx", 3),), **changes)


def two_labels(**changes: Any) -> Manifest:
    points = {"positive_label": "pneumonia", "operating_point": draw_point()}
    return draw_manifest((describe(b"", "tflite", 1),), **TWO | points | changes)


def second_opinion(**changes: Any) -> Manifest:
    """Of two labels, with a novelty network."""
    weights = (describe(b"", "tflite", 1), describe(b"", "tflite", 2, "novelty"))
    content = {"weights": weights, "novelty": draw_novelty(), "novelty_threshold": 0.7}
    points = {"positive_label": "pneumonia", "operating_point": draw_point()}
    return draw_manifest(**TWO | points | content | changes)


@pytest.mark.parametrize(
    "manifest",
    [
        three_labels(),
        two_labels(),
        second_opinion(),
        second_opinion(novelty=draw_novelty(field_median=-2.0)),
    ],
)
def test_manifest_comes_back_as_it_was_written(manifest: Manifest) -> None:
    text = format_manifest(manifest)
    assert parse_manifest(text) == manifest
    assert format_manifest(parse_manifest(text)) == text


def test_what_a_bundle_does_not_use_is_not_written() -> None:
    assert not NEW_KEYS & json.loads(format_manifest(three_labels())).keys()
    written = json.loads(format_manifest(two_labels(parity=Parity(8, 1, 1, 1, 1, 0, 1))))
    assert NEW_KEYS - written.keys() == {"field_operating_point", "novelty"}
    assert "runtimes" not in written["parity"]


def test_manifest_from_before_these_keys_is_read() -> None:
    old = parse_manifest((Path(__file__).parent / "manifest-of-malaria-cells-1.json").read_bytes())
    assert old.parity.runtimes == ()
    assert old.field_operating_point is not None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positive_label": "covid"}, "positive_label is given, but 3 labels have none"),
        ({"operating_point": draw_point()}, "operating_point is given, but 3 labels"),
        ({"field_operating_point": draw_point()}, "field_operating_point is given"),
        ({"labels": ("normal", "covid", "covid")}, "two or more, each once"),
        ({"labels": ("covid",)}, "two or more, each once"),
        ({"labels": ("a", "b", "c", "d")}, "give 3 logits; 4 labels need 4"),
        ({"labels": ("a", "b"), "positive_label": "b"}, "operating_point is missing"),
        (
            {"labels": ("a", "b"), "positive_label": "b", "operating_point": draw_point()},
            "give 3 logits; 2 labels need 1",
        ),
        ({"labels": ("a", "b"), "operating_point": draw_point()}, "positive_label is None"),
    ],
)
def test_labels_that_do_not_fit_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        three_labels(**changes)


def test_threshold_of_a_field_is_checked_too() -> None:
    with pytest.raises(ManifestError, match=r"threshold is 1\.5"):
        two_labels(field_operating_point=draw_point(1.5))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"novelty": None}, "^novelty missing; .* go together"),
        ({"novelty_threshold": None}, "^novelty_threshold missing"),
        ({"weights": (describe(b"", "tflite", 1),)}, '^weights of role "novelty" missing'),
        ({"novelty_threshold": None, "novelty": None}, "^novelty and novelty_threshold missing"),
        ({"novelty_threshold": 1.0}, r"novelty_threshold is 1\.0; between 0 and 1"),
    ],
)
def test_novelty_comes_whole_or_not_at_all(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        second_opinion(**changes)


@pytest.mark.parametrize("output", ["logit", "cam"])
def test_novelty_network_gives_two_channels(output: str) -> None:
    good, other = describe(b"", "tflite", 2, "novelty"), describe(b"", "tflite", 1, "novelty")
    mixed = tuple(
        (other if each.name == output else good).output(each.name) for each in good.outputs
    )
    weights = (describe(b"", "tflite", 1), replace(good, outputs=mixed))
    with pytest.raises(ManifestError, match=f"give 1 channels of '{output}'; a novelty network"):
        second_opinion(weights=weights)


@pytest.mark.parametrize(
    "changes",
    [
        {"foreign_threshold": 0.0},
        {"most_foreign_share": 1.0},
        {"target_false_alarm": 0.0},
        {"field_median": float("nan")},
    ],
)
def test_novelty_out_of_range_is_refused(changes: dict[str, float]) -> None:
    (name,) = changes
    with pytest.raises(ManifestError, match=rf"novelty\.{name} is"):
        draw_novelty(**changes)
