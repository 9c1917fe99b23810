"""One chest X-ray from picture to call: score, map of what spoke for it, and how sure that is.

A network gives one number; whether to lean on it is asked by small changes that no reader would
mind (a rim cut off, a little more or less light). Where they change the call, a person decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.errors import BundleError, ImageError
from edge.contract.labels import NORMAL, XRAY_FINDINGS, XRAY_TASKS
from edge.contract.manifest import Manifest
from edge.contract.preprocess import prepare_crop
from edge.contract.types import F32Array, U8Array
from edge.runtimes.base import Scores
from edge.screening.calls import call_pictures, probabilities_from_logits, scores_from_logits
from edge.screening.classifier import Classifier
from edge.screening.crops import prepare_picture
from edge.xray.plausible import why_no_radiograph

# Share of width and height that a view leaves out, at the two sides named; and powers of light.
_RIM = 0.03
_CUTS = ((0, 0), (0, 1), (1, 0), (1, 1))
_LIGHTS = (0.8, 1.25)
# Views need no more pixels than this; networks see 112.
_VIEW_PX = 512
# Of the suspicion: between them calls on held-out patients were often wrong, see docs/xrays.md.
DOUBT_LOW, DOUBT_HIGH = 0.1, 0.7
# Of the finding that is called, where there are several.
LEAST_TOLD_APART = 0.7
UNSTEADY = "the call changes when a rim is cut off or the light changes a little"
BETWEEN = "the score lies where calls are often wrong"
ALIKE = "its findings cannot be told apart here"


@dataclass(frozen=True, eq=False)
class RadiographCall:
    """What a network says of one picture.

    Attributes:
        label: of `labels.XRAY_LABELS`.
        score: as `classify` gives it.
        probabilities: of each label; they sum to 1.
        suspicion: that it is not normal, 0 to 1.
        low: least suspicion of all views; `high` is the most.
        doubt: why a person must decide; empty where the call is steady and clear.
        finding: what the map speaks for: the finding called, or of a normal one the likeliest.
        cam: (h,w) float32 in logit units, over the square that holds the picture.
    """

    label: str
    score: float
    probabilities: dict[str, float]
    suspicion: float
    low: float
    high: float
    doubt: str
    finding: str
    cam: F32Array


class RadiographReader:
    """Calls pictures by one bundle.

    Raises:
        BundleError: the bundle is not for chest X-rays.
    """

    def __init__(self, classifier: Classifier) -> None:
        manifest = classifier.bundle.manifest
        known = {NORMAL, *XRAY_FINDINGS}
        if manifest.task not in XRAY_TASKS or not set(manifest.labels) <= known:
            raise BundleError(
                f"bundle {manifest.bundle_id} is for {manifest.task!r} with the labels "
                f"{', '.join(manifest.labels)}; give one for chest X-rays"
            )
        self.classifier = classifier
        self.manifest = manifest

    def read(self, image: U8Array) -> RadiographCall:
        """The call of one picture, (H,W,3) uint8 RGB.

        Raises:
            ImageError: it is no chest X-ray, or too small.
        """
        first = prepare_picture(image, self.manifest)
        if isinstance(first, str):
            raise ImageError(first)
        why = why_no_radiograph(image)
        if why:
            raise ImageError(why)
        spec = self.manifest.preprocessing
        batch = [first, *(prepare_crop(view, spec) for view in views(image))]
        return call_radiograph(self.classifier.runtime.run(np.stack(batch)), self.manifest)


def views(image: U8Array) -> Iterator[U8Array]:
    """The same chest, cut and lit a little differently; (h,w,3) uint8 RGB each."""
    height, width = image.shape[:2]
    scale = min(1.0, _VIEW_PX / max(height, width))
    size = max(3, round(width * scale)), max(3, round(height * scale))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    rows, columns = (max(1, round(_RIM * side)) for side in small.shape[:2])
    for bottom, right in _CUTS:
        yield small[
            (0 if bottom else rows) : (-rows if bottom else None),
            (0 if right else columns) : (-columns if right else None),
        ]
    for power in _LIGHTS:
        table = np.rint(255 * np.linspace(0, 1, 256) ** power).astype(np.uint8)
        yield table[small]


def call_radiograph(scores: Scores, manifest: Manifest) -> RadiographCall:
    """The call of the first of a batch, whose others are views of the same picture."""
    call = call_pictures(scores.logits[:1], manifest)[0]
    likely = _probabilities(scores.logits, manifest)
    suspicions = 1 - likely[:, manifest.labels.index(NORMAL)]
    calls = {one.label == NORMAL for one in call_pictures(scores.logits, manifest)}
    first = dict(zip(manifest.labels, (float(share) for share in likely[0]), strict=True))
    finding = _finding(call.label, first)
    return RadiographCall(
        label=call.label,
        score=call.score,
        probabilities=first,
        suspicion=float(suspicions[0]),
        low=float(suspicions.min()),
        high=float(suspicions.max()),
        doubt=_doubt(call.label, first, len(calls) > 1),
        finding=finding,
        cam=_map(scores.cams[0], finding, manifest.labels),
    )


def _probabilities(logits: F32Array, manifest: Manifest) -> F32Array:
    """(N,K) of each label, in the manifest's order; rows sum to 1."""
    if logits.ndim == 2:
        return probabilities_from_logits(logits, manifest.score_calibration)
    positive = scores_from_logits(logits, manifest.score_calibration)
    columns = [
        positive if label == manifest.positive_label else 1 - positive for label in manifest.labels
    ]
    return np.stack(columns, axis=1)


def _finding(label: str, likely: dict[str, float]) -> str:
    findings = [name for name in likely if name != NORMAL]
    return label if label != NORMAL else max(findings, key=lambda name: likely[name])


def _doubt(label: str, likely: dict[str, float], unsteady: bool) -> str:
    if unsteady:
        return UNSTEADY
    suspicion = 1 - likely[NORMAL]
    if DOUBT_LOW < suspicion < DOUBT_HIGH:
        return BETWEEN
    if label != NORMAL and likely[label] < LEAST_TOLD_APART:
        return ALIKE
    return ""


def doubtful_score(score: float, labels: int) -> bool:
    """Whether a score alone, as `classify` gives it, leaves the call in doubt.

    Args:
        score: of two labels P(positive), of more that of the label called.
        labels: how many the bundle has.
    """
    return DOUBT_LOW < score < DOUBT_HIGH if labels == 2 else score < LEAST_TOLD_APART


def _map(cam: F32Array, finding: str, labels: Sequence[str]) -> F32Array:
    """(h,w) of what speaks for a finding and against a normal chest."""
    if cam.ndim == 2:
        return cam
    return np.asarray(cam[..., labels.index(finding)] - cam[..., labels.index(NORMAL)], np.float32)
