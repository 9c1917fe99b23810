"""One place of a slide is counted once, in the service and in the program alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest

from edge.analysis.quality import OUT_OF_FOCUS
from edge.analysis.repeats import SeenFields
from edge.cameras.smear import SmearSettings, draw_field
from edge.config import DeviceConfig
from edge.contract.images import encode_image
from edge.contract.types import FieldQuality, FieldResult, Frame, U8Array
from edge.installed import load_screener
from edge.screening.repeated import SEEN_BEFORE, not_twice
from edge.screening.service import ScreeningService
from edge.screening.state import SpecimenRequest
from edge.store.store import Store

SEEN = SEEN_BEFORE.format("a.png")


def piece() -> U8Array:
    """Of a slide, larger than a field."""
    return draw_field(SmearSettings(width_px=1600, height_px=1200), 5, 0).image


def view(left_px: int = 0, top_px: int = 0) -> U8Array:
    return piece()[top_px : top_px + 960, left_px : left_px + 1280]


@pytest.fixture()
def pictures(tmp_path: Path) -> Path:
    """Out of focus, the same place sharp, shifted, and another place."""
    folder = tmp_path / "fields"
    folder.mkdir()
    images = {
        "0.png": cv2.GaussianBlur(view(), (0, 0), 8),
        "a.png": view(),
        "b.png": view(300, 200),
        "c.png": draw_field(SmearSettings(), 5, 1).image,
    }
    for name, image in images.items():
        (folder / name).write_bytes(encode_image(image))
    return folder


EXPECTED = {"0.png": OUT_OF_FOCUS, "a.png": "", "b.png": SEEN, "c.png": ""}


def test_program_counts_a_place_once(
    pictures: Path, clinicscope: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    code, _, err = clinicscope("screen", pictures, "--json", tmp_path / "out.json")
    assert code == 0, err
    content = json.loads((tmp_path / "out.json").read_text())
    assert {one["file"]: one["quality"]["reason"] for one in content["fields"]} == EXPECTED
    slide, cells = content["slide"], {one["file"]: one["cells"] for one in content["fields"]}
    assert (slide["fields_read"], slide["fields_refused"]) == (2, 2)
    assert cells["a.png"] and not cells["b.png"]
    assert slide["rbc_count"] < len(cells["a.png"]) + len(cells["c.png"])


@pytest.fixture()
def service(tmp_path: Path) -> Iterator[ScreeningService]:
    home = tmp_path / "home"
    made = ScreeningService(Store(home), lambda: load_screener(home, DeviceConfig(threads=1)))
    yield made
    made.close()


def test_service_counts_a_place_once_and_each_specimen_afresh(
    service: ScreeningService, pictures: Path
) -> None:
    sources = [str(path) for path in sorted(pictures.iterdir())]
    for _ in range(2):
        specimen_id = service.start(SpecimenRequest("S-1", "upload", {"sources": sources}))
        assert service.wait(60)
        fields = service.store.fields(specimen_id)
        assert {one.name: one.reason for one in fields} == EXPECTED
        repeated = next(one for one in fields if one.name == "b.png")
        assert (repeated.rbc_count, repeated.cells) == (0, [])
        assert repeated.image_file is not None
        # What the picture measures is kept beside the reason.
        assert repeated.quality["focus"] > 0


def test_field_that_was_refused_is_not_remembered() -> None:
    seen, frame = SeenFields(), Frame(view(), "x")
    refused = FieldResult("x", FieldQuality(False, "too dark", 0.0, 0.0, 0.0, 0.0))
    assert not_twice(refused, frame, seen) is refused
    assert len(seen) == 0
