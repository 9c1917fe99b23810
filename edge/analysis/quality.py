"""Judges whether a field can be read, and says in plain words what to do where it cannot.

Looks at light, stain, focus and crowding only; single cells are found by `cells`. Works on a
thinned-out copy of the frame (`measures`), so that a live preview can be judged as it comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.analysis.foreground import GREEN
from edge.analysis.measures import FieldMeasures, measure_field
from edge.analysis.stain import StainLimits
from edge.contract.types import FieldQuality, Frame

NOT_A_FIELD = "not a field: the image is too small; use the camera's full frame"
ONE_OBJECT = "one cell instead of a field: use the camera's full frame"
CUT_OUT = "black round the picture: use the camera's full frame, without a mask"
TOO_DARK = "too dark: raise the lamp or open the condenser"
TOO_BRIGHT = "too bright: lower the lamp or close the condenser"
COLOUR_CAST = "colour cast: the light is not white; set the camera's white balance on clear glass"
SWAPPED = "red and blue are swapped: set the camera's colour order to RGB"
EMPTY = "no cells: move to another field"
NO_RED_CELLS = "no red cells, only nuclei or dark stain: move to the body of the smear"
THICK_SMEAR = (
    "thick smear, or stain all over: no red cells stand out from the ground; use a thin smear"
)
CROWDED = "too crowded to count: move to a thinner part of the smear"
CLUMP = "cells in a clump: they cannot be counted; move to where they lie side by side"
COLOURLESS = "no colour: the stain cannot be judged; use a colour camera and a stained smear"
TOO_WEAK = "stain too weak: cells hardly differ from the glass; stain the slide again"
TOO_STRONG = (
    "stain too strong: nothing can be seen inside the cells; stain a new slide for less time"
)
OUT_OF_FOCUS = "out of focus: turn the fine focus"
STAIN_UNKNOWN = (
    "stain unlike any seen: the colours are not those of a blood smear; check the slide, its stain "
    "and the camera's colours"
)
NOT_A_SMEAR = "not a blood smear: put a stained thin smear under the lens"
NO_STRUCTURE = "no cells to be seen, only noise: check the camera and the lamp"

LETTERING = "a scale bar or text is burnt in; cells there are not counted"


@dataclass(frozen=True)
class QualitySettings:
    """Limits of a readable field.

    Attributes:
        work_side_px: the longer side at which the frame is judged.
        least_side_px: smaller frames are refused.
        least_glass_brightness: of the 90th percentile of the brightest channel, 0 to 255.
        most_saturated_fraction: share of pixels at the top in every channel.
        saturated_level: what counts as the top, 0 to 255.
        most_black_fraction: share of the picture that is black.
        largest: (area, solidity, share of all that is dark) from which one object is the picture;
            of 457 real fields none has all three.
        most_largest_area: more is the ground, with gaps in it.
        least_contrast: of stained pixels over glass, 0 to 255; less is glass and noise.
        least_stain: the same; less is too pale to be called. Of iml-fields, folds 0 to 3, paled to
            .18 of their density (about 20 here) cells are found and called as before (.926 of .938
            found, AUC .983 of .996), at .12 (13 here) .851 are found.
        least_stained_fraction: less is an empty field.
        most_stained_fraction: more cannot be counted.
        clump: (share, layers) of a field that is mostly one pile of cells, see `Clump`; drawn piles
            have .38 and 1.8 or more, no field of iml-fields has both.
        least_colour: spread over the channels of the light that stain lets through, 0 to 1.
        stain: colours of stain and lamp; others are of no smear.
        least_warmth: red cells that are bluer than this have red and blue swapped, see
            `ColourOrder`. Real ones have -.09 or more; drawn lilac stains reach -.3, and of swapped
            iml-fields, whose stain takes both alike, none is told: there the calls stay the same.
        least_azure: nuclei that are redder than this are swapped, too, unless red cells are warmer
            than the second number: where those lie on one another, the pile is redder yet.
        nuclei: (share of the field, density in green) of what are nuclei and no red cells: less of
            the one and more of the other.
        least_separation: of cells and glass; a thick smear's ground is neither.
        least_evenness: of the glass against the cells, see `glass_evenness`; 457 real fields have
            1.8 or more, of inverted ones 19 in 20 less than .9.
        least_focus: slope of the cells' edges times their scale; chosen as `focus` says, so that a
            blur of a thirtieth of a cell's width passes and one of a thirteenth does not.
        least_coarse_share: share of the contrast that is left at a quarter of the size.
    """

    work_side_px: int = 640
    least_side_px: int = 200
    least_glass_brightness: float = 60.0
    most_saturated_fraction: float = 0.5
    saturated_level: int = 250
    most_black_fraction: float = 0.05
    largest: tuple[float, float, float] = (0.3, 0.94, 0.6)
    most_largest_area: float = 0.88
    least_contrast: int = 10
    least_stain: int = 16
    least_stained_fraction: float = 0.01
    most_stained_fraction: float = 0.85
    clump: tuple[float, float] = (0.35, 1.7)
    least_colour: float = 0.03
    stain: StainLimits = field(default_factory=StainLimits)
    least_warmth: float = -0.25
    least_azure: tuple[float, float] = (-0.5, 0.1)
    nuclei: tuple[float, float] = (0.12, 0.9)
    least_separation: float = 0.78
    least_evenness: float = 0.9
    least_focus: float = 7.0
    least_coarse_share: float = 0.9


_DEFAULTS = QualitySettings()


def assess_quality(frame: Frame, settings: QualitySettings = _DEFAULTS) -> FieldQuality:
    """Judges one field. Never raises on odd images: those are refused with a reason."""
    if min(frame.image.shape[:2]) < settings.least_side_px:
        return FieldQuality(False, NOT_A_FIELD, 0.0, 0.0, 0.0, 0.0)
    measures = measure_field(frame.image, settings.work_side_px, settings.saturated_level)
    reason = _reason(measures, settings)
    return FieldQuality(
        usable=not reason,
        reason=reason,
        focus=measures.focus,
        brightness=measures.brightness,
        saturated_fraction=measures.saturated_fraction,
        stained_fraction=measures.stained_fraction,
        notes=(LETTERING,) if measures.lettering else (),
        lettering_px=measures.lettering,
    )


def _reason(measures: FieldMeasures, settings: QualitySettings) -> str:
    """The first thing that is wrong, empty where nothing is; light comes before what it shows."""
    checks = (
        *_light(measures, settings),
        *_picture(measures, settings),
        *_colours(measures, settings),
        (measures.focus < settings.least_focus, OUT_OF_FOCUS),
        (measures.stained_fraction > settings.most_stained_fraction, CROWDED),
        (_is_clump(measures, settings), CLUMP),
    )
    return next((reason for failed, reason in checks if failed), "")


def _light(measures: FieldMeasures, settings: QualitySettings) -> tuple[tuple[bool, str], ...]:
    return (
        (measures.glass_brightness < settings.least_glass_brightness, TOO_DARK),
        (measures.saturated_fraction > settings.most_saturated_fraction, TOO_BRIGHT),
    )


def _picture(measures: FieldMeasures, settings: QualitySettings) -> tuple[tuple[bool, str], ...]:
    """Whether there are cells and glass in it at all."""
    return (
        (measures.black_fraction > settings.most_black_fraction, CUT_OUT),
        (measures.contrast < settings.least_contrast, EMPTY),
        (_is_one_object(measures, settings), ONE_OBJECT),
        (measures.stained_fraction < settings.least_stained_fraction, EMPTY),
        (measures.coarse_share < settings.least_coarse_share, NO_STRUCTURE),
        (measures.evenness < settings.least_evenness, NOT_A_SMEAR),
    )


def _colours(measures: FieldMeasures, settings: QualitySettings) -> tuple[tuple[bool, str], ...]:
    order, (most_fraction, least_density) = measures.order, settings.nuclei
    sparse = measures.stained_fraction < most_fraction
    return (
        (measures.stain.spread < settings.least_colour, COLOURLESS),
        (measures.separation < settings.least_separation, THICK_SMEAR),
        (sparse and order.green > least_density, NO_RED_CELLS),
        (_is_swapped(measures, settings), SWAPPED),
        (measures.stain.is_too_strong(settings.stain), TOO_STRONG),
        (not measures.stain.is_known_lamp(settings.stain), COLOUR_CAST),
        (not measures.stain.is_known_dye(settings.stain), STAIN_UNKNOWN),
        (measures.contrast < settings.least_stain, TOO_WEAK),
    )


def _is_swapped(measures: FieldMeasures, settings: QualitySettings) -> bool:
    order, (azure, warmth) = measures.order, settings.least_azure
    if measures.stain.strongest != GREEN:
        return False
    return order.warmth < settings.least_warmth or (order.azure < azure and order.warmth < warmth)


def _is_one_object(measures: FieldMeasures, settings: QualitySettings) -> bool:
    one, (area, solidity, share) = measures.largest, settings.largest
    return (
        area < one.area < settings.most_largest_area
        and one.solidity > solidity
        and one.share > share
    )


def _is_clump(measures: FieldMeasures, settings: QualitySettings) -> bool:
    share, layers = settings.clump
    return measures.clump.share > share and measures.clump.layers > layers
