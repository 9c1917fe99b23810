"""An archive that is drawn as it is read: for examples without data, and for measurements."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields as fields_of_class
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from edge.archive.sources import Slide, Source
from edge.cameras.base import Camera
from edge.cameras.settings import settings_from_text
from edge.cameras.simulated import SimulatedCamera
from edge.cameras.smear import SmearSettings
from edge.contract.errors import ConfigError

PREFIX = "simulated:"
# Of one seed; slides of two seeds are never the same.
MOST_SLIDES = 10**8


class SimulatedSource(Source):
    """`simulated:slides=N&fields=M&seed=S`, and settings of the smear (width_px=640 and so on).

    Every second slide carries no parasite; the others have `parasitaemia_fraction`.

    Raises:
        ConfigError: an unknown setting, or a value out of range.
    """

    grows = False

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        given = dict(parse_qsl(text.removeprefix(PREFIX), keep_blank_values=True))
        self._slides = _whole(given.pop("slides", "10"), "slides", MOST_SLIDES)
        self._count = _whole(given.pop("fields", "10"), "fields", 10_000)
        self._seed = _whole(given.pop("seed", "1"), "seed", 10_000)
        known = {one.name for one in fields_of_class(SmearSettings)}
        if unknown := sorted(set(given) - known):
            raise ConfigError(
                f"{text}: unknown {', '.join(unknown)}; known: slides, fields, seed, "
                f"{', '.join(sorted(known))}"
            )
        settings: dict[str, Any] = settings_from_text("simulated", SmearSettings, given)
        self._smear = SmearSettings(**settings)

    def slides(self) -> Iterator[Slide]:
        """See `Source.slides`."""
        for number in range(self._slides):
            yield self.look(f"slide-{number:08d}")

    def look(self, slide_id: str) -> Slide:
        """See `Source.look`."""
        said = repr((self._count, self._seed, self._smear_of(_number(slide_id))))
        return Slide(slide_id, hashlib.sha256(said.encode()).hexdigest()[:16])

    def open(self, slide_id: str) -> tuple[Slide, Camera]:
        """See `Source.open`."""
        number = _number(slide_id)
        seed = self._seed * MOST_SLIDES + number
        camera = SimulatedCamera(seed, settings=self._smear_of(number), fields=self._count)
        return self.look(slide_id), camera

    def _smear_of(self, number: int) -> SmearSettings:
        return self._smear if number % 2 else replace(self._smear, parasitaemia_fraction=0.0)


def _number(slide_id: str) -> int:
    return int(slide_id.removeprefix("slide-"))


def _whole(text: str, what: str, most: int) -> int:
    if not text.isdecimal() or not (what == "seed" or int(text)) or int(text) > most:
        raise ConfigError(f"{what} is {text!r}; give a whole number up to {most:,}")
    return int(text)
