"""What docs/xrays.md says of real X-rays: whom the check of shape refuses, what doubt is worth."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.contract.labels import NORMAL
from edge.xray.plausible import why_no_radiograph
from edge.xray.reading import DOUBT_HIGH, DOUBT_LOW

RECORDS = Path(__file__).parent.parent / "train/records/cxr-pneumonia-student"
BUNDLE = Path(__file__).parent.parent / "edge/bundles/cxr-pneumonia-1/manifest.json"
EVERY = 3


def refused_share(folder: Path, pattern: str = "*", most: int = 500) -> float:
    """Of the pictures in a folder, read as grey, those that are taken for no chest."""
    paths = sorted(folder.glob(pattern))[::EVERY][:most]
    assert paths, folder
    images = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths)
    return float(np.mean([bool(why_no_radiograph(np.dstack([image] * 3))) for image in images]))


@pytest.mark.data
def test_few_chests_are_taken_for_something_else(real_data: Path) -> None:
    assert refused_share(real_data / "cxr/normal") == 0
    assert refused_share(real_data / "cxr/pneumonia") < 0.015
    assert refused_share(real_data / "cxr/covid") < 0.035


@pytest.mark.data
def test_most_grey_pictures_of_blood_are_refused(real_data: Path) -> None:
    assert refused_share(real_data / "nih-cells/parasitised") > 0.8
    assert refused_share(real_data / "iml-fields/images") > 0.85
    assert refused_share(real_data / "bccd-fields/images") > 0.8
    assert refused_share(real_data / "chula-fields/images") > 0.95


def test_calls_outside_the_doubtful_band_are_seldom_wrong() -> None:
    manifest = json.loads(BUNDLE.read_text())
    parts = [np.load(path) for path in sorted(RECORDS.glob("fold*/held_out.npz"))]
    logits = np.concatenate([part["logit"] for part in parts]).astype(np.float64)
    sick = np.concatenate([part["label"] for part in parts]) != manifest["labels"].index(NORMAL)
    suspicion = 1 / (1 + np.exp(-logits))
    wrong = (suspicion >= manifest["operating_point"]["threshold"]) != sick
    doubtful = (suspicion > DOUBT_LOW) & (suspicion < DOUBT_HIGH)
    assert len(sick) == 3141
    assert wrong[doubtful].mean() > 0.3 and doubtful.mean() < 0.08
    assert wrong[~doubtful].mean() < 0.007
