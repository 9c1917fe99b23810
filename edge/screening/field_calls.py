"""Scores and second opinion to the calls of a field's cells, and to whether it is a field at all.

Pure. The classifier's call stands where the two networks differ, and a person is told. What is no
red cell is not counted; where it looks infected all the same, it stays a suspect, so that it can
never help a slide to be negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge.analysis.quality import EMPTY, NOT_A_SMEAR
from edge.contract.labels import DEBRIS, PARASITISED, UNINFECTED, is_infected
from edge.contract.manifest import Manifest
from edge.contract.reference import LogitReference
from edge.contract.types import CellBox, CellCall, F32Array
from edge.runtimes.base import Scores
from edge.screening.calls import field_threshold, scores_from_logits
from edge.screening.novelty import Opinion, novelty_of

# Of fewer objects no share is taken.
LEAST_FOR_SHARE = 3
# Beyond it float32 has no room between a score and 1.
_LEAST_NOVELTY = 1e-6


def field_logits(
    scores: Scores, opinion: Opinion | None, reference: LogitReference | None
) -> F32Array:
    """(N,) logits that red cells are called by: the classifier's, or a sum of both networks'.

    On a microscope that neither has seen the two err on other cells, and what both suspect stands
    out from either's false alarms.
    """
    if opinion is None or reference is None or not reference.novelty_weight:
        return scores.logits
    novelty = np.clip(opinion.novelty.astype(np.float64), _LEAST_NOVELTY, 1 - _LEAST_NOVELTY)
    added = reference.novelty_weight * np.log(novelty / (1 - novelty))
    return np.asarray(scores.logits + added, np.float32)


def call_cells(
    boxes: Sequence[CellBox],
    scores: Scores,
    manifest: Manifest,
    opinion: Opinion | None = None,
    site_shift: float = 0.0,
) -> tuple[CellCall, ...]:
    """Scores to calls.

    Args:
        boxes: all objects of the field.
        scores: of the red cells among them, in the same order.
        opinion: on the same red cells or some of them; None where the bundle has no novelty
            network.
        site_shift: added to the logit that cells are called at.

    Raises:
        BundleError: the manifest has no operating point for fields.
    """
    threshold = field_threshold(manifest, site_shift)
    values = scores_from_logits(scores.logits, manifest.score_calibration)
    calls, at = [], 0
    for box in boxes:
        if box.kind != "rbc":
            calls.append(CellCall(box, box.kind))
            continue
        call = _first_call(box, float(values[at]), scores.cams[at], threshold)
        row = opinion.row_of(at) if opinion else None
        calls.append(
            _with_opinion(call, opinion, row, manifest) if opinion and row is not None else call
        )
        at += 1
    return tuple(calls)


def _first_call(box: CellBox, score: float, cam: F32Array, threshold: float) -> CellCall:
    label = PARASITISED if score >= threshold else UNINFECTED
    seen = cam if is_infected(label) else None
    return CellCall(box, label, score, counted=not box.at_border, cam=seen)


def _with_opinion(call: CellCall, opinion: Opinion, row: int, manifest: Manifest) -> CellCall:
    settings, threshold = novelty_of(manifest)
    infected = is_infected(call.label)
    novelty, foreign = float(opinion.novelty[row]), float(opinion.foreign[row])
    call = replace(call, novelty=novelty)
    if foreign >= settings.foreign_threshold:
        # Half a cell is no red cell to the network, and at the border the frame has cut it.
        return call if call.box.at_border else _refuse(call, foreign, settings.foreign_threshold)
    if (novelty >= threshold) == infected:
        return call
    return replace(call, disagrees=True, cam=call.cam if infected else opinion.maps[row])


def _refuse(call: CellCall, foreign: float, limit: float) -> CellCall:
    refused = f"no red blood cell (foreign {foreign:.2f}, limit {limit:.2f})"
    if is_infected(call.label):
        why = f"{refused}, though it looks infected; not counted, have it reviewed"
        return replace(call, counted=False, refused=why)
    return replace(call, label=DEBRIS, score=None, counted=False, refused=refused)


def field_refusal(calls: Sequence[CellCall], opinion: Opinion, manifest: Manifest) -> str:
    """Why the objects of a field make it none, empty where they do not.

    Args:
        calls: of all its objects.
        opinion: on its red cells, which are those with a novelty score.
    """
    candidates = [call for call in calls if call.novelty is not None]
    if not candidates:
        return EMPTY
    if opinion.asked is not None:
        # All would have been asked, had there been doubt.
        return ""
    settings, _ = novelty_of(manifest)
    foreign = opinion.foreign >= settings.foreign_threshold
    whole = np.array([not call.box.at_border for call in candidates])
    if np.count_nonzero(whole) >= LEAST_FOR_SHARE:
        return NOT_A_SMEAR if foreign[whole].mean() > settings.most_foreign_share else ""
    suspect = any(is_infected(call.label) for call in candidates)
    return NOT_A_SMEAR if foreign.all() and not suspect else ""
