"""Counts of each field, and figures of them with intervals by drawing whole blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from edge.contract.types import F64Array
from train.bootstrap import RESAMPLES, Figure, draw_weights, group_sums, summary

_SEED = 0


@dataclass(frozen=True, eq=False)
class Tallies:
    """Columns of one value a field; figures come with a 95 % interval.

    Attributes:
        columns: (F,) each.
        groups: (F,) what is resampled.
    """

    columns: Mapping[str, F64Array]
    groups: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, float]], groups: Sequence[str]) -> Tallies:
        """From one mapping a field, all of the same keys."""
        columns = {key: np.array([row[key] for row in rows], np.float64) for key in rows[0]}
        return cls(columns, np.asarray(groups))

    @cached_property
    def owner(self) -> np.ndarray:
        """(F,) index of each field's group."""
        return np.unique(self.groups, return_inverse=True)[1]

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return int(self.owner.max()) + 1

    @cached_property
    def weights(self) -> F64Array:
        """(1 + resamples, groups), the first row all ones."""
        return draw_weights(self.n_groups, RESAMPLES, _SEED)

    def drawn(self, name: str) -> F64Array:
        """(1 + resamples,) sums of a column."""
        return self.weights @ self.per_group(name)

    def per_group(self, name: str) -> F64Array:
        """(groups,) sums of a column."""
        return group_sums(self.columns[name][:, None], self.owner, self.n_groups)[:, 0]

    def total(self, name: str) -> int:
        """Sum of a column."""
        return int(self.columns[name].sum())

    def figure(self, row: F64Array, n: int) -> Figure:
        """A figure of (1 + resamples,) values."""
        return summary(np.asarray(row, np.float64), n, self.n_groups)

    def share(self, part: str, of: str, scale: float = 1.0) -> Figure:
        """Sum of one column over that of another."""
        with np.errstate(divide="ignore", invalid="ignore"):
            row = scale * self.drawn(part) / self.drawn(of)
        return self.figure(row, self.total(of))

    def mean(self, name: str) -> Figure:
        """Mean over fields, those of NaN left out."""
        known = np.isfinite(self.columns[name])
        values = np.where(known, self.columns[name], 0.0)
        sums = group_sums(np.column_stack([values, known]), self.owner, self.n_groups)
        with np.errstate(divide="ignore", invalid="ignore"):
            row = (self.weights @ sums[:, 0]) / (self.weights @ sums[:, 1])
        return self.figure(row, int(known.sum()))

    def median(self, name: str) -> Figure:
        """Median over fields, those of NaN left out."""
        rows = np.flatnonzero(np.isfinite(self.columns[name]))
        order = rows[np.argsort(self.columns[name][rows], kind="stable")]
        values = self.columns[name][order]
        times = np.cumsum(self.weights[:, self.owner[order]], axis=1)
        half = times[:, -1:] / 2
        # Between two middle values lies their mean, as of any median.
        low = (times >= half).argmax(axis=1)
        high = (times > half).argmax(axis=1)
        row = np.where(times[:, -1] > 0, (values[low] + values[high]) / 2, np.nan)
        return self.figure(row, len(rows))
