"""A camera over a simulated smear: no hardware, and the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from edge.cameras.base import Camera
from edge.cameras.smear import DrawnField, SmearSettings, draw_field
from edge.cameras.stream import shrink
from edge.contract.errors import CameraError, ConfigError, EndOfSourceError, NotFoundError
from edge.contract.types import Frame, U8Array

_PREFIX, _SUFFIX = "simulated-", ".png"


def _frame_name(index: int) -> str:
    return f"{_PREFIX}{index:04d}{_SUFFIX}"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SimulatedCamera(Camera):
    """Gives field after field of one simulated slide; keeps none of them.

    Args:
        seed: the slide, 0 or more.
        parasitaemia_fraction: chance that a red cell is parasitised; overrides that of `settings`
            where given. 0.04 where neither says.
        settings: what slide and microscope are like.
        fields: how many fields the slide has; None for no end.
        clock: tells the time of capture; must give a zone.

    Raises:
        ConfigError: a value out of range.
    """

    name = "simulated"
    # A field of many cells takes a small device seconds to draw.
    stall_s = 20.0

    def __init__(
        self,
        seed: int = 1,
        parasitaemia_fraction: float | None = None,
        settings: SmearSettings | None = None,
        fields: int | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        for what, value in (("seed", seed), ("fields", 0 if fields is None else fields)):
            if not isinstance(value, int) or value < 0:
                raise ConfigError(f"{what} is {value!r}; give a whole number, 0 or more")
        settings = settings or SmearSettings()
        if parasitaemia_fraction is not None:
            settings = replace(settings, parasitaemia_fraction=parasitaemia_fraction)
        self.settings = settings
        self.seed = seed
        self._fields = fields
        self._clock = clock
        self._next = 0
        self._drawn: U8Array | None = None
        self._closed = False

    def capture(self) -> Frame:
        """The next field of the slide."""
        image, index = self._draw_next(), self._next
        self._next += 1
        self._drawn = None
        return Frame(
            image,
            _frame_name(index),
            self._clock().isoformat(),
            self.settings.um_per_px,
            self.settings.exposure_ms,
        )

    def preview(self) -> U8Array:
        """The field that the next capture gives, small."""
        return shrink(self._draw_next())

    def skip(self, count: int) -> None:
        """Passes over fields without drawing them."""
        self._next += count
        self._drawn = None

    def _draw_next(self) -> U8Array:
        if self._closed:
            raise CameraError("simulated camera is closed; open it again")
        if self._fields is not None and self._next >= self._fields:
            raise EndOfSourceError(f"all {self._fields} fields of the slide have been read")
        if self._drawn is None:
            self._drawn = draw_field(self.settings, self.seed, self._next).image
        return self._drawn

    def truth(self, name: str) -> DrawnField:
        """The field of this frame's name with all its cells, drawn anew: nothing is kept.

        Raises:
            NotFoundError: not the name of a frame that this camera gave.
        """
        digits = name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
        index = int(digits) if digits.isdecimal() else self._next
        if index >= self._next or name != _frame_name(index):
            raise NotFoundError(
                f"no frame {name!r}; this camera gave {self._next}, from {_frame_name(0)} on"
            )
        return draw_field(self.settings, self.seed, index)

    def close(self) -> None:
        """Ends captures; the truth stays to be asked."""
        self._closed = True
