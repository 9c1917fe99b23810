"""Value types that cross module boundaries: frozen dataclasses, shapes and units on each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.contract.errors import StoreError

U8Array = npt.NDArray[np.uint8]
F32Array = npt.NDArray[np.float32]
F64Array = npt.NDArray[np.float64]
I32Array = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]

VERDICTS = ("positive", "negative", "inconclusive", "refused")


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of a field of view.

    Attributes:
        image: (H,W,3) uint8 RGB.
        name: file name or camera's counter, unique within a specimen.
        captured_utc: ISO 8601 with offset; empty where unknown.
        um_per_px: micrometres a pixel, None where not known.
        exposure_ms: None where not known.
    """

    image: U8Array
    name: str
    captured_utc: str = ""
    um_per_px: float | None = None
    exposure_ms: float | None = None


@dataclass(frozen=True)
class FieldQuality:
    """Whether a field can be read, and the reason in words where it cannot.

    Attributes:
        usable: False where the field must not be counted.
        reason: empty when usable.
        focus: sharpness of the edges, dimensionless; larger is sharper.
        brightness: median of the brightest channel, 0 to 255.
        saturated_fraction: share of pixels at the top of the range in every channel.
        stained_fraction: share of the field that cells cover.
        notes: what is odd without being a reason to refuse, in words.
        lettering_px: left, top, width and height of a scale bar or text burnt into the picture;
            cells there are not counted. None where there is none.
    """

    usable: bool
    reason: str
    focus: float
    brightness: float
    saturated_fraction: float
    stained_fraction: float
    notes: tuple[str, ...] = ()
    lettering_px: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, eq=False)
class CellBox:
    """One object found in a field: box in px of the frame, and its mask inside the box.

    Attributes:
        mask: (height_px, width_px) bool, True inside the cell.
        kind: "rbc", "wbc", "platelet" or "debris".
        at_border: cut by the frame's edge, or by burnt-in lettering, so not counted.
        certainty: 0 to 1, of a learned finder that this is a cell of its own; 1 where none asked.
    """

    left_px: int
    top_px: int
    width_px: int
    height_px: int
    mask: BoolArray
    kind: str = "rbc"
    at_border: bool = False
    certainty: float = 1.0


@dataclass(frozen=True, eq=False)
class CellCall:
    """The decision on one cell.

    Attributes:
        label: one of `labels.CELL_LABELS`; of an infected cell its stage, or `parasitised` where
            that is not named.
        score: P(positive label), 0 to 1; None for what is no red cell or is cut by the border.
        novelty: anomaly score, 0 to 1; None where the bundle has no novelty network, and of a cell
            that the classifier finds confidently healthy, where it is not asked.
        counted: a whole red cell, so part of the count.
        cam: (h,w) float32 activation in logit units of the network that suspects the cell, kept
            for suspect and disputed cells only.
        refused: why the object is no red cell, else empty; a refused object is not counted.
        disagrees: of classifier and novelty network, one alone suspects the cell.
        uncertain: a person should look; the call stands until then.
    """

    box: CellBox
    label: str
    score: float | None = None
    novelty: float | None = None
    counted: bool = False
    cam: F32Array | None = None
    refused: str = ""
    disagrees: bool = False
    uncertain: bool = False


@dataclass(frozen=True, eq=False)
class FieldResult:
    """What was seen in one field, or why it was refused.

    Attributes:
        stages_read: a network looked at the stages of its infected cells.
        ran_on: what computed all of it; None of a field that could not be decoded.
    """

    name: str
    quality: FieldQuality
    cells: tuple[CellCall, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    stages_read: bool = False
    ran_on: RanOn | None = None

    @property
    def rbc_count(self) -> int:
        """Whole red cells of this field."""
        return sum(cell.counted for cell in self.cells)


@dataclass(frozen=True)
class RanOn:
    """What really produced a result, for the record.

    Attributes:
        accelerator: of the classifier; a network beside it that ran elsewhere is named with it.
        fallback: what was preferred could not be used.
        fallback_why: what that was, and why not; empty where nothing fell back.
        stages_bundle_id: of the bundle that named the stages; empty where none did.
        stages_problem: why none did; empty where one did, or where no cell of a field was called.
        site_shift: added to the logit that cells are called at, as this site's check found it; None
            where no check of this very bundle is in force.
        site_check: who checked, and when; empty where none is in force.
        novelty_weight: of the novelty network's logit in the cells' scores; 0 where they are the
            classifier's alone.
    """

    bundle_id: str
    bundle_sha256: str
    runtime: str
    accelerator: str
    fallback: bool
    threads: int
    stages_bundle_id: str = ""
    stages_bundle_sha256: str = ""
    stages_problem: str = ""
    site_shift: float | None = None
    site_check: str = ""
    novelty_weight: float = 0.0
    fallback_why: str = ""


@dataclass(frozen=True)
class SlideReport:
    """The result of one specimen.

    Attributes:
        verdict: positive, negative, inconclusive or refused; a failure is never negative.
        why: the reason in a sentence or two.
        positive_count: whole red cells called infected, of any stage, gametocytes included.
        parasitaemia_fraction: corrected for the classifier's errors; None when nothing was counted.
        ci_low: lower end of its 95 % interval, fraction.
        ci_high: upper end.
        observed_fraction: positive_count / rbc_count, uncorrected.
        disagreement_count: cells that one of the two networks alone suspects.
        refused_cell_count: objects that were refused as no red cell.
        gametocyte_count: of the infected cells those that look like gametocytes, which do not count
            toward density; None where stages were not told apart.
        stage_counts: infected cells by the stage named, all four; what is missing to positive_count
            was not named. Empty where stages were not told apart.
        protocol_version: of `protocol`.
        minimum_usable_fields: of the protocol.
        more_fields: to be read, as the protocol's minimum is not reached or the interval is wide;
            `more_fields_why` says which.
        mistaken_fraction: share of slides without a parasite that would have as many calls; None
            where nothing was counted.
        density_per_ul: asexual parasites, with its 95 % interval; rests on `assumptions`.
        rbc_per_ul: red cells per µL that it assumes.
        uncounted_suspect_count: cells that look infected but are not counted.
        sensitivity_cell: of the classifier at its threshold, which the interval corrects for, and
            how much it is worth in cells; so for the specificity. None in records from before.
        finished: False where screening broke off; such a slide is never negative.
        reviewed_count: suspect cells that a person has judged; of them `confirmed_count` infected.
        unreviewed_count: suspect cells that no person has judged, where one has begun to.
        rejected_count: suspect cells that a person found not infected.
        person_counts: what persons counted at the microscope, as `PersonCount` in plain values.
        finding: of chest X-rays, what the network, or a person, says; empty of a smear.
        finding_score: that they are not normal, 0 to 1.
        radiographs: each chest X-ray as `edge.xray.findings.ReadPicture.plain` gives it.
    """

    verdict: str
    why: str
    rbc_count: int
    positive_count: int
    parasitaemia_fraction: float | None
    ci_low: float | None
    ci_high: float | None
    observed_fraction: float | None
    fields_read: int
    fields_refused: int
    minimum_rbc_count: int
    protocol: str
    ran_on: RanOn
    disagreement_count: int = 0
    refused_cell_count: int = 0
    gametocyte_count: int | None = None
    stage_counts: dict[str, int] = field(default_factory=dict)
    protocol_version: int = 0
    minimum_usable_fields: int = 0
    more_fields: int = 0
    more_fields_why: str = ""
    mistaken_fraction: float | None = None
    density_per_ul: float | None = None
    density_low_per_ul: float | None = None
    density_high_per_ul: float | None = None
    rbc_per_ul: int = 0
    assumptions: tuple[str, ...] = ()
    uncounted_suspect_count: int = 0
    sensitivity_cell: float | None = None
    sensitivity_n_effective: float | None = None
    specificity_cell: float | None = None
    specificity_n_effective: float | None = None
    finished: bool = True
    reviewed_count: int = 0
    confirmed_count: int = 0
    rejected_count: int = 0
    unreviewed_count: int = 0
    person_counts: tuple[dict[str, Any], ...] = ()
    finding: str = ""
    finding_score: float | None = None
    radiographs: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Flat, as `screen --json` writes it; lists for tuples, so that it reads back the same."""
        flat = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
            if name != "ran_on"
        }
        return flat | vars(self.ran_on)

    @classmethod
    def from_json(cls, flat: Mapping[str, Any]) -> SlideReport:
        """The report of `to_json`; what an older record lacks takes its default.

        Raises:
            StoreError: a key that every record has is missing.
        """
        own = {item.name for item in fields(cls)} - {"ran_on"}
        ran = {item.name for item in fields(RanOn)}
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in flat.items()
        }
        try:
            ran_on = RanOn(**{key: value for key, value in values.items() if key in ran})
            return cls(**{k: v for k, v in values.items() if k in own}, ran_on=ran_on)
        except TypeError as error:
            raise StoreError(f"this is no slide's report: {error}; restore the record") from error
