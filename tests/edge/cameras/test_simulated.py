"""The simulated smear: the truth that it tells is what it draws, and a seed decides all of it."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime

import cv2
import numpy as np
import pytest

from edge.cameras.base import open_camera
from edge.cameras.simulated import SimulatedCamera
from edge.cameras.smear import DrawnField, SmearSettings, TrueCell, draw_cell, draw_field
from edge.contract.errors import CameraError, ConfigError, EndOfSourceError, NotFoundError
from edge.contract.labels import (
    DEBRIS,
    GAMETOCYTE,
    NON_RBC,
    PLATELET,
    RING,
    SCHIZONT,
    STAGES,
    TROPHOZOITE,
    UNINFECTED,
    WBC,
    is_infected,
)
from edge.contract.preprocess import Preprocessing, prepare_crop
from edge.contract.types import U8Array

SMALL = SmearSettings(width_px=480, height_px=360, cells_per_field=20)
KINDS = (UNINFECTED, *STAGES, *NON_RBC)
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def _crop(image: U8Array, cell: TrueCell) -> U8Array:
    rows = slice(cell.top_px, cell.top_px + cell.height_px)
    return image[rows, cell.left_px : cell.left_px + cell.width_px]


def _paper(image: U8Array) -> np.ndarray:
    """Median colour of the brightest half: clear glass."""
    pixels = image.reshape(-1, 3)
    green = pixels[:, 1]
    return np.asarray(np.median(pixels[green > np.median(green)], axis=0))


def test_same_seed_and_index_draw_the_same_pixels() -> None:
    first, second = draw_field(SMALL, 3, 5), draw_field(SMALL, 3, 5)
    assert np.array_equal(first.image, second.image)
    assert first.cells == second.cells


def test_field_does_not_depend_on_what_was_drawn_before() -> None:
    alone = draw_field(SMALL, 3, 2)
    for index in range(2):
        draw_field(SMALL, 9, index)
    assert np.array_equal(alone.image, draw_field(SMALL, 3, 2).image)


def test_seed_and_index_change_the_field() -> None:
    images = [draw_field(SMALL, seed, index).image for seed, index in ((1, 0), (1, 1), (2, 0))]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.mean(images[one] != images[other]) > 0.5


def _cell_colour(field: DrawnField) -> np.ndarray:
    whole = [c for c in field.cells if c.label == UNINFECTED and not c.at_border]
    return np.asarray(
        np.median([np.median(_crop(field.image, c), axis=(0, 1)) for c in whole], axis=0)
    )


def test_fields_of_a_slide_share_its_stain_and_slides_differ() -> None:
    settings = replace(SMALL, parasitaemia_fraction=0)
    slides = np.array(
        [[_cell_colour(draw_field(settings, seed, i)) for i in range(3)] for seed in range(12)]
    )
    within = np.ptp(slides, axis=1).max(axis=0)
    between = np.ptp(slides.mean(axis=1), axis=0)
    assert within.max() < 25
    assert between.max() > 40


def test_no_stain_cast_gives_every_slide_the_same_glass() -> None:
    settings = replace(SMALL, stain_cast=0, vignetting_fraction=0)
    papers = np.array([_paper(draw_field(settings, seed, 0).image) for seed in range(4)])
    assert np.ptp(papers / papers[:, 1:2], axis=0).max() < 0.02


def test_image_has_the_settings_shape_and_clear_glass() -> None:
    image = draw_field(SMALL, 1, 0).image
    assert image.shape == (360, 480, 3)
    assert image.dtype == np.uint8
    assert (_paper(image) > 190).all()


def test_parasitaemia_of_many_fields_agrees_with_the_setting() -> None:
    settings = replace(SMALL, cells_per_field=24, parasitaemia_fraction=0.2)
    fields = [draw_field(settings, 11, index) for index in range(80)]
    count = sum(field.rbc_count for field in fields)
    positive = sum(field.positive_count for field in fields)
    sigma = np.sqrt(0.2 * 0.8 / count)
    assert count > 700
    # A fixed seed: this holds or does not, it never flickers.
    assert abs(positive / count - 0.2) < 3 * sigma


def test_stages_come_in_the_shares_that_were_set() -> None:
    settings = replace(SMALL, cells_per_field=24, parasitaemia_fraction=1)
    labels = [cell.label for i in range(25) for cell in draw_field(settings, 4, i).cells]
    total = sum(is_infected(label) for label in labels)
    shares = {RING: 0.62, TROPHOZOITE: 0.20, SCHIZONT: 0.08, GAMETOCYTE: 0.10}
    for stage, share in shares.items():
        sigma = np.sqrt(share * (1 - share) / total)
        assert abs(labels.count(stage) / total - share) < 3 * sigma, stage


def test_no_parasitaemia_gives_no_positive_cell() -> None:
    settings = replace(SMALL, parasitaemia_fraction=0)
    for index in range(8):
        field = draw_field(settings, 2, index)
        assert field.positive_count == 0
        assert not any(is_infected(cell.label) for cell in field.cells)
        assert field.rbc_count > 0


def test_full_parasitaemia_leaves_no_uninfected_cell() -> None:
    field = draw_field(replace(SMALL, parasitaemia_fraction=1), 2, 0)
    assert field.positive_count == field.rbc_count > 0


def test_default_field_holds_the_cells_that_were_asked_for() -> None:
    counts = [
        sum(cell.label not in NON_RBC for cell in draw_field(SmearSettings(), 6, index).cells)
        for index in range(6)
    ]
    assert 120 <= np.mean(counts) <= 160
    assert len(set(counts)) > 1


def test_counts_leave_out_border_cells_and_what_is_no_red_cell() -> None:
    def cell(label: str, at_border: bool) -> TrueCell:
        return TrueCell(0, 0, 5, 5, label, at_border)

    cells = (cell(RING, False), cell(RING, True), cell(UNINFECTED, False), cell(WBC, False))
    field = DrawnField(np.zeros((9, 9, 3), np.uint8), cells)
    assert (field.rbc_count, field.positive_count) == (2, 1)


def test_true_boxes_lie_inside_the_frame_and_border_cells_touch_it() -> None:
    for index in range(6):
        field = draw_field(replace(SMALL, platelets_per_field=9), 8, index)
        height, width = field.image.shape[:2]
        for cell in field.cells:
            right, bottom = cell.left_px + cell.width_px, cell.top_px + cell.height_px
            assert min(cell.left_px, cell.top_px) >= 0
            assert right <= width
            assert bottom <= height
            assert min(cell.width_px, cell.height_px) >= 2
            cut = cell.left_px == 0 or cell.top_px == 0 or right == width or bottom == height
            assert cell.at_border == cut


def test_true_boxes_fit_the_dark_pixels_they_name() -> None:
    settings = replace(SMALL, debris_per_field=0, platelets_per_field=0, wbc_per_1000_rbc=0)
    settings = replace(settings, touching_fraction=0, overlapping_fraction=0, vignetting_fraction=0)
    found = 0
    for index in range(5):
        field = draw_field(settings, 5, index)
        dark = field.image[:, :, 1] < 0.5 * (_paper(field.image)[1] + _cell_colour(field)[1])
        for cell in field.cells:
            if cell.at_border or cell.overlapped:
                continue
            _, _, stats, _ = cv2.connectedComponentsWithStats(
                _crop(dark[:, :, None], cell)[:, :, 0].astype(np.uint8)
            )
            _, _, width, height, area = stats[1:][stats[1:, cv2.CC_STAT_AREA].argmax()]
            assert cell.width_px - width <= 3
            assert cell.height_px - height <= 3
            # Next to nothing of the cell lies outside its box: the ring about the box is glass.
            assert area > 0.3 * cell.width_px * cell.height_px
            found += 1
    assert found > 40


def test_dark_pixels_outside_all_boxes_are_rare() -> None:
    field = draw_field(replace(SMALL, vignetting_fraction=0), 5, 0)
    middle = 0.5 * (_paper(field.image)[1] + _cell_colour(field)[1])
    dark = field.image[:, :, 1] < middle
    for cell in field.cells:
        _crop(dark[:, :, None], cell)[:] = False
    assert dark.mean() < 0.002


def test_overlapping_cells_are_told_and_darker_where_they_overlap() -> None:
    settings = replace(SMALL, overlapping_fraction=0.5, touching_fraction=0, debris_per_field=0)
    settings = replace(settings, parasitaemia_fraction=0, platelets_per_field=0)
    field = draw_field(settings, 1, 0)
    covered = [cell for cell in field.cells if cell.overlapped]
    assert len(covered) >= 6
    plateau = _cell_colour(field)[1]
    darkest = [np.percentile(_crop(field.image, c)[:, :, 1], 2) for c in covered if not c.at_border]
    assert np.median(darkest) < plateau - 15


def test_cells_set_apart_overlap_none() -> None:
    settings = replace(SMALL, overlapping_fraction=0, touching_fraction=0)
    assert not any(cell.overlapped for i in range(5) for cell in draw_field(settings, 1, i).cells)


def test_white_cells_and_platelets_and_debris_are_drawn_when_asked() -> None:
    settings = replace(SMALL, wbc_per_1000_rbc=100, platelets_per_field=6, debris_per_field=6)
    cells = [cell for index in range(6) for cell in draw_field(settings, 3, index).cells]
    width = {
        label: np.median([c.width_px for c in cells if c.label == label and not c.at_border])
        for label in (WBC, UNINFECTED, PLATELET, DEBRIS)
    }
    assert width[WBC] > 1.3 * width[UNINFECTED]
    assert width[UNINFECTED] > 2 * width[PLATELET] > 2 * width[DEBRIS]


def test_red_cells_have_the_size_that_the_scale_gives() -> None:
    for um_per_px in (0.12, 0.24):
        settings = SmearSettings(um_per_px=um_per_px, cells_per_field=60, touching_fraction=0)
        cells = draw_field(replace(settings, parasitaemia_fraction=0), 1, 0).cells
        widths = [c.width_px for c in cells if c.label == UNINFECTED and not c.at_border]
        assert np.mean(widths) * um_per_px == pytest.approx(7.5, abs=0.4)


def test_blur_and_noise_are_what_was_set() -> None:
    still = replace(SMALL, noise=0, defocus_px=0)
    clear = draw_field(still, 1, 0).image.astype(float)
    noisy = draw_field(replace(still, noise=4), 1, 0).image.astype(float)
    assert np.std(noisy - clear) == pytest.approx(4, abs=0.3)
    blurred = draw_field(replace(still, defocus_px=3), 1, 0).image.astype(float)
    assert np.abs(np.diff(blurred, axis=1)).max() < 0.6 * np.abs(np.diff(clear, axis=1)).max()


def test_empty_slide_is_clear_glass() -> None:
    settings = replace(SMALL, cells_per_field=0, platelets_per_field=0, debris_per_field=0)
    field = draw_field(settings, 1, 0)
    assert field.cells == ()
    assert field.image.min() > 150


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("parasitaemia_fraction", 1.5),
        ("parasitaemia_fraction", -0.1),
        ("parasitaemia_fraction", float("nan")),
        ("parasitaemia_fraction", "0.1"),
        ("um_per_px", 0),
        ("width_px", 10),
        ("width_px", 640.5),
        ("cells_per_field", 2000),
        ("noise", -1),
        ("stain_cast", 2),
        ("touching_fraction", 0.99),
    ],
)
def test_settings_out_of_range_are_refused_with_name_and_value(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        replace(SmearSettings(), **{name: value})  # type: ignore[arg-type]
    if name != "touching_fraction":
        assert f"{value}" in str(caught.value)


def test_stage_shares_of_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="stage shares"):
        SmearSettings(ring_share=0, trophozoite_share=0, schizont_share=0, gametocyte_share=0)


@pytest.mark.parametrize("kind", KINDS)
def test_single_cell_is_tight_and_repeats(kind: str) -> None:
    image, mask = draw_cell(kind, 7)
    again, _ = draw_cell(kind, 7)
    assert np.array_equal(image, again)
    assert image.shape == (*mask.shape, 3)
    assert mask.dtype == bool
    for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]):
        assert edge.any()
    prepared = prepare_crop(image, Preprocessing(size_px=64), mask)
    assert prepared.shape == (64, 64, 3)


def test_single_parasites_are_darker_and_more_purple_than_healthy_cells() -> None:
    spec = Preprocessing(size_px=64)

    def darkest_green(kind: str, seed: int) -> float:
        image, mask = draw_cell(kind, seed)
        prepared = prepare_crop(image, spec, mask)
        inside = prepared[8:56, 8:56, 1]
        return float(np.percentile(inside[inside > 0], 2) / np.median(inside[inside > 0]))

    for seed in range(6):
        healthy = darkest_green(UNINFECTED, seed)
        assert healthy > 0.8
        for stage in (RING, TROPHOZOITE, SCHIZONT):
            assert darkest_green(stage, seed) < healthy - 0.1, (stage, seed)


@pytest.mark.parametrize(
    ("kind", "seed", "size_px"), [("oval", 1, 64), (RING, -1, 64), (RING, 1, 4)]
)
def test_single_cell_refuses_what_it_cannot_draw(kind: str, seed: int, size_px: int) -> None:
    with pytest.raises(ConfigError, match=r"give|known"):
        draw_cell(kind, seed, size_px)


def test_camera_gives_named_timed_frames_and_their_truth() -> None:
    with SimulatedCamera(seed=4, settings=SMALL, clock=lambda: NOON) as camera:
        first, second = camera.capture(), camera.capture()
        assert (first.name, second.name) == ("simulated-0000.png", "simulated-0001.png")
        assert first.captured_utc == "2026-01-02T12:00:00+00:00"
        assert (first.um_per_px, first.exposure_ms) == (0.12, 12.0)
        for frame in (second, first):
            assert np.array_equal(camera.truth(frame.name).image, frame.image)


def test_camera_ends_after_its_fields_and_keeps_the_truth() -> None:
    camera = SimulatedCamera(settings=SMALL, fields=2)
    names = [camera.capture().name for _ in range(2)]
    for _ in range(2):
        with pytest.raises(EndOfSourceError, match="2 fields"):
            camera.capture()
    camera.close()
    camera.close()
    assert camera.truth(names[1]).cells
    with pytest.raises(CameraError, match="closed"):
        camera.capture()


@pytest.mark.parametrize("name", ["simulated-0001.png", "simulated-0.png", "field.png", ""])
def test_camera_tells_no_truth_of_frames_it_never_gave(name: str) -> None:
    camera = SimulatedCamera(settings=SMALL)
    camera.capture()
    with pytest.raises(NotFoundError, match="this camera gave 1"):
        camera.truth(name)


def test_cameras_share_no_state() -> None:
    one, other = SimulatedCamera(seed=1, settings=SMALL), SimulatedCamera(seed=1, settings=SMALL)
    one.capture()
    assert np.array_equal(one.capture().image, (other.capture(), other.capture())[1].image)


def test_camera_parasitaemia_overrides_its_settings() -> None:
    assert SimulatedCamera().settings.parasitaemia_fraction == 0.04
    ill = SimulatedCamera(settings=replace(SMALL, parasitaemia_fraction=0.3))
    assert ill.settings.parasitaemia_fraction == 0.3
    healthy = SimulatedCamera(parasitaemia_fraction=0, settings=ill.settings)
    assert healthy.truth(healthy.capture().name).positive_count == 0


@pytest.mark.parametrize("setting", [{"seed": -1}, {"fields": -3}, {"parasitaemia_fraction": 2}])
def test_camera_refuses_bad_settings(setting: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        SimulatedCamera(**setting)  # type: ignore[arg-type]


def test_camera_opens_by_name() -> None:
    camera = open_camera("simulated", seed=2, settings=SMALL, fields=1)
    assert camera.capture().image.shape == (360, 480, 3)


def test_memory_stays_flat_over_many_captures() -> None:
    tiny = SmearSettings(width_px=96, height_px=96, cells_per_field=1, debris_per_field=1)
    camera = SimulatedCamera(settings=tiny)
    for _ in range(50):
        camera.capture()
    tracemalloc.start()
    for _ in range(400):
        camera.capture()
    grown_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown_bytes < 96 * 96 * 3
