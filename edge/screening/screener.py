"""One field from light to calls: quality, cells, preprocessing, network, calls. No I/O, no state.

The steps are timed apart, because on a device the network is seldom the slow one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from edge.analysis.cells import find_cells
from edge.analysis.quality import assess_quality
from edge.contract.errors import BundleError
from edge.contract.preprocess import Preprocessing, prepare_cells
from edge.contract.reference import LogitReference
from edge.contract.site import SiteCheck, shift_in_force
from edge.contract.types import (
    BoolArray,
    CellBox,
    CellCall,
    F32Array,
    FieldQuality,
    FieldResult,
    Frame,
    RanOn,
    U8Array,
)
from edge.runtimes.base import Runtime
from edge.screening.asking import healthy_below
from edge.screening.calls import check_reads_fields, field_threshold, logit_at
from edge.screening.classifier import Classifier
from edge.screening.field_calls import call_cells, field_logits, field_refusal
from edge.screening.finder import LearnedFinder, crowding
from edge.screening.stages import Prepare, StageNetwork
from edge.screening.uncertain import NONE_FLAGGED, Flagged, mark_uncertain

MIN_BOX_PX = 5
NOT_ASKED = "no network of stages was opened"


@dataclass(frozen=True, eq=False)
class Screener(Classifier):
    """A classifier of the cells of a field.

    Attributes:
        finder: finds the cells; None finds them without a network.
        stages: names the stage of called cells; None where they stay `parasitised`.
        stages_problem: why there is none, for the record.
        site: the site's check; of another bundle than this it is not in force.
        reference: where the bundle's logits lie at home; None adjusts nothing.

    Raises:
        BundleError: the bundle is not made for fields.
        GoldenMismatchError: its golden tensors came out different.
    """

    finder: LearnedFinder | None = None
    stages: StageNetwork | None = None
    stages_problem: str = NOT_ASKED
    site: SiteCheck | None = None
    reference: LogitReference | None = None
    clock: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        check_reads_fields(self.bundle.manifest)
        if self.bundle.manifest.finder and not self.finder:
            raise BundleError(
                f"bundle {self.bundle.manifest.bundle_id} has a finder; open it, too, or other "
                "cells would be found than its figures are of"
            )
        super().__post_init__()

    @property
    def ran_on(self) -> RanOn:
        """What really runs, for the record."""
        weight = self.reference.novelty_weight if self.reference and self.novelty else 0.0
        ran_on = replace(super().ran_on, novelty_weight=weight, **self._site_in_force())
        if self.stages is None:
            return replace(ran_on, stages_problem=self.stages_problem)
        named = self.stages.bundle
        return replace(
            ran_on,
            stages_bundle_id=named.manifest.bundle_id,
            stages_bundle_sha256=named.sha256,
        )

    def networks_beside(self) -> dict[str, Runtime | None]:
        """See `Classifier.networks_beside`."""
        others = {"finder": self.finder, "stages": self.stages}
        beside = {role: found.runtime if found else None for role, found in others.items()}
        return super().networks_beside() | beside

    @property
    def site_shift(self) -> float | None:
        """What the site's check moves the threshold by; None where none is in force."""
        return shift_in_force(self.site, self.bundle)

    def _site_in_force(self) -> dict[str, Any]:
        if self.site is None or self.site_shift is None:
            return {}
        who = f"{self.site.checked_by}, {self.site.checked_utc}"
        return {"site_shift": self.site_shift, "site_check": who}

    def close(self) -> None:
        """Frees its networks; may be called twice."""
        super().close()
        for network in (self.finder, self.stages):
            if network:
                network.runtime.close()

    def forget(self) -> None:
        """Forgets the fields before: the next one is read as by a screener that was just opened."""
        if self.finder:
            self.finder.network.forget()

    def screen(self, frame: Frame, flagged: Flagged = NONE_FLAGGED) -> FieldResult:
        """Reads one field; a field that is not usable has no cells.

        Where an accelerator fails meanwhile and another one takes over, the field is read again: a
        record names what computed all of it.

        Args:
            flagged: cells of the specimen's earlier fields that a reviewer is asked about.

        Raises:
            HardwareError: nothing on this device can compute the networks any more.
        """
        while True:
            ran_on = self.ran_on
            result = self._screen_once(frame, flagged)
            if self.ran_on == ran_on:
                return replace(result, ran_on=ran_on)

    def _screen_once(self, frame: Frame, flagged: Flagged) -> FieldResult:
        timings: dict[str, float] = {}
        with self._timed(timings, "quality"):
            quality = assess_quality(frame)
        if not quality.usable:
            return FieldResult(frame.name, quality, (), timings)
        with self._timed(timings, "cells"):
            find = self.finder.network.find if self.finder else find_cells
            boxes = [
                _clear_of(quality.lettering_px, box) for box in find(frame) if _is_readable(box)
            ]
        if crowded := crowding(boxes):
            return FieldResult(frame.name, _unusable(quality, crowded), (), timings)
        red = [box for box in boxes if box.kind == "rbc"]
        with self._timed(timings, "preprocess"):
            batch = prepare_cells(frame.image, red, self.bundle.manifest.preprocessing)
        calls, refusal = self._call(boxes, batch, flagged, timings)
        if refusal:
            return FieldResult(frame.name, _unusable(quality, refusal), (), timings)
        if self.stages:
            with self._timed(timings, "stages"):
                calls = self.stages.name(calls, self._prepare_again(frame, red, batch))
        return FieldResult(frame.name, quality, calls, timings, self.stages is not None)

    def _prepare_again(self, frame: Frame, red: Sequence[CellBox], batch: U8Array) -> Prepare:
        """Gives some of the red cells for another network, anew only where it wants them other."""

        def prepare(places: Sequence[int], spec: Preprocessing) -> U8Array:
            if spec == self.bundle.manifest.preprocessing:
                return batch[list(places)]
            return prepare_cells(frame.image, [red[place] for place in places], spec)

        return prepare

    def _call(
        self,
        boxes: Sequence[CellBox],
        batch: U8Array,
        flagged: Flagged,
        timings: dict[str, float],
    ) -> tuple[tuple[CellCall, ...], str]:
        """The calls of all objects, and why they make no field; empty where they do."""
        manifest, opinion = self.bundle.manifest, None
        with self._timed(timings, "infer"):
            scores = self.runtime.run(batch)
        if self.novelty:
            with self._timed(timings, "novelty"):
                red = [box for box in boxes if box.kind == "rbc"]
                whole = np.array([not box.at_border for box in red], bool)
                opinion = self.novelty.read_field(batch, whole, self._asked(scores.logits))
        with self._timed(timings, "call"):
            logits = field_logits(scores, opinion, self.reference)
            calls = call_cells(
                boxes, replace(scores, logits=logits), manifest, opinion, self.site_shift or 0.0
            )
            refusal = field_refusal(calls, opinion, manifest) if opinion else ""
            calls = self._ask(calls, logits, flagged)
        return calls, refusal

    def _asked(self, logits: F32Array) -> BoolArray | None:
        """Of which red cells the second opinion matters; None of all."""
        limit = healthy_below(self.reference, self._threshold_logit, self.site_shift or 0.0)
        return None if limit is None else np.asarray(logits >= limit)

    @property
    def _threshold_logit(self) -> float:
        manifest = self.bundle.manifest
        threshold = field_threshold(manifest, self.site_shift or 0.0)
        return logit_at(threshold, manifest.score_calibration)

    def _ask(
        self, calls: tuple[CellCall, ...], logits: F32Array, flagged: Flagged
    ) -> tuple[CellCall, ...]:
        """The calls, with those flagged that a reviewer should look at."""
        if self.reference is None or self.reference.uncertain is None:
            return calls
        at = self._threshold_logit
        return mark_uncertain(calls, logits, at, self.reference.uncertain, flagged)

    @contextmanager
    def _timed(self, timings: dict[str, float], stage: str) -> Iterator[None]:
        started = self.clock()
        yield
        timings[stage] = round((self.clock() - started) * 1000, 3)


def _unusable(quality: FieldQuality, reason: str) -> FieldQuality:
    return replace(quality, usable=False, reason=reason)


def _clear_of(lettering_px: tuple[int, int, int, int] | None, box: CellBox) -> CellBox:
    """The box; one that burnt-in lettering touches is no whole cell, as at the frame's edge."""
    if lettering_px is None:
        return box
    left, top, width, height = lettering_px
    beside = left >= box.left_px + box.width_px or box.left_px >= left + width
    above = top >= box.top_px + box.height_px or box.top_px >= top + height
    return box if beside or above else replace(box, at_border=True)


def _is_readable(box: CellBox) -> bool:
    """A sliver at the frame's edge holds nothing that could be called."""
    return min(box.width_px, box.height_px) >= MIN_BOX_PX


def refused_field(name: str, reason: str) -> FieldResult:
    """The result of a field that could not even be decoded."""
    return FieldResult(name, FieldQuality(False, reason, 0.0, 0.0, 0.0, 0.0))
