"""The same place is recognised though it shifts and dims; different places are not mixed up."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.analysis.repeats import RepeatLimits, SeenFields, Signature, signature_of
from edge.cameras.smear import SmearSettings, draw_field
from edge.contract.images import list_images, read_image
from edge.contract.types import U8Array

WIDTH_PX, HEIGHT_PX = 640, 480


def slide(seed: int) -> U8Array:
    """A piece of a slide that is twice as wide and high as a field."""
    settings = SmearSettings(width_px=2 * WIDTH_PX, height_px=2 * HEIGHT_PX, um_per_px=0.22)
    return draw_field(settings, seed, 0).image


def view(piece: U8Array, left_px: int = 0, top_px: int = 0) -> U8Array:
    return piece[top_px : top_px + HEIGHT_PX, left_px : left_px + WIDTH_PX]


def worse(image: U8Array, seed: int) -> U8Array:
    """The same picture on another day: dimmer, softer, noisier."""
    rng = np.random.default_rng(seed)
    dim = cv2.GaussianBlur(image, (0, 0), 1.2) * rng.uniform(0.8, 1.0)
    return np.asarray(np.clip(dim + rng.normal(0, 4, image.shape), 0, 255), np.uint8)


def seen(*images: U8Array) -> SeenFields:
    fields = SeenFields()
    for index, image in enumerate(images):
        fields.add(f"field {index}", signature_of(image))
    return fields


@pytest.mark.parametrize("seed", range(4))
def test_same_place_is_recognised(seed: int) -> None:
    piece = slide(seed)
    match = seen(view(piece)).find(signature_of(worse(view(piece), seed)))
    assert match is not None
    assert match.name == "field 0"
    assert match.overlap == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shift_px", [(200, 0), (-200, 0), (0, 150), (150, -120), (-210, 100)])
def test_shifted_place_is_recognised(seed: int, shift_px: tuple[int, int]) -> None:
    piece, (x, y) = slide(seed), shift_px
    first, second = view(piece, max(-x, 0), max(-y, 0)), view(piece, max(x, 0), max(y, 0))
    match = seen(first).find(signature_of(worse(second, seed)))
    assert match is not None
    share = (1 - abs(x) / WIDTH_PX) * (1 - abs(y) / HEIGHT_PX)
    assert match.overlap == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize("seed", range(4))
def test_neighbour_that_overlaps_a_little_passes(seed: int) -> None:
    piece = slide(seed)
    assert seen(view(piece)).find(signature_of(view(piece, 530, 0))) is None
    assert seen(view(piece)).find(signature_of(view(piece, 350, 300))) is None


def test_different_fields_of_a_slide_are_different() -> None:
    settings = SmearSettings(width_px=WIDTH_PX, height_px=HEIGHT_PX, um_per_px=0.22)
    fields = SeenFields()
    for index in range(60):
        signature = signature_of(draw_field(settings, 3, index).image)
        assert fields.find(signature) is None
        fields.add(str(index), signature)
    assert len(fields) == 60


def test_the_right_one_of_many_is_named() -> None:
    pieces = [slide(seed) for seed in range(5)]
    match = seen(*(view(piece) for piece in pieces)).find(signature_of(view(pieces[3], 100, 60)))
    assert match is not None
    assert match.name == "field 3"


def test_nothing_was_seen_before_the_first() -> None:
    assert SeenFields().find(signature_of(view(slide(1)))) is None


def test_a_field_that_is_forgotten_may_be_read_again_and_the_others_stay() -> None:
    places = [slide(seed) for seed in range(3)]
    fields = SeenFields()
    for number, place in enumerate(places):
        fields.add(f"field-{number}", signature_of(view(place)))
    fields.forget("field-1")
    fields.forget("nothing of that name")
    assert len(fields) == 2 and fields.find(signature_of(view(places[1]))) is None
    for number in (0, 2):
        match = fields.find(signature_of(view(places[number])))
        assert match is not None and match.name == f"field-{number}"
    fields.add("again", signature_of(view(places[1])))
    match = fields.find(signature_of(view(places[1])))
    assert match is not None and match.name == "again"


def test_flat_and_tiny_images_have_signatures() -> None:
    fields = seen(np.full((300, 400, 3), 200, np.uint8))
    assert fields.find(signature_of(np.zeros((3, 5, 3), np.uint8))) is None


def test_limits_are_heeded() -> None:
    piece = slide(2)
    fields = SeenFields(RepeatLimits(least_overlap=0.9))
    fields.add("a", signature_of(view(piece)))
    assert fields.find(signature_of(view(piece, 200, 0))) is None
    assert fields.find(signature_of(view(piece))) is not None


def test_signature_is_small_and_a_hundred_are_searched_at_once() -> None:
    signature = signature_of(view(slide(1)))
    assert signature.fine.nbytes + signature.spectrum.nbytes <= 8192
    rng = np.random.default_rng(1)
    fields = SeenFields()
    for index in range(100):
        fields.add(str(index), signature_of(rng.integers(0, 255, (480, 640, 3), np.uint8)))
    # The quickest of many: what else the machine does must not count.
    assert min(_seconds(fields, signature) for _ in range(30)) < 0.004


def _seconds(fields: SeenFields, signature: Signature) -> float:
    started = time.perf_counter()
    fields.find(signature)
    return time.perf_counter() - started


@pytest.mark.data
@pytest.mark.parametrize("folder", ["iml-fields", "chula-fields", "bccd-fields"])
def test_real_fields_that_match_are_of_one_place(real_data: Path, folder: str) -> None:
    """All pairs of a set. Frames that follow one another in iml-fields overlap, as one sees; in
    bccd-fields two pairs do."""
    paths = list_images(real_data / folder / "images")
    signatures = [signature_of(read_image(path)) for path in paths]
    pairs, fields = [], SeenFields()
    for path, signature in zip(paths, signatures, strict=True):
        match = fields.find(signature)
        if match is not None:
            pairs.append((match.name, path.stem))
        fields.add(path.stem, signature)
    if folder == "chula-fields":
        assert pairs == []
    elif folder == "bccd-fields":
        assert pairs == [
            ("BloodImage_00231", "BloodImage_00256"),
            ("BloodImage_00377", "BloodImage_00400"),
        ]
    else:
        assert len(pairs) > 30
        numbers = [[int(name.removeprefix("PA")) for name in pair] for pair in pairs]
        assert all(later - earlier <= 3 for earlier, later in numbers)


@pytest.mark.data
def test_real_fields_are_recognised_shifted(real_data: Path) -> None:
    paths = list_images(real_data / "iml-fields/images")[::20]
    for path, (x, y) in itertools.product(paths, [(0, 0), (220, 0), (120, 150)]):
        image = read_image(path)
        first, second = image[:640, :840], image[y : y + 640, x : x + 840]
        assert seen(first).find(signature_of(worse(second, 1))) is not None, path.name
