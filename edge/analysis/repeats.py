"""Whether a field shows a place that was read before, also shifted, brighter or a little blurred.

A field is kept as a small signature. All earlier ones are searched at once for the shift at which
they agree best (cross-correlation by FFT), and the few best are compared over what they share.
Turned or enlarged fields are not recognised: a slide on a stage only shifts.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.analysis.foreground import GREEN
from edge.contract.types import F32Array, U8Array

# Width and height of the picture that fields are compared by, and of that they are searched by:
# a red cell of an iml field is 4 px wide in the one and 2.5 in the other.
_FINE_PX, _COARSE_PX = (64, 48), (40, 30)
_LOCAL_PX = 6.0
_GREY_PER_SIGMA, _GREY_MIDDLE = 40.0, 128.0
# Px by which the coarse search may be off, in the fine picture.
_SLACK_PX = 2
_BEST_SEARCHED = 4

Complex64Array = npt.NDArray[np.complex64]


@dataclass(frozen=True)
class RepeatLimits:
    """When two fields show the same place.

    Attributes:
        least_overlap: share of the field that both must show.
        least_agreement: correlation over what both show. Of all pairs of iml-fields, different
            places reach .59, and frames that truly overlap have .75 to 1; halves of one field with
            another light, blur and noise have .85 and more.
        least_peak: of the coarse search, below which a field is not compared.
    """

    least_overlap: float = 0.3
    least_agreement: float = 0.8
    least_peak: float = 0.1


@dataclass(frozen=True, eq=False)
class Signature:
    """What is kept of a field, about 8 KB.

    Attributes:
        fine: (48,64) uint8, the stain against its surroundings, 128 in the middle.
        spectrum: (30,21) complex64, of the same at the coarse size, its total power 1.
    """

    fine: U8Array
    spectrum: Complex64Array


@dataclass(frozen=True)
class Match:
    """An earlier field that shows the same place.

    Attributes:
        name: of the earlier field.
        overlap: share of the field that both show.
        agreement: correlation over it.
    """

    name: str
    overlap: float
    agreement: float


def signature_of(image: U8Array) -> Signature:
    """The signature of a field, (H,W,3) uint8 RGB."""
    height_px, width_px = image.shape[:2]
    step = max(1, min(width_px // (4 * _FINE_PX[0]), height_px // (4 * _FINE_PX[1])))
    green = np.ascontiguousarray(image[::step, ::step, GREEN])
    fine = _against_surroundings(green, _FINE_PX, _LOCAL_PX)
    local = _LOCAL_PX * _COARSE_PX[0] / _FINE_PX[0]
    spectrum = np.fft.rfft2(_against_surroundings(green, _COARSE_PX, local))
    # Half-way to phase alone: sharp peaks, without lifting the noise to the level of the cells.
    spectrum /= np.sqrt(np.abs(spectrum) + 1e-6)
    power = np.fft.irfft2(spectrum * spectrum.conj(), _COARSE_PX[::-1])[0, 0]
    grey = np.clip(_GREY_MIDDLE + _GREY_PER_SIGMA * fine, 0, 255)
    scale = 1.0 / np.sqrt(max(float(power), 1e-12))
    return Signature(grey.astype(np.uint8), (spectrum * scale).astype(np.complex64))


def _against_surroundings(green: U8Array, size_px: tuple[int, int], local_px: float) -> F32Array:
    """Logarithm of the light less that of the surroundings, mean 0 and sigma 1."""
    small = cv2.resize(green, size_px, interpolation=cv2.INTER_AREA).astype(np.float32)
    density = np.asarray(cv2.log(small + 1.0), np.float32)
    density -= cv2.GaussianBlur(density, (0, 0), local_px)
    density -= density.mean()
    return np.asarray(density / max(float(density.std()), 1e-3), np.float32)


class SeenFields:
    """The fields of one specimen that were read. Not for several threads at once."""

    def __init__(self, limits: RepeatLimits | None = None) -> None:
        self._limits = limits or RepeatLimits()
        self._names: list[str] = []
        self._fine: list[U8Array] = []
        self._spectra = np.zeros((0, _COARSE_PX[1], _COARSE_PX[0] // 2 + 1), np.complex64)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, signature: Signature) -> None:
        """Keeps a field that was read."""
        if len(self) == len(self._spectra):
            room = np.empty((max(16, 2 * len(self)), *self._spectra.shape[1:]), np.complex64)
            room[: len(self)] = self._spectra
            self._spectra = room
        self._spectra[len(self)] = signature.spectrum
        self._names.append(name)
        self._fine.append(signature.fine)

    def forget(self, name: str) -> None:
        """Drops a field; one that is not there is no harm."""
        if name not in self._names:
            return
        place = self._names.index(name)
        self._spectra[place : len(self) - 1] = self._spectra[place + 1 : len(self)].copy()
        del self._names[place], self._fine[place]

    def find(self, signature: Signature) -> Match | None:
        """The earlier field that shows the same place, None where there is none."""
        if not self._names:
            return None
        spectra = self._spectra[: len(self)]
        surfaces = np.fft.irfft2(spectra * signature.spectrum.conj(), _COARSE_PX[::-1])
        flat = surfaces.reshape(len(self), -1)
        peaks, places = flat.max(axis=1), flat.argmax(axis=1)
        for index in np.argsort(-peaks)[:_BEST_SEARCHED].tolist():
            if peaks[index] < self._limits.least_peak:
                return None
            match = self._compare(index, signature.fine, int(places[index]))
            if match is not None:
                return match
        return None

    def _compare(self, index: int, fine: U8Array, place: int) -> Match | None:
        """The match at the place of a peak; a shift and its complement share the peak."""
        columns, rows = _COARSE_PX
        down, across = divmod(place, columns)
        best: Match | None = None
        for shift in (
            (x * _FINE_PX[0] / columns, y * _FINE_PX[1] / rows)
            for x in (across, across - columns)
            for y in (down, down - rows)
        ):
            overlap, agreement = _agreement(self._fine[index], fine, shift)
            if overlap < self._limits.least_overlap or agreement < self._limits.least_agreement:
                continue
            if best is None or agreement > best.agreement:
                best = Match(self._names[index], overlap, agreement)
        return best


def _agreement(earlier: U8Array, later: U8Array, shift: tuple[float, float]) -> tuple[float, float]:
    """Share that both show, and the correlation there, at the best of the shifts about this one."""
    width, height = _FINE_PX
    x, y = round(shift[0]), round(shift[1])
    left, right = max(x, 0) + _SLACK_PX, width + min(x, 0) - _SLACK_PX
    top, bottom = max(y, 0) + _SLACK_PX, height + min(y, 0) - _SLACK_PX
    if right - left < 2 * _SLACK_PX or bottom - top < 2 * _SLACK_PX:
        return 0.0, 0.0
    part = earlier[top:bottom, left:right]
    field = later[
        top - y - _SLACK_PX : bottom - y + _SLACK_PX, left - x - _SLACK_PX : right - x + _SLACK_PX
    ]
    found = cv2.matchTemplate(field, part, cv2.TM_CCOEFF_NORMED)
    overlap = (width - abs(x)) * (height - abs(y)) / (width * height)
    return overlap, float(found.max())
