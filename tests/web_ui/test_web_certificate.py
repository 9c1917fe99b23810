"""The certificate's page: what a person compares, as text and as a code."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import cv2
import numpy as np
from flask.testing import FlaskClient
from web_samples import value_of

from edge.certificate import load_or_create_certificate
from edge.screening.service import ScreeningService

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def test_fingerprint_is_shown_as_text_and_as_a_code(
    client: FlaskClient, service: ScreeningService
) -> None:
    made = load_or_create_certificate(service.store.home, ["clinic.local"], NOW)
    page = client.get("/certificate").text
    assert value_of(page, "fingerprint") == made.fingerprint
    lines = re.findall(r"<code>([0-9A-F ]+)</code>", page)
    assert len(lines) == 4 and " ".join(lines) == made.fingerprint.replace(":", " ")
    assert "clinic.local" in page and "2036" in page and "This page is not encrypted" in page
    code = client.get("/certificate/code.svg")
    assert code.mimetype == "image/svg+xml" and code.headers["Cache-Control"] == "no-store"
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(drawn(code.text))
    assert text == f"CLINICSCOPE TLS SHA-256 {made.fingerprint}"


def drawn(svg: str) -> np.ndarray:
    """The code as a picture: segno draws each row's dark squares as strokes of one path."""
    size = re.search(r'width="(\d+)"', svg)
    steps = re.findall(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?", svg[svg.index(' d="') :])
    assert size and steps
    modules = int(size[1]) // 4
    image = np.full((modules, modules), 255, np.uint8)
    x = y = 0.0
    for command, first, second in steps:
        if command == "h":
            image[int(y), int(x) : int(x + float(first))] = 0
            x += float(first)
        else:
            x, y = (float(first), float(second)) if command == "M" else (
                x + float(first), y + float(second or 0))  # fmt: skip
    return cv2.resize(image, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)


def test_device_without_a_certificate_says_so(client: FlaskClient) -> None:
    page = client.get("/certificate")
    assert page.status_code == 200 and "has no certificate yet" in page.text
    assert client.get("/certificate/code.svg").status_code == 404
