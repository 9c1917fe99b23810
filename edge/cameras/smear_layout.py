"""Where the objects of a simulated field lie: mostly apart, some touching, some overlapping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.cameras.smear_cells import outline_for
from edge.cameras.smear_settings import SmearSettings
from edge.cameras.smear_shapes import Outline
from edge.cameras.smear_stain import Stain
from edge.contract.labels import DEBRIS, NON_RBC, PLATELET, STAGES, UNINFECTED, WBC
from edge.contract.types import BoolArray, F64Array

# Distance of centres over the sum of radii: edges that just meet, and overlaps that a person
# (and a watershed) can still part.
_TOUCHING = (0.985, 1.02)
_OVERLAPPING = (0.70, 0.90)
# Places tried for one object before the roomiest of them is taken.
_TRIES = 48
_GAP = 1.07


@dataclass(frozen=True, eq=False)
class Placed:
    """One object with its place: centre in px of the frame, which may lie outside it."""

    label: str
    outline: Outline
    x_px: float
    y_px: float


def lay_out(settings: SmearSettings, stain: Stain, rng: np.random.Generator) -> list[Placed]:
    """All objects of one field, in the order in which they are drawn."""
    # Crowding differs from field to field by more than chance: smears are not even.
    crowding = np.clip(rng.normal(1, 0.08), 0.8, 1.2)
    mean = min(settings.cells_per_field * crowding, settings.most_cells)
    count = int(rng.binomial(2 * round(mean), 0.5)) if mean else 0
    labels = [WBC] * int(rng.poisson(mean * settings.wbc_per_1000_rbc / 1000))
    labels += _red_labels(settings, count, rng)
    labels += [PLATELET] * int(rng.poisson(settings.platelets_per_field))
    labels += [DEBRIS] * int(rng.poisson(settings.debris_per_field))
    plan = _Plan(settings, len(labels))
    for label in labels:
        plan.place(label, outline_for(label, stain, 1 / settings.um_per_px, rng), rng)
    return plan.placed


def _red_labels(settings: SmearSettings, count: int, rng: np.random.Generator) -> list[str]:
    weights = np.array(settings.stage_shares)
    drawn = rng.choice(len(STAGES), count, p=weights / weights.sum())
    infected = rng.random(count) < settings.parasitaemia_fraction
    return [
        STAGES[stage] if ill else UNINFECTED for stage, ill in zip(drawn, infected, strict=True)
    ]


class _Plan:
    """The field while it fills up."""

    def __init__(self, settings: SmearSettings, capacity: int) -> None:
        self.placed: list[Placed] = []
        self._settings = settings
        self._x = np.empty(capacity)
        self._y = np.empty(capacity)
        self._radius = np.empty(capacity)

    def place(self, label: str, outline: Outline, rng: np.random.Generator) -> None:
        """Finds a place and adds the object."""
        x, y = self._choose(label, outline, rng)
        index = len(self.placed)
        self._x[index], self._y[index] = x, y
        # Between a disc's and the longest radius: oblong cells keep clear of their neighbours.
        self._radius[index] = (outline.long_px + outline.mean_px) / 2
        self.placed.append(Placed(label, outline, x, y))

    def _choose(
        self, label: str, outline: Outline, rng: np.random.Generator
    ) -> tuple[float, float]:
        choice = rng.random()
        settings = self._settings
        red = [index for index, item in enumerate(self.placed) if item.label not in NON_RBC]
        if label == DEBRIS and red and choice < settings.debris_on_cells_fraction:
            return self._on_top(self.placed[int(rng.choice(red))], rng)
        if label not in NON_RBC and red:
            if choice < settings.overlapping_fraction:
                return self._against(outline, red, _OVERLAPPING, rng)
            if choice < settings.overlapping_fraction + settings.touching_fraction:
                return self._against(outline, red, _TOUCHING, rng)
        return self._apart(outline, rng)

    def _on_top(self, cell: Placed, rng: np.random.Generator) -> tuple[float, float]:
        angle = rng.uniform(0, 2 * np.pi)
        away = 0.8 * float(cell.outline.radius_px(angle)) * np.sqrt(rng.random())
        return cell.x_px + away * np.cos(angle), cell.y_px + away * np.sin(angle)

    def _against(
        self,
        outline: Outline,
        red: list[int],
        closeness: tuple[float, float],
        rng: np.random.Generator,
    ) -> tuple[float, float]:
        for index in rng.choice(red, 6):
            other = self.placed[index]
            angle = rng.uniform(0, 2 * np.pi)
            reach = float(other.outline.radius_px(angle) + outline.radius_px(angle + np.pi))
            away = reach * rng.uniform(*closeness)
            x, y = other.x_px + away * np.cos(angle), other.y_px + away * np.sin(angle)
            clear = self._clearance(np.array([x]), np.array([y]), outline)[0]
            clear[index] = np.inf
            if clear.min() > 0:
                return x, y
        return self._apart(outline, rng)

    def _apart(self, outline: Outline, rng: np.random.Generator) -> tuple[float, float]:
        reach = outline.mean_px
        x = rng.uniform(-0.7 * reach, self._settings.width_px + 0.7 * reach, _TRIES)
        y = rng.uniform(-0.7 * reach, self._settings.height_px + 0.7 * reach, _TRIES)
        if not self.placed:
            return float(x[0]), float(y[0])
        clear = self._clearance(x, y, outline).min(axis=1)
        free = np.flatnonzero(clear > 0)
        best = free[0] if len(free) else int(clear.argmax())
        return float(x[best]), float(y[best])

    def _clearance(self, x: F64Array, y: F64Array, outline: Outline) -> F64Array:
        """(tries, placed) px to spare between an object at each try and all that lie already."""
        count = len(self.placed)
        away = np.hypot(x[:, None] - self._x[:count], y[:, None] - self._y[:count])
        radius = (outline.long_px + outline.mean_px) / 2
        return np.asarray(away - _GAP * (radius + self._radius[:count]))


def overlapped(placed: list[Placed]) -> BoolArray:
    """(N,) bool: True for cells (red or white) that another one covers in part."""
    lies_over = np.zeros(len(placed), bool)
    cells = [index for index, item in enumerate(placed) if item.label not in (PLATELET, DEBRIS)]
    x = np.array([placed[index].x_px for index in cells])
    y = np.array([placed[index].y_px for index in cells])
    reach = np.array([placed[index].outline.long_px for index in cells]) * 1.1
    away = np.hypot(x[:, None] - x, y[:, None] - y)
    for first, second in np.argwhere(np.triu(away < reach[:, None] + reach, 1)):
        one, other = placed[cells[first]], placed[cells[second]]
        angle = float(np.arctan2(other.y_px - one.y_px, other.x_px - one.x_px))
        sum_px = float(one.outline.radius_px(angle) + other.outline.radius_px(angle + np.pi))
        # Under two pixels is touching: the soft edges meet, no body lies on another.
        if away[first, second] < sum_px - 2:
            lies_over[[cells[first], cells[second]]] = True
    return lies_over
