"""A single picture with all that a network says of it, for a person who looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.contract.errors import ImageError
from edge.contract.labels import XRAY_TASKS
from edge.contract.types import F32Array, U8Array
from edge.screening.classifier import Classifier
from edge.screening.crops import CropResult, classify_images, decode_for, prepare_picture
from edge.xray.heat import FULL_LOGITS, shown_at
from edge.xray.reading import RadiographReader

# Of the map of a cell's network, which is the mean of many places; see `edge.analysis.explain`.
CELL_FULL_LOGITS = 40.0
SHOWN_PX = 900


@dataclass(frozen=True, eq=False)
class PictureView:
    """What is shown.

    Attributes:
        image: (H,W,3) uint8 RGB, no larger than SHOWN_PX; None where the file is no picture.
        cam: (h,w) float32 in logit units over the square that holds the picture; None where
            nothing was called.
        finding: the label that the map speaks for.
        full_logits: where the map's colour is full.
        certainty: of the label called, 0 to 1; None where nothing was called.
        doubt: why a person must decide; empty where the call is steady and clear.
    """

    result: CropResult
    image: U8Array | None = None
    cam: F32Array | None = None
    finding: str = ""
    full_logits: float = CELL_FULL_LOGITS
    certainty: float | None = None
    doubt: str = ""


def view_picture(name: str, data: bytes, classifier: Classifier) -> PictureView:
    """Reads, calls and explains a picture; what cannot be read says why in its result."""
    manifest = classifier.bundle.manifest
    try:
        image = decode_for(data, manifest)
    except ImageError as error:
        return PictureView(CropResult(name, refused=str(error)))
    if manifest.task in XRAY_TASKS:
        return _radiograph(name, image, classifier)
    result = next(classify_images([(name, image)], classifier))
    if result.refused:
        return PictureView(result, shown_at(image, SHOWN_PX))
    return _cell(result, image, classifier)


def _radiograph(name: str, image: U8Array, classifier: Classifier) -> PictureView:
    try:
        call = RadiographReader(classifier).read(image)
    except ImageError as error:
        return PictureView(CropResult(name, refused=str(error)), shown_at(image, SHOWN_PX))
    return PictureView(
        CropResult(name, call.score, call.label),
        shown_at(image, SHOWN_PX),
        call.cam,
        call.finding,
        FULL_LOGITS,
        call.probabilities[call.label],
        call.doubt,
    )


def _cell(result: CropResult, image: U8Array, classifier: Classifier) -> PictureView:
    manifest = classifier.bundle.manifest
    crop = prepare_picture(image, manifest)
    cam, finding, certainty = None, "", result.score
    if not isinstance(crop, str):
        cam = classifier.runtime.run(np.asarray(crop)[None]).cams[0]
        finding = manifest.positive_label or result.call
    if cam is not None and cam.ndim == 3:
        cam = cam[..., manifest.labels.index(finding)]
    if manifest.positive_label and result.score is not None:
        certainty = result.score if result.call == finding else 1 - result.score
    return PictureView(result, shown_at(image, SHOWN_PX), cam, finding, CELL_FULL_LOGITS, certainty)
