"""A scripted reader of fields under the real service and store, so that pages show known counts."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from flask.testing import FlaskClient

from edge.contract.images import encode_image
from edge.contract.manifest import ErrorRate, OperatingPoint
from edge.contract.types import CellBox, CellCall, FieldQuality, FieldResult, Frame, RanOn
from edge.screening.service import ScreeningService
from edge.screening.uncertain import NONE_FLAGGED, Flagged

CELL_PX, COLUMNS = 20, 12
RAN_ON = RanOn("malaria-cells-1.2.0", "ab" * 32, "litert", "cpu-xnnpack", False, 2)


def operating_point() -> OperatingPoint:
    """A classifier good enough for a small count to decide."""
    rate = ErrorRate(0.98, 10_000, 100, 5_000.0)
    return OperatingPoint(0.5, "validation", "highest", 0.95, rate, rate)


_PLACES = itertools.count()


@dataclass
class ScriptedScreener:
    """Calls `cells` cells a field, the first `positive` of them infected; dark fields are refused.

    Attributes:
        disputed: of the cells behind them, each suspected by one opinion alone, in turns.
        refused: of the cells behind those, no red cells; the first looks infected.
        stages: of the first infected cells, one each; None where stages are not told apart.
        gate: fields wait for it while it is set; for a specimen that must still be running.
    """

    cells: int = 60
    positive: int = 6
    disputed: int = 0
    refused: int = 0
    unasked: int = 0
    stages: Sequence[str] | None = None
    ran_on: RanOn = RAN_ON
    gate: threading.Event | None = None
    failure: Exception | None = None
    bundle: Any = field(
        default_factory=lambda: SimpleNamespace(
            manifest=SimpleNamespace(
                operating_point=operating_point(),
                field_operating_point=operating_point(),
                novelty=None,
                novelty_threshold=None,
            )
        )
    )

    def close(self) -> None:
        """Holds nothing."""

    def give_second_opinion(self) -> None:
        """From now on a second network looks at each cell, and says what follows from it."""
        self.disputed, self.refused = 4, 5
        manifest = self.bundle.manifest
        manifest.novelty_threshold = 0.9
        manifest.novelty = SimpleNamespace(
            foreign_threshold=0.62,
            most_foreign_share=0.5,
            false_alarm=ErrorRate(0.01, 5_000, 40, 900.0),
            false_refusal=ErrorRate(0.004, 5_000, 40, 900.0),
        )

    def ask_some(self, unasked: int) -> None:
        """From now on the second network is not asked about so many healthy cells of a field."""
        self.unasked = unasked
        manifest = self.bundle.manifest
        manifest.logit_reference = SimpleNamespace(novelty_weight=0.0)
        manifest.novelty.field_median = None

    def tell_stages(self, *stages: str) -> None:
        """From now on a network names these stages in each field."""
        self.stages = stages
        named = {"stages_bundle_id": "stages-1.0.0", "stages_bundle_sha256": "cd" * 32}
        self.ran_on = replace(self.ran_on, **named)

    def forget(self) -> None:
        """It remembers nothing."""

    def screen(self, frame: Frame, flagged: Flagged = NONE_FLAGGED) -> FieldResult:
        if self.gate is not None:
            assert self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        brightness = float(np.median(frame.image.max(axis=2)))
        if brightness < 40:
            reason = f"too dark (brightness {brightness:.0f}); open the lamp"
            return FieldResult(frame.name, FieldQuality(False, reason, 1.0, brightness, 0.0, 0.0))
        quality = FieldQuality(True, "", 5.0, brightness, 0.001, 0.3)
        calls = [self._call(number) for number in range(self.cells)]
        calls.append(CellCall(_box(self.cells, "platelet"), "platelet"))
        for number, stage in enumerate(self.stages or ()):
            calls[number] = replace(calls[number], label=stage)
        timings = {"quality": 1.5, "infer": 20.25}
        return FieldResult(frame.name, quality, tuple(calls), timings, self.stages is not None)

    def _call(self, number: int) -> CellCall:
        infected = number < self.positive
        cam = np.linspace(-1, 9, 36, dtype=np.float32).reshape(6, 6) if infected else None
        score = 0.99 - 0.05 * number if infected else 0.02
        label = "parasitised" if infected else "uninfected"
        call = CellCall(
            _box(number), label, max(score, 0.5) if infected else score, None, True, cam
        )
        return self._second_opinion(call, number) if self.disputed or self.refused else call

    def _second_opinion(self, call: CellCall, number: int) -> CellCall:
        """As `edge.screening.field_calls` says it."""
        cam = np.linspace(-1, 9, 36, dtype=np.float32).reshape(6, 6)
        at = number - self.positive
        if not 0 <= at < self.disputed + self.refused:
            unasked = number >= self.cells - self.unasked
            return replace(call, novelty=None if unasked else 0.95 if at < 0 else 0.03)
        infected = at % 2 == 0 if at < self.disputed else at == self.disputed
        if infected:
            call = replace(call, label="parasitised", score=0.75)
        if at < self.disputed:
            novelty = 0.1 if infected else 0.97
            return replace(call, novelty=novelty, disagrees=True, cam=cam)
        refused = "no red blood cell (foreign 0.98, limit 0.62)"
        if infected:
            why = f"{refused}, though it looks infected; not counted, have it reviewed"
            return replace(call, novelty=0.99, counted=False, refused=why, cam=cam)
        return replace(
            call, label="debris", score=None, novelty=0.99, counted=False, refused=refused
        )


def _box(number: int, kind: str = "rbc") -> CellBox:
    row, column = divmod(number, COLUMNS)
    mask = np.ones((CELL_PX, CELL_PX), bool)
    return CellBox(column * CELL_PX, row * CELL_PX, CELL_PX, CELL_PX, mask, kind)


def field_png(level: int = 200) -> bytes:
    """A colour image of 240 x 120 px, each of another place of the slide."""
    image = np.full((120, 240, 3), level, np.uint8)
    seed = next(_PLACES)
    coarse = np.random.default_rng(seed).integers(0, level // 2 + 1, (10, 20)).astype(np.uint8)
    image[:, :, 1] = level // 2 + cv2.resize(coarse, (240, 120)) // 2
    return encode_image(image)


def wait_until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    """Waits for a condition, or fails."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def token(client: FlaskClient, address: str = "/specimens/new") -> str:
    """The CSRF token of a form."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(address).text)
    assert found
    return found[1]


def submit(client: FlaskClient, **form: Any) -> Any:
    """Sends the form of a new specimen."""
    data = {"label": "S-0142", "source": "upload", "csrf_token": token(client)} | form
    return client.post("/specimens/new", data=data, content_type="multipart/form-data")


def screen_uploads(
    client: FlaskClient, service: ScreeningService, files: list[tuple[Any, str]], **form: Any
) -> str:
    """Uploads, waits for the result, returns the specimen's id."""
    response = submit(client, images=files, **form)
    assert response.status_code == 303, response.text
    assert service.wait(10)
    return str(response.location).rsplit("/", 1)[-1]


def value_of(page: str, testid: str) -> str:
    """The `data-value` of an element."""
    found = re.search(rf'data-testid="{testid}"\s+data-value="([^"]*)"', page)
    assert found, f"{testid} is not on the page"
    return found[1]
