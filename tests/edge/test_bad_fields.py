"""Pictures that are no field, or none that can be read: each is refused with its own reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.analysis import quality
from edge.analysis.quality import assess_quality
from edge.cli import main
from edge.contract.images import encode_image
from edge.contract.types import Frame, U8Array
from tests.support import bad_fields


def blurred(seed: int) -> U8Array:
    return np.asarray(cv2.GaussianBlur(bad_fields.good_field(seed), (0, 0), 6), np.uint8)


def pile(seed: int) -> U8Array:
    """One small pile of cells in the middle."""
    return bad_fields.clump(seed, 160, 60, 0.1)


def swapped(seed: int) -> U8Array:
    return np.ascontiguousarray(bad_fields.good_field(seed)[:, :, ::-1])


REFUSED: tuple[tuple[Callable[[int], U8Array], tuple[str, ...]], ...] = (
    (bad_fields.empty_field, (quality.EMPTY,)),
    (bad_fields.white_cells_alone, (quality.NO_RED_CELLS,)),
    (pile, (quality.CLUMP,)),
    (bad_fields.clump, (quality.CLUMP,)),
    (bad_fields.thick_smear, (quality.THICK_SMEAR,)),
    (lambda seed: bad_fields.single_cell(seed, masked=True), (quality.CUT_OUT,)),
    (lambda seed: bad_fields.single_cell(seed, masked=False), (quality.ONE_OBJECT,)),
    (blurred, (quality.OUT_OF_FOCUS,)),
)


@pytest.mark.parametrize(("draw", "reasons"), REFUSED)
def test_each_is_refused_with_its_reason(
    draw: Callable[[int], U8Array], reasons: tuple[str, ...]
) -> None:
    for seed in range(4):
        assert assess_quality(Frame(draw(seed), "bad")).reason in reasons


def test_good_field_passes_and_a_scale_bar_is_a_note() -> None:
    for seed in range(4):
        assert assess_quality(Frame(bad_fields.good_field(seed), "good")).usable
        marked = assess_quality(
            Frame(bad_fields.with_scale_bar(bad_fields.good_field(seed)), "bar")
        )
        assert marked.usable and marked.notes == (quality.LETTERING,)
        assert marked.lettering_px is not None


def test_swapped_colours_are_mostly_told_and_never_called_healthy() -> None:
    reasons = [assess_quality(Frame(swapped(seed), "bgr")).reason for seed in range(12)]
    assert reasons.count(quality.SWAPPED) >= 6


def test_slide_of_nothing_but_bad_fields_is_refused_by_the_program(tmp_path: Path) -> None:
    for number, (draw, _) in enumerate(REFUSED):
        (tmp_path / f"{number}.png").write_bytes(encode_image(draw(number)))
    out = tmp_path / "out.json"
    assert main(["screen", str(tmp_path), "--json", str(out)]) == 0
    content = json.loads(out.read_text())
    assert content["slide"]["verdict"] == "refused"
    assert content["slide"]["fields_refused"] == len(REFUSED)
    assert all(field["quality"]["reason"] and not field["cells"] for field in content["fields"])


def test_picture_of_a_hundred_megapixels_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    ok, huge = cv2.imencode(".png", np.zeros((10_000, 10_001), np.uint8))
    assert ok
    (tmp_path / "huge.png").write_bytes(huge.tobytes())
    (tmp_path / "good.png").write_bytes(encode_image(bad_fields.good_field(1)))
    out = tmp_path / "out.json"
    assert main(["screen", str(tmp_path), "--json", str(out)]) == 0
    fields = {field["file"]: field for field in json.loads(out.read_text())["fields"]}
    assert fields["good.png"]["quality"]["usable"] and fields["good.png"]["cells"]
    assert "pixel" in fields["huge.png"]["quality"]["reason"].lower()
